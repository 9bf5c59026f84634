import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { FailedCall } from '../../src/core/failed-call.ts'
import { createJobId } from '../../src/core/job.ts'
import { FailureBoard } from '../../src/delivery/failure-board.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, hang, refuse } from '../support/chat-upstream.ts'

/** What becomes of a call that is sent again although its failure stands, as some clients do after any 5xx. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({ config: { server: { port: 0, max_body_mb: 1, max_wait: '1s' } } })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

let prompts = 0
function newPrompt(): string {
  prompts += 1
  return `question ${prompts}`
}

type Options = SendOptions & { more?: object }
const chat = (prompt: string, { more, ...rest }: Options = {}) =>
  broker.send('/v1/chat/completions', {
    json: { model: 'local', messages: [{ role: 'user', content: prompt }], ...more },
    ...rest,
  })
const callsOf = (prompt: string) => broker.upstream.calls.filter((call) => call.prompt === prompt).length
const jobOf = (response: Response) => response.headers.get('x-sluice-job-id') ?? ''
const errorOf = async (response: Response) =>
  ((await response.json()) as { error: { code: string; message: string } }).error

/** A call whose every attempt fails, and how often the upstream was called for it. */
async function fail(prompt: string, options: Options = {}) {
  broker.upstream.script = refuse(500)
  const response = await chat(prompt, options)
  expect(response.status).toBe(502)
  return { id: jobOf(response), error: await errorOf(response), calls: callsOf(prompt) }
}

describe('a call that has failed for good', () => {
  it('is told again to whoever sends it again, and costs no other job and no call', async () => {
    const prompt = newPrompt()
    const { id, error, calls } = await fail(prompt)
    expect(error.code).toBe('upstream_failed')
    expect(calls).toBeGreaterThan(1)
    // It would be answered by now.
    broker.upstream.script = echo
    for (const again of await Promise.all([chat(prompt), chat(prompt), chat(prompt)])) {
      expect(again.status).toBe(502)
      expect(jobOf(again)).toBe(id)
      expect(again.headers.get('x-should-retry')).toBe('false')
      expect(again.headers.get('x-sluice-attempts')).toBe(String(calls))
      expect(await errorOf(again)).toEqual(error)
    }
    expect(callsOf(prompt)).toBe(calls)
  })

  it('is told again when it passed its deadline, behind redirects too', async () => {
    broker.upstream.script = hang
    const prompt = newPrompt()
    const headers = { 'x-sluice-deadline': '2' }
    const first = await chat(prompt, { headers })
    expect(first.status).toBe(303)
    const path = (first.headers.get('location') ?? '').replace(/wait=.*/, 'wait=20')
    const late = await broker.send(path)
    expect(late.status).toBe(504)
    const again = await chat(prompt, { headers })
    expect([again.status, jobOf(again)]).toEqual([504, jobOf(first)])
    expect((await errorOf(again)).code).toBe('deadline_exceeded')
    expect(callsOf(prompt)).toBe(1)

    broker.upstream.script = echo
    const patient = await chat(prompt, { headers: { 'x-sluice-deadline': '30' } })
    expect(patient.status).toBe(200)
  })

  it('is told again by the other endpoints that wait', async () => {
    broker.upstream.script = refuse(500)
    for (const [path, json] of [
      ['/v1/embeddings', { model: 'local', input: newPrompt() }],
      ['/v1/responses', { model: 'local', input: newPrompt() }],
      ['/v1/responses', { model: 'local', input: newPrompt(), store: false }],
    ] as const) {
      const [first, again] = [await broker.send(path, { json }), await broker.send(path, { json })]
      expect([first.status, again.status]).toEqual([502, 502])
      expect(jobOf(again)).toBe(jobOf(first))
      expect(await errorOf(again)).toEqual(await errorOf(first))
    }
  })

  it.each<[string, Options]>([
    ['of another tenant', { tenant: 'globex' }],
    ['with another body', { more: { temperature: 0.5 } }],
    ['of another priority', { headers: { 'x-sluice-priority': 'batch' } }],
    ['that streams', { more: { stream: true } }],
    ['that asks for a new answer', { headers: { 'cache-control': 'no-cache' } }],
    ['with a key of its own', { headers: { 'idempotency-key': 'a new try' } }],
  ])('is not told to a request %s', async (_name, options) => {
    const prompt = newPrompt()
    const { id } = await fail(prompt)
    broker.upstream.script = echo
    const other = await chat(prompt, options)
    expect(other.status).toBe(200)
    expect(jobOf(other)).not.toBe(id)
    await other.text()
  })
})

