import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { expectApiError } from '../support/api-errors.ts'
import { type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, chunkRecord, echo, lastRecords } from '../support/chat-upstream.ts'
import { redisSource } from '../support/redis-source.ts'
import { contentOf, readRecords } from '../support/sse-reader.ts'

/**
 * Redis is gone, or is there and does not answer: a caller hears so at once, and what was accepted before goes on when
 * it is back. The promise is half a second; the bound here leaves room for a slow machine.
 */
const answerWithinMs = 1_500

const slots = 8
const models = { local: [{ id: 'studio-a', pool: 'studio', concurrency: slots }] } as const
const chatPath = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'echo: here again' }]
const job = { model: 'local', input: { endpoint: chatPath, body: { messages } } }

const absences = [
  {
    away: 'killed',
    leave: (each: TestBroker) => each.server.kill(),
    back: (each: TestBroker) => each.server.restart(),
  },
  {
    away: 'stopped with its connections open',
    leave: (each: TestBroker) => each.server.kill('SIGSTOP'),
    back: (each: TestBroker) => each.server.kill('SIGCONT'),
  },
]
const modes = [
  { processes: 'processes of their own', shared: false },
  { processes: 'one process', shared: true },
]
const cases = modes.flatMap((mode) => absences.map((absence) => ({ ...mode, ...absence })))

describe.each(cases)('while Redis is $away and the roles are $processes', ({ away, shared, leave, back }) => {
  // Killed, the WebAssembly build loses all since its last snapshot; that it says so is its own tests' business.
  const it = test.skipIf(away === 'killed' && redisSource() === 'wasm')
  let broker: TestBroker
  let known: string
  beforeAll(async () => {
    broker = await startTestBroker({ shared, models })
    // Otherwise Redis puts off writing while a sync is under way, and a kill takes what it has acknowledged since.
    await broker.redis.config('SET', 'appendfsync', 'always')
    known = await makeJob()
    const ended = await broker.send(`/v1/jobs/${known}?wait=30`)
    expect(await ended.json()).toMatchObject({ id: known, status: 'completed' })
  })
  afterEach(() => {
    broker.upstream.script = echo
  })
  afterAll(() => broker[Symbol.asyncDispose]())

  async function makeJob(): Promise<string> {
    const response = await broker.send('/v1/jobs', { json: job })
    expect(response.status).toBe(202)
    return ((await response.json()) as { id: string }).id
  }

  it('every answer is 503 with a time to come back, and comes at once; then all is as before', async () => {
    const calls: Record<string, () => [string, SendOptions]> = {
      chat: () => [chatPath, { json: { model: 'local', messages } }],
      stream: () => [chatPath, { json: { model: 'local', messages, stream: true } }],
      'chat with a key': () => [
        chatPath,
        { json: { model: 'local', messages }, headers: { 'idempotency-key': crypto.randomUUID() } },
      ],
      job: () => ['/v1/jobs', { json: job }],
      read: () => [`/v1/jobs/${known}`, {}],
      wait: () => [`/v1/jobs/${known}?wait=30`, {}],
      list: () => ['/v1/jobs', {}],
      events: () => [`/v1/jobs/${known}/events`, {}],
      cancel: () => [`/v1/jobs/${known}/cancel`, { method: 'POST' }],
      ready: () => ['/health/ready', { tenant: null }],
    }
    await leave(broker)
    for (const round of [1, 2]) {
      for (const [name, call] of Object.entries(calls)) {
        const startedMs = performance.now()
        const response = await broker.send(...call())
        const tookMs = performance.now() - startedMs
        expect(tookMs, `${name}, round ${round}`).toBeLessThan(answerWithinMs)
        await expectApiError(response, { status: 503, code: 'redis_unavailable' })
        expect(Number(response.headers.get('retry-after')), name).toBeGreaterThan(0)
      }
    }
    // What needs no Redis goes on.
    expect((await broker.send('/health/live')).status).toBe(200)
    expect((await broker.send('/v1/models')).status).toBe(200)
    expect(await (await broker.send('/metrics')).text()).toContain('sluice_jobs_finished_total')
    await expectApiError(await broker.send(chatPath, { json: { model: 'none', messages } }), {
      status: 404,
      code: 'model_not_found',
      param: 'model',
    })

    await back(broker)
    await untilReady()
    const answer = await broker.send(chatPath, { json: { model: 'local', messages } })
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: 'here again' } }] })
    expect(await (await broker.send(`/v1/jobs/${known}`)).json()).toMatchObject({ id: known, status: 'completed' })
  })

  it('what was accepted before waits, and completes once Redis is back', async () => {
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    broker.upstream.script = heldUntil(released)
    const before = broker.upstream.calls.length
    const waiting = broker.send(chatPath, { json: { model: 'local', messages } })
    const stream = await broker.send(chatPath, { json: { model: 'local', messages, stream: true } })
    const records = readRecords(stream)
    await untilContent(records)
    // More than there are slots: some are being called, the others are in their lane.
    const ids = await Promise.all(Array.from({ length: 20 }, makeJob))
    await broker.upstream.callOf(({ number }) => number === before + slots)
    await leave(broker)
    const refused = await broker.send('/v1/jobs', { json: job })
    expect(refused.status).toBe(503)
    // Answers come while there is nowhere to put them.
    release()
    await back(broker)

    expect(await (await waiting).json()).toMatchObject({ choices: [{ message: { content: 'here again' } }] })
    expect(contentOf(await Array.fromAsync(records))).toBe(' again')
    for (const id of ids) {
      const ended = await vi.waitUntil(
        async () => {
          const response = await broker.send(`/v1/jobs/${id}?wait=30`)
          return response.status === 200 ? ((await response.json()) as object) : null
        },
        { timeout: 15_000, interval: 50 },
      )
      expect(ended).toMatchObject({
        id,
        status: 'completed',
        result: { choices: [{ message: { content: 'here again' } }] },
      })
    }
  }, 40_000)

  async function untilReady(): Promise<void> {
    const isReady = async () => expect((await broker.send('/health/ready')).status).toBe(200)
    await vi.waitFor(isReady, { timeout: 15_000, interval: 20 })
  }
})

/** Streams say their first word at once; all else waits. */
function heldUntil(released: Promise<void>): ChatScript {
  return async (call, response) => {
    if (!call.stream) {
      await released
      return echo(call, response)
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunkRecord({ content: 'here' }))
    await released
    response.end(chunkRecord({ content: ' again' }) + lastRecords())
  }
}

async function untilContent(records: AsyncGenerator<string>): Promise<void> {
  for (let next = await records.next(); !next.done; next = await records.next()) {
    if (contentOf([next.value]) !== '') return
  }
  throw new Error('The stream ended without content')
}
