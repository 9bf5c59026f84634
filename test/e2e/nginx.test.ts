import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createInterface } from 'node:readline'
import { FormData, fetch, type RequestInit, type Response } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { completion, echo, hang } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { type Nginx, startNginx } from '../support/nginx.ts'
import { bringProgram, bringTimeoutMs } from '../support/programs.ts'
import { contentOf, isComment, readRecords } from '../support/sse-reader.ts'
import { stepwise } from '../support/stepwise-upstream.ts'
import { Gate } from '../support/workload.ts'

/** A real nginx with the configuration of docs/operations.md, its buffering on as it is by default. */
let program: string | null = null
let broker: TestBroker
let nginx: Nginx

beforeAll(async () => {
  program = await bringProgram('nginx')
  if (program === null) return
  broker = await startTestBroker({ config: { server: { port: 0, max_body_mb: 1, max_wait: '200ms' } } })
  // Silence of more than one heartbeat is too much.
  nginx = await startNginx({
    program,
    apiUrl: broker.url,
    instead: { 'proxy_read_timeout 75s': 'proxy_read_timeout 20s' },
  })
}, bringTimeoutMs)
beforeEach(({ skip }) => skip(program === null, 'there is no nginx here, and none can be installed'))
afterEach(() => {
  if (program !== null) broker.upstream.script = echo
})
afterAll(async () => {
  await nginx?.[Symbol.asyncDispose]()
  await broker?.[Symbol.asyncDispose]()
})

const pieces = ['Grüße', ' 日本', '語 👩‍👧', '\n\ndata: {}\n\n', 'id: 7\n', ' Ende.']
const whole = pieces.join('')

/** A request through nginx. */
function pass(
  path: string,
  { json, headers, ...init }: RequestInit & Pick<SendOptions, 'json'> = {},
): Promise<Response> {
  return fetch(nginx.url + path, {
    dispatcher: nginx.dispatcher,
    headers: {
      authorization: `Bearer ${broker.keys.acme}`,
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...(headers as Record<string, string> | undefined),
    },
    ...(json !== undefined && { method: 'POST', body: JSON.stringify(json) }),
    redirect: 'manual',
    ...init,
  })
}

const records = (response: Response) => readRecords(response as unknown as globalThis.Response)
const messages = [{ role: 'user', content: 'x' }]
const chat = { model: 'local', messages, stream: true, stream_options: { include_usage: true } }

async function makeJob(): Promise<string> {
  const json = { model: 'local', input: { endpoint: '/v1/chat/completions', body: { messages, stream: true } } }
  const response = await pass('/v1/jobs', { json })
  expect(response.status).toBe(202)
  return ((await response.json()) as { id: string }).id
}

/** The stream to its end, each piece sent only when the one before has arrived: nothing is held back on the way. */
async function readStepByStep(response: Response, stepped: ReturnType<typeof stepwise>): Promise<string> {
  expect(response.status).toBe(200)
  const seen: string[] = []
  let sent = 0
  for await (const record of records(response)) {
    seen.push(record)
    const arrived = sent === 0 || record.includes(JSON.stringify(pieces[sent - 1]).slice(1, -1))
    if (arrived && sent < pieces.length) {
      stepped.sendNext()
      sent += 1
    }
  }
  expect(sent).toBe(pieces.length)
  return seen.join('')
}

