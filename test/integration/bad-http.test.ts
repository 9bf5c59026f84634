import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectErrorShape } from '../support/api-errors.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'

/** What no HTTP client would send, written to the bare connection. `bad-input.test.ts` has the rest. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterAll(() => broker[Symbol.asyncDispose]())

const chatPath = '/v1/chat/completions'

async function expectGoodChat(): Promise<void> {
  const json = { model: 'local', messages: [{ role: 'user', content: 'echo: still here' }] }
  const response = await broker.send(chatPath, { json })
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'still here' } }] })
}

describe('the key', () => {
  it('is asked for before the body is read', async () => {
    const head = `POST ${chatPath} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n`
    expect(await sendRaw(head)).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('is asked for when the request target is a whole URL', async () => {
    const answer = await sendRaw('GET http://sluice/v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
  })
})

describe('a body', () => {
  it('is refused to a client that reads nothing before it has sent 100 MB', async () => {
    const bytes = 100 * 1024 * 1024
    const socket = connect(Number(new URL(broker.url).port), '127.0.0.1').pause()
    const answered = readAnswer(socket)
    socket.write(
      `POST ${chatPath} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${broker.keys.acme}\r\n` +
        `content-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`,
    )
    await new Promise((resolve) => socket.write(Buffer.alloc(bytes, 0x20), resolve))
    socket.resume()
    expect(await answered).toMatch(/^HTTP\/1\.1 413 /)
    await expectGoodChat()
  })
})

describe('what is hardly HTTP', () => {
  const start = `POST ${chatPath} HTTP/1.1\r\nhost: x\r\n`
  it.each([
    ['headers of 100 kB', `${start}x-bomb: ${'b'.repeat(100_000)}\r\n\r\n`, 431],
    [
      '5,000 headers',
      `${start}${Array.from({ length: 5_000 }, (_, index) => `x-${index}: bomb\r\n`).join('')}\r\n`,
      431,
    ],
    ['a header with a NUL', `${start}x-nul: a\0b\r\n\r\n`, 400],
    ['a line that is no request', 'hello?\r\n\r\n', 400],
    ['an unknown method', `BREW ${chatPath} HTTP/1.1\r\nhost: x\r\n\r\n`, 400],
    ['two lengths', `${start}content-length: 1\r\ncontent-length: 2\r\n\r\n{}`, 400],
    ['a length that is no number', `${start}content-length: many\r\n\r\n{}`, 400],
    ['a length and chunks', `${start}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [
      'broken chunks',
      `${start}authorization: Bearer sk-test-acme-0123456789\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
      400,
    ],
  ])('is refused: %s', async (_name, text, status) => {
    const answer = await sendRaw(text)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expectErrorShape(answer.slice(answer.indexOf('\r\n\r\n') + 4))
    await expectGoodChat()
  })

  it('is forgotten when the client leaves in the middle of its body', async () => {
    const socket = connect(Number(new URL(broker.url).port), '127.0.0.1')
    const head = `${start}authorization: Bearer ${broker.keys.acme}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n`
    await new Promise<void>((resolve) => socket.write(`${head}{"model":`, () => resolve()))
    socket.destroy()
    await expectGoodChat()
  })
})

/** Sends bytes as they are and returns what comes back until the server closes, or has answered. */
function sendRaw(text: string): Promise<string> {
  const socket = connect(Number(new URL(broker.url).port), '127.0.0.1')
  socket.write(text)
  return readAnswer(socket)
}

function readAnswer(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    socket.on('data', (bytes) => {
      answer += bytes
      if (isWholeAnswer(answer)) socket.end()
    })
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
    socket.on('close', () => resolve(answer))
  })
}

function isWholeAnswer(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  const length = /content-length: (\d+)/i.exec(text)?.[1]
  return end !== -1 && length !== undefined && text.length >= end + 4 + Number(length)
}
