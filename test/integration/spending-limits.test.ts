import assert from 'node:assert/strict'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createJobId } from '../../src/core/job.ts'
import type { JobStore } from '../../src/core/ports.ts'
import { handOn } from '../../src/pipeline/hand-to-lane.ts'
import { BullmqQueues } from '../../src/queue/bullmq-queues.ts'
import { intakeName } from '../../src/queue/lane-names.ts'
import { completeEntry, createManualWorker, takeEntry } from '../../src/queue/manual-worker.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { expectApiError } from '../support/api-errors.ts'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, echo } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { silentLog } from '../support/mortal.ts'
import { startTestRedis } from '../support/redis.ts'
import { paidModels, Spender } from '../support/spending.ts'

/** How much a tenant may ask for, in a broker with all of its roles; the rules are tested in `rate-limits.test.ts`. */
let broker: TestBroker
let spender: Spender
beforeAll(async () => {
  const tenant = (name: string, limits: object) => ({ [name]: { keys: [keyOf(name)], limits } })
  broker = await startTestBroker({
    models: paidModels,
    config: {
      tenants: {
        ...tenant('acme', {}),
        ...tenant('rpm', { rpm: 2 }),
        ...tenant('tpm', { tpm: 300 }),
        ...tenant('narrow', { concurrency: 2 }),
      },
    },
  })
  spender = new Spender(broker)
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const free = { model: 'free' }

describe('requests per minute', () => {
  it('are refused beyond the limit with the time to wait, those of other tenants are not', async () => {
    for (const _ of [1, 2]) expect((await spender.chat('rpm', free)).status).toBe(200)
    const refused = await spender.chat('rpm', free)
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(0)
    expect(wait).toBeLessThanOrEqual(60)
    expect(refused.headers.get('x-should-retry')).toBeNull()
    await expectApiError(refused, { status: 429, code: 'rate_limit_exceeded', message: /2 requests per minute/ })
    expect(await broker.redis.zcard('sluice:jobs:rpm')).toBe(2)
    expect((await spender.chat('acme', free)).status).toBe(200)
  })
})

describe('tokens per minute', () => {
  const words = (count: number) => ({
    ...free,
    messages: [{ role: 'user', content: `echo: ${'word '.repeat(count)}` }],
  })

  it('are counted by the estimate while a job runs, and by what it used when it has ended', async () => {
    const answer = Promise.withResolvers<void>()
    broker.upstream.script = async (call, response) => {
      await answer.promise
      await echo(call, response)
    }
    const before = broker.upstream.calls.length
    const first = spender.chat('tpm', words(200), { 'idempotency-key': 'tokens' })
    await broker.upstream.callOf(({ number }) => number > before)
    const refused = await spender.chat('tpm', words(200))
    expect(refused.headers.get('retry-after')).not.toBeNull()
    await expectApiError(refused, { status: 429, code: 'rate_limit_exceeded', message: /300 tokens per minute/ })
    answer.resolve()
    expect((await first).status).toBe(200)
    // The call used 12 tokens; the rest of the estimate is free again once that is booked.
    await eventually('there is room again', async () => (await spender.chat('tpm', words(200))).status === 200)
  })

  it('cannot be waited for by a request that is larger than the limit', async () => {
    const refused = await spender.chat('tpm', words(400))
    expect(refused.headers.get('x-should-retry')).toBe('false')
    expect(refused.headers.get('retry-after')).toBeNull()
    await expectApiError(refused, { status: 429, code: 'rate_limit_exceeded', message: /alone needs more/ })
  })
})

describe('jobs at once', () => {
  /** Answers one call when told to, and counts those that wait for it. */
  function turnstile() {
    const waiting: { prompt: string; answer: () => void }[] = []
    const seen: string[] = []
    const script: ChatScript = async (call, response) => {
      seen.push(call.prompt)
      await new Promise<void>((resolve) => waiting.push({ prompt: call.prompt, answer: resolve }))
      await echo(call, response)
    }
    return { script, waiting, seen }
  }

  it('never exceed the limit at the upstream, all end, and interactive ones go first', async () => {
    const { script, waiting, seen } = turnstile()
    broker.upstream.script = script
    const submit = (name: string, priority: string) =>
      spender.submit('narrow', { ...free, priority }, { messages: [{ role: 'user', content: name }] })
    const ids = [await submit('batch 1', 'batch'), await submit('batch 2', 'batch')]
    await eventually('two run', () => waiting.length === 2)
    for (const name of ['batch 3', 'batch 4']) ids.push(await submit(name, 'batch'))
    for (const name of ['chat 1', 'chat 2']) ids.push(await submit(name, 'interactive'))
    await eventually('four are parked', async () => (await broker.redis.zcard('sluice:parked:narrow')) === 4)

    for (let ended = 0; ended < ids.length; ended += 1) {
      const expected = Math.min(2, ids.length - ended)
      await eventually(`${expected} calls after ${ended}`, () => waiting.length === expected)
      // A third would have been granted a permit in the same step as the one that came.
      expect(await broker.redis.scard('sluice:running:narrow')).toBeLessThanOrEqual(2)
      waiting.shift()?.answer()
      const id = await eventually('it ended', async () => {
        const jobs = await Promise.all(ids.map((each) => spender.job('narrow', each)))
        return jobs.filter(({ status }) => status === 'completed').length === ended + 1
      })
      expect(id).toBe(true)
    }
    expect(seen.slice(0, 2).toSorted()).toEqual(['batch 1', 'batch 2'])
    expect(seen.slice(2, 4).toSorted()).toEqual(['chat 1', 'chat 2'])
    expect(seen).toHaveLength(6)
    await eventually('no permit is left', async () => (await broker.redis.hlen('sluice:permits')) === 0)
  })

  it('leave none behind when many short ones come together', async () => {
    const priorities = ['interactive', 'standard', 'batch']
    const submitting = Array.from({ length: 60 }, (_, number) =>
      spender.submit('narrow', { ...free, priority: priorities[number % 3] }),
    )
    const ids = await Promise.all(submitting)
    const ended = await Promise.all(ids.map((id) => spender.ended('narrow', id)))
    expect(ended.filter(({ status }) => status !== 'completed')).toEqual([])
  })

  it('are handed on also while the auditor who found no permit still has the entry of the job', async () => {
    const queue = { priority: 'batch', sensitivity: 'public' } as const
    const name = intakeName(queue.priority, queue.sensitivity)
    await using server = await startTestRedis()
    await using cleanup = new AsyncDisposableStack()
    const redis = cleanup.adopt(connectRedis(server.url, 'worker'), (connection) => connection.disconnect())
    const queues = cleanup.adopt(new BullmqQueues(redis), (own) => own.close())
    const worker = cleanup.adopt(createManualWorker(name, { redis, leaseMs: 60_000, log: silentLog }), (own) =>
      own.close(true),
    )
    const id = createJobId()
    const store = { read: async () => ({ spec: queue }) } as unknown as JobStore
    await queues.addToIntake({ id, ...queue })
    const { job } = await takeEntry(worker, 'first')
    assert.ok(job)
    await handOn([id], { store, queues })
    await completeEntry(worker, job, { token: 'first', takeNext: false })
    expect((await takeEntry(worker, 'second')).job?.data.job).toBe(id)
  })

  it('leave their place when they are cancelled while they wait', async () => {
    const { script, waiting, seen } = turnstile()
    broker.upstream.script = script
    const ids: string[] = []
    for (const _ of [1, 2, 3, 4]) ids.push(await spender.submit('narrow', free))
    await eventually('two run and two wait', async () => {
      return waiting.length === 2 && (await broker.redis.zcard('sluice:parked:narrow')) === 2
    })
    const [third = ''] = await broker.redis.zrange('sluice:parked:narrow', '0', '0')
    await broker.send(`/v1/jobs/${third}/cancel`, { tenant: 'narrow', method: 'POST' })
    await eventually('one waits', async () => (await broker.redis.zcard('sluice:parked:narrow')) === 1)
    waiting.shift()?.answer()
    await eventually('the fourth runs', () => waiting.length === 2)
    for (const { answer } of waiting) answer()
    const ended = await Promise.all(ids.map((id) => spender.ended('narrow', id)))
    expect(ended.map(({ status }) => status).toSorted()).toEqual(['cancelled', 'completed', 'completed', 'completed'])
    expect(seen).toHaveLength(3)
  })
})