describe('streams behind nginx', () => {
  it('of chats arrive token by token, and byte for byte', async () => {
    const stepped = stepwise(pieces)
    broker.upstream.script = stepped.script
    const headers = { 'idempotency-key': 'nginx-chat' }
    const passed = await readStepByStep(await pass('/v1/chat/completions', { json: chat, headers }), stepped)
    const direct = await (await broker.send('/v1/chat/completions', { json: chat, headers })).text()
    expect(passed).toBe(direct)
    expect(contentOf(passed.split(/(?<=\n\n)/))).toBe(whole)
  })

  it('of responses arrive token by token, and byte for byte', async () => {
    const stepped = stepwise(pieces)
    broker.upstream.script = stepped.script
    const response = await pass('/v1/responses', { json: { model: 'local', input: 'x', stream: true } })
    const passed = await readStepByStep(response, stepped)
    const id = /"id":"(resp_\w+)"/.exec(passed)?.[1]
    const direct = await (await broker.send(`/v1/responses/${id}?stream=true`)).text()
    expect(passed).toBe(direct)
    expect(passed).toContain(JSON.stringify(whole))
  })

  it('of jobs arrive token by token, byte for byte, and resume at every event', async () => {
    const stepped = stepwise(pieces)
    broker.upstream.script = stepped.script
    const id = await makeJob()
    const passed = await readStepByStep(await pass(`/v1/jobs/${id}/events`), stepped)
    const path = `/v1/jobs/${id}/events`
    expect(passed).toBe(await (await broker.send(path)).text())
    const [hello = '', ...events] = passed.split(/(?<=\n\n)/)
    expect(isComment(hello)).toBe(true)
    for (let seen = 0; seen <= events.length; seen += 1) {
      const rest = await (await pass(path, { headers: { 'last-event-id': String(seen) } })).text()
      expect(rest).toBe(hello + events.slice(seen).join(''))
    }
  })

  it('outlast its patience by their heartbeats, where a silent answer does not', async () => {
    const gate = new Gate()
    broker.upstream.script = async (_call, response) => {
      await gate.opened
      response.writeHead(200, { 'content-type': 'application/json' }).end(completion('at last'))
    }
    const id = await makeJob()
    const stream = records(await pass(`/v1/jobs/${id}/events`))
    const first = await stream.next()
    expect(isComment(first.value ?? '')).toBe(true)
    const silent = await pass(`/v1/jobs/${id}?wait=60`)
    expect(silent.status).toBe(504)
    gate.open()
    const rest = await Array.fromAsync(stream)
    expect(rest.filter((record) => record.startsWith(': keep-alive'))).not.toEqual([])
    expect(rest.at(-1)).toContain('event: job.completed')
  }, 60_000)

  it('end for the API when their reader leaves', async () => {
    broker.upstream.script = hang
    const leaving = new AbortController()
    const before = broker.upstream.calls.length
    const response = await pass('/v1/chat/completions', { json: chat, signal: leaving.signal })
    const call = await broker.upstream.callOf(({ number }) => number > before)
    leaving.abort()
    await call.request.closed
    const job = `/v1/jobs/${response.headers.get('x-sluice-job-id')}`
    await eventually('the job is cancelled', async () => {
      const { status } = (await (await broker.send(job)).json()) as { status: string }
      return status === 'cancelled'
    })
  })
})

describe('other answers behind nginx', () => {
  it('lead those who wait long to where they came from', async () => {
    const gate = new Gate()
    broker.upstream.script = async (_call, response) => {
      await gate.opened
      response.writeHead(200, { 'content-type': 'application/json' }).end(completion('worth it'))
    }
    let response = await pass('/v1/chat/completions', { json: { model: 'local', messages } })
    for (let hop = 1; hop <= 3; hop += 1) {
      expect(response.status).toBe(303)
      const location = response.headers.get('location') ?? ''
      expect(location).toMatch(/^\/v1\/chat\/completions\/\w+\?wait=/)
      if (hop === 3) gate.open()
      response = await pass(location, hop === 3 ? { redirect: 'follow' } : {})
    }
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'worth it' } }] })
  })

  it('take uploads of 50 MB, and give them back', async () => {
    const line = `${JSON.stringify({ custom_id: 'x', body: 'Grüße '.repeat(1_000) })}\n`
    const content = Buffer.from(line.repeat(Math.ceil((50 * 1024 * 1024) / Buffer.byteLength(line))))
    const form = new FormData()
    form.set('purpose', 'batch')
    form.set('file', new Blob([content]), 'large.jsonl')
    const upload = await pass('/v1/files', { method: 'POST', body: form })
    expect(upload.status).toBe(200)
    const { id, bytes } = (await upload.json()) as { id: string; bytes: number }
    expect(bytes).toBe(content.length)
    const hash = createHash('sha256')
    const download = await pass(`/v1/files/${id}/content`)
    for await (const part of download.body ?? []) hash.update(part)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'))
  }, 60_000)

  it('say what became of each line of a bulk before the next one is sent', async () => {
    const asking = httpsRequest(`${nginx.url}/v1/jobs/bulk`, {
      ...nginx.tls,
      method: 'POST',
      headers: { authorization: `Bearer ${broker.keys.acme}`, 'content-type': 'application/x-ndjson' },
    })
    const job = { model: 'local', input: { endpoint: '/v1/chat/completions', body: { messages } } }
    const sendLine = () => asking.write(`${JSON.stringify(job)}\n`)
    sendLine()
    const [response] = (await once(asking, 'response')) as [IncomingMessage]
    const answered: number[] = []
    for await (const line of createInterface({ input: response })) {
      answered.push((JSON.parse(line) as { line: number }).line)
      if (answered.length < 3) sendLine()
      else asking.end()
    }
    expect(answered).toEqual([1, 2, 3])
  })
})