describe('a call that has failed and whose job was deleted', () => {
  it('is made anew', async () => {
    const prompt = newPrompt()
    const { id } = await fail(prompt)
    expect((await broker.send(`/v1/jobs/${id}`, { method: 'DELETE' })).status).toBe(200)
    broker.upstream.script = echo
    const again = await chat(prompt)
    expect(again.status).toBe(200)
    expect(jobOf(again)).not.toBe(id)
  })
})

describe('what is not a failure that stands', () => {
  it.each([
    ['an answer', echo, 200],
    ['a request that the upstream refuses', refuse(400), 400],
  ])('is made anew for each request: %s', async (_name, script, status) => {
    broker.upstream.script = script
    const heard: string[] = []
    const subscriber = new Redis(broker.server.url)
    subscriber.on('message', (_channel, message: string) => heard.push(message))
    await subscriber.subscribe('sluice:left')
    const prompt = newPrompt()
    const [first, second] = [await chat(prompt), await chat(prompt)]
    expect([first.status, second.status]).toEqual([status, status])
    expect(jobOf(second)).not.toBe(jobOf(first))
    // Nobody was told either.
    await broker.redis.publish('sluice:left', 'the end')
    await vi.waitFor(() => expect(heard).toContain('the end'))
    subscriber.disconnect()
    expect(heard).toEqual(['the end'])
  })
})

describe('the board of failed calls', () => {
  it('tells of a call for no longer because the clock of who ended its job is ahead', async () => {
    let nowMs = 1_000_000
    const subscriber = new Redis(broker.server.url)
    const board = new FailureBoard({ redis: broker.redis, subscriber, log, now: () => nowMs })
    await board.note(failure('ahead.600', nowMs + 3_600_000))
    await board.note(failure('in time.600', nowMs))
    expect(board.find('ahead.600')).not.toBeNull()
    nowMs += 15_000
    expect(board.find('ahead.600')).toBeNull()
    expect(board.find('in time.600')).toBeNull()
    expect(board.hasAny).toBe(false)
    subscriber.disconnect()
  })

  const log = createLogger({ level: 'debug', role: 'test', node: 'test' }, { write: () => {} })
  const failure = (fingerprint: string, atMs: number): FailedCall => ({
    job: createJobId(),
    fingerprint,
    atMs,
    factsJson: '{"error":{"message":"two words"}}',
  })

  it('tells the other processes, for 15 s, of at most 1,000 calls', async () => {
    let nowMs = 1_000_000
    const connections = [1, 2, 3, 4].map(() => new Redis(broker.server.url))
    const [redis, first, , second] = connections
    if (!redis || !first || !second) throw new Error('no connection')
    const [here, there] = [first, second].map(
      (subscriber) => new FailureBoard({ redis, subscriber, log, now: () => nowMs }),
    )
    if (!here || !there) throw new Error('no board')
    await Promise.all([here.start(), there.start()])
    expect(there.hasAny).toBe(false)
    const call = failure('asked.600', nowMs)
    await here.note(call)
    await vi.waitFor(() => expect(there.find('asked.600')).toEqual(call))
    expect(there.find('asked.60')).toBeNull()

    for (let count = 0; count < 1_000; count += 1) await here.note(failure(`asked.n${count}`, nowMs))
    expect(here.find('asked.n998')).not.toBeNull()
    expect(here.find('asked.n999')).toBeNull()
    expect(here.isFull).toBe(true)

    nowMs += 15_000
    expect(here.isFull).toBe(false)
    expect(here.find('asked.600')).toBeNull()
    expect(here.hasAny).toBe(false)
    expect(there.find('asked.600')).toBeNull()
    for (const connection of connections) connection.disconnect()
  })
})
