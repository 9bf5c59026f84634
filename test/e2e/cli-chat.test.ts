import { tmpdir } from 'node:os'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, chunkRecord, echo } from '../support/chat-upstream.ts'
import { type CliEnd, runCli, startCli } from '../support/cli-process.ts'

let broker: TestBroker

beforeAll(async () => {
  broker = await startTestBroker()
})

afterAll(() => broker[Symbol.asyncDispose]())

beforeEach(() => {
  broker.upstream.script = echo
})

function options(env: Record<string, string> = {}) {
  return { cwd: tmpdir(), env: { SLUICE_URL: broker.url, SLUICE_API_KEY: broker.keys.acme, ...env } }
}

function chat(words: readonly string[], stdin?: string): Promise<CliEnd> {
  return runCli(['chat', ...words], { ...options(), ...(stdin !== undefined && { stdin }) })
}

/** Half an answer, and then the connection is gone. */
const breakOff: ChatScript = (_, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(chunkRecord({ content: 'Half an ans' }), () => response.destroy())
}

describe('sluice chat', () => {
  it('writes the answer as it comes', async () => {
    const { promise: seen, resolve: onSeen } = Promise.withResolvers<void>()
    broker.upstream.script = async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunkRecord({ content: 'first ' }))
      // The rest is held back until the first piece has been read.
      await seen
      response.write(chunkRecord({ content: 'second' }))
      response.end(`${chunkRecord({}, 'stop')}data: [DONE]\n\n`)
    }
    const { child, ended } = startCli(['chat', '--model', 'local', 'hello'], options())
    child.stdout?.on('data', (piece) => {
      if (String(piece).includes('first')) onSeen()
    })
    expect(await ended).toEqual({ exitCode: 0, stdout: 'first second\n', stderr: '' })
  })

  it('sends the words as one message, after the system message', async () => {
    await chat(['--model', 'local', '--system', 'Be brief.', 'echo:', 'a', 'b'])
    const call = broker.upstream.calls.at(-1)
    expect(JSON.parse(call?.request.body ?? '').messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'echo: a b' },
    ])
  })

  it.each([[[]], [['-']]])('reads the message from stdin with the words %j', async (words) => {
    const { stdout } = await chat(['--model', 'local', ...words], 'echo: from a pipe')
    expect(stdout).toBe('from a pipe\n')
  })

  it('prints one JSON object with --json', async () => {
    const { stdout } = await chat(['--model', 'local', '--json', 'echo: hi'])
    expect(JSON.parse(stdout)).toEqual({
      model: 'local',
      content: 'hi',
      finish_reason: 'stop',
      usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 },
    })
  })

  it('keeps what came of an answer that breaks off, says that it did, and fails', async () => {
    broker.upstream.script = breakOff
    const { exitCode, stdout, stderr } = await chat(['--model', 'local', 'hello'])
    expect(stdout).toBe('Half an ans\n')
    expect(stderr).toMatch(/^error: .*\[stream_interrupted\]$/m)
    expect(exitCode).toBe(1)
  })

  it('says it in JSON with --json', async () => {
    broker.upstream.script = breakOff
    const { exitCode, stdout } = await chat(['--model', 'local', '--json', 'hello'])
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'stream_interrupted' } })
    expect(exitCode).toBe(1)
  })

  it.each([
    ['a key that is not known', { SLUICE_API_KEY: 'sk-wrong' }, 1, /\[invalid_api_key\]/],
    ['no key', { SLUICE_API_KEY: '' }, 2, /set SLUICE_API_KEY/],
    [
      'an address where nobody listens',
      { SLUICE_URL: 'http://127.0.0.1:1' },
      1,
      /No connection to http:\/\/127\.0\.0\.1:1 /,
    ],
    ['an address that is none', { SLUICE_URL: 'here' }, 2, /not an http/],
  ])('says so plainly: %s', async (_, env, exitCode, message) => {
    const end = await runCli(['chat', '--model', 'local', 'hello'], options(env))
    expect(end.stderr).toMatch(message)
    expect(end.stderr.trim().split('\n')).toHaveLength(1)
    expect(end.exitCode).toBe(exitCode)
  })

  it('asks which model where there are several', async () => {
    const { exitCode, stderr } = await chat(['hello'])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/--model: .*local/)
  })
})
