import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { BrokerError } from '../../src/core/errors.ts'
import { ProviderError } from '../../src/core/provider.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

function createRecorder(level?: string) {
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => void lines.push(JSON.parse(line))
  return { lines, logger: createLogger({ level, role: 'auditor', node: 'mac-1' }, { write }) }
}

function logged(facts: object): Record<string, unknown> {
  const { lines, logger } = createRecorder()
  logger.info(facts, 'something happened')
  return lines[0] ?? {}
}

const leak = 'my patient Ada Lovelace'

describe('a log line', () => {
  it('says when, who and what, and carries the facts', () => {
    expect(logged({ job_id: 'job_1', duration_ms: 12.5, attempts: [{ deployment: 'gpt', outcome: 'ok' }] })).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      role: 'auditor',
      node: 'mac-1',
      pid: process.pid,
      msg: 'something happened',
      job_id: 'job_1',
      duration_ms: 12.5,
      attempts: [{ deployment: 'gpt', outcome: 'ok' }],
    })
  })

  it.each([
    [undefined, ['info', 'warn', 'error']],
    ['', ['info', 'warn', 'error']],
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['WARN', ['warn', 'error']],
    ['silent', []],
  ])('is written with LOG_LEVEL=%s at %j', (level, expected) => {
    const { lines, logger } = createRecorder(level)
    for (const method of ['debug', 'info', 'warn', 'error'] as const) logger[method]({}, 'sentence')
    expect(lines.map((line) => line.level)).toEqual(expected)
  })

  it('is not written at a level that does not exist', () => {
    expect(() => createRecorder('loud')).toThrow(/LOG_LEVEL must be one of debug, info, warn, error, silent/)
  })

  it('reaches stderr although the process exits at once, and leaves stdout alone', () => {
    const module = pathToFileURL('src/telemetry/logger.ts').href
    const script = `
      import { createLogger } from '${module}'
      const logger = createLogger({ level: 'info', role: 'api', node: 'node-1' })
      for (let line = 0; line < 500; line += 1) logger.info({ line }, 'about to exit')
      process.exit(3)`
    const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
    expect(child).toMatchObject({ status: 3, stdout: '' })
    const lines = child.stderr.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line).line)).toEqual(Array.from({ length: 500 }, (_, line) => line))
  })
})

describe('a secret or content in the facts', () => {
  it.each([
    ['messages', { messages: [{ role: 'user', content: leak }] }],
    ['content below other names', { request: { body: { choices: [{ message: { content: leak } }] } } }],
    ['content in a list', { items: [[{ Content: leak }]] }],
    ['a prompt', { prompt: leak }],
    ['an authorization header', { headers: { Authorization: `Bearer ${leak}` } }],
    ['an API key in any spelling', { api_key: leak, apiKey: leak, 'X-Api-Key': leak, API_KEY: leak }],
    ['a password', { redis: { password: leak } }],
    ['a Buffer', { data: Buffer.from(leak) }],
    ['an array of bytes', { data: new Uint8Array(Buffer.from(leak)) }],
    ['a long text under a harmless name', { note: leak.repeat(100) }],
    ['something nested without end', { a: { b: { c: { d: { e: { f: { note: leak } } } } } } }],
  ])('is not printed: %s', (_kind, facts) => {
    const line = JSON.stringify(logged(facts))
    expect(line).not.toContain('Lovelace')
    expect(line).not.toContain(String(Buffer.from(leak).subarray(0, 6).join(',')))
  })

  it('is not printed as part of a URL', () => {
    const { url, nested, href } = logged({
      url: 'redis://default:hunter2@redis.internal:6379/0',
      nested: { target: 'https://hooks.example/a?token=hunter2&x=1 refused' },
      href: new URL('https://ada:hunter2@example.com/x'),
    })
    expect(url).toBe('redis://[redacted]@redis.internal:6379/0')
    expect(nested).toEqual({ target: 'https://hooks.example/a?[redacted] refused' })
    expect(href).toBe('https://[redacted]@example.com/x')
  })

  it('does not hide the numbers that share its name', () => {
    expect(logged({ tokens: { input: 12, output: 34 } })).toMatchObject({ tokens: { input: 12, output: 34 } })
  })

  it('is left as it was in the object that was logged', () => {
    const facts = { password: leak, nested: { content: leak } }
    logged(facts)
    expect(facts).toEqual({ password: leak, nested: { content: leak } })
  })
})

describe('an error in the facts', () => {
  it('of Sluice is printed by code, name and message, its cause by name and code only', () => {
    const cause = Object.assign(new Error(leak), { code: 'ECONNRESET' })
    expect(logged({ err: new BrokerError('queue_full', undefined, { cause }) }).err).toEqual({
      name: 'BrokerError',
      code: 'queue_full',
      message: 'Too many open jobs; try again later.',
      cause: { name: 'Error', code: 'ECONNRESET' },
    })
  })

  it('of an upstream is printed with its kind and status', () => {
    const error = new ProviderError('rate_limited', 'The upstream answered 429', {
      status: 429,
      cause: new Error(leak),
    })
    expect(logged({ err: error }).err).toEqual({
      name: 'ProviderError',
      code: 'rate_limited',
      status: 429,
      message: 'The upstream answered 429',
      cause: { name: 'Error', code: 'internal_error' },
    })
  })

  it('of anybody else is printed without its message, which may quote a prompt', () => {
    let caught: unknown
    try {
      JSON.parse(`${leak}\n    at Lovelace (here)`)
    } catch (error) {
      caught = error
    }
    const { err, ...rest } = logged({ err: caught })
    expect(err).toEqual({ name: 'SyntaxError', code: 'internal_error', stack: expect.any(Array) })
    expect(JSON.stringify({ err, rest })).not.toMatch(/Lovelace|patient/)
    expect(JSON.stringify(err)).toContain('logger.test.ts')
  })

  it('of Redis is printed by the code that begins its message', () => {
    const error = Object.assign(new Error(`OOM command not allowed, args: ${leak}`), { name: 'ReplyError' })
    expect(logged({ err: error }).err).toMatchObject({ name: 'ReplyError', code: 'OOM' })
    expect(JSON.stringify(logged({ err: error }))).not.toContain('Lovelace')
  })

  it('is treated alike under another name, and instead of the facts', () => {
    const error = new BrokerError('job_not_found')
    const expected = { name: 'BrokerError', code: 'job_not_found', message: 'No such job for this key.' }
    expect(logged({ nested: { reason: error } }).nested).toEqual({ reason: expected })
    expect(logged(error).err).toEqual(expected)
  })
})
