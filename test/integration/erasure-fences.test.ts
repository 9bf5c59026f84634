import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BatchId } from '../../src/core/batch.ts'
import { BrokerError } from '../../src/core/errors.ts'
import { createJobId, type JobId, type JobSpec } from '../../src/core/job.ts'
import { createEndpointId, createWebhookSecret, deliveryIdOf, laneOfUrl } from '../../src/core/webhook.ts'
import { cancelJob } from '../../src/pipeline/cancel-job.ts'
import { type EraseDeps, eraseTenant } from '../../src/pipeline/erase-tenant.ts'
import { BullmqQueues } from '../../src/queue/bullmq-queues.ts'
import { BullmqQueuedEntries } from '../../src/queue/queued-entries.ts'
import { gateTiming } from '../../src/store/attempt-arguments.ts'
import { keys } from '../../src/store/keys.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisAnswerCache } from '../../src/store/redis-answer-cache.ts'
import type { RedisJobStore } from '../../src/store/redis-job-store.ts'
import { RedisPermits } from '../../src/store/redis-limits.ts'
import { RedisShredder } from '../../src/store/redis-shredder.ts'
import { RedisTenantData } from '../../src/store/redis-tenant-data.ts'
import { createSealer } from '../../src/store/sealing.ts'
import { RedisWebhookDeliveries } from '../../src/store/webhook-deliveries.ts'
import { RedisWebhookEndpoints } from '../../src/store/webhook-endpoints.ts'
import { addJob, createStore, failedAttempt, laneOf, pool } from '../support/gates.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'
import { dumpRedis } from '../support/redis-dump.ts'

/** Whoever read a job before it was destroyed, and writes after that, brings nothing back. */
const sealer = createSealer({ current: randomBytes(32), previous: [] })
const catalogue = { deploymentsOf: () => [] } as unknown as EraseDeps['catalogue']
const dayMs = 86_400_000

let server: TestRedis
let redis: Redis
let store: RedisJobStore
let shredder: RedisShredder
let queues: BullmqQueues
let cache: RedisAnswerCache
beforeAll(async () => {
  server = await startTestRedis()
  redis = connectRedis(server.url, 'worker')
  store = createStore(redis, gateTiming)
  shredder = new RedisShredder(redis)
  queues = new BullmqQueues(redis)
  cache = new RedisAnswerCache({ redis, sealer, maxBytes: 1_000_000 })
})
beforeEach(async () => void (await redis.flushall()))
afterAll(async () => {
  await queues.close()
  redis.disconnect()
  await server.stop()
})

const openDeliveries = () =>
  new RedisWebhookDeliveries({
    ...{ redis, sealer, logRetentionMs: dayMs, contentRetentionMs: dayMs, disableAfterMs: dayMs },
  })

function depsFor(more: Partial<EraseDeps> = {}): EraseDeps {
  return {
    ...{ store, queues, catalogue, shredder },
    data: new RedisTenantData(redis),
    entries: new BullmqQueuedEntries(redis, queues),
    permits: new RedisPermits({ redis, leaseMs: 1_000 }),
    answers: cache,
    endpoints: new RedisWebhookEndpoints({ redis, sealer }),
    blobs: { removeAll: async () => {} },
    isConfigured: () => true,
    maxMs: 5_000,
    now: Date.now,
    ...more,
  }
}

const claim = { hop: 1, pool, node: 'n', nowMs: Date.now(), gate: null }
const keysOf = async (id: JobId) => [...(await dumpRedis(redis, `*${id}*`)).keys()].sort()

/** As if the ledger and the audit trail had all. */
const tellAll = () => redis.del(keys.records)

async function destroy(id: JobId): Promise<void> {
  await cancelJob(id, { store, catalogue })
  const [shredded] = await shredder.shred([id], 'acme')
  expect(shredded?.outcome).toBe('destroyed')
}

describe('a job that was destroyed', () => {
  it('is not brought back by the dispatcher that has it', async () => {
    const id = await addJob(store)
    const start = await store.startAttempt(id, claim)
    expect(start.kind).toBe('go')
    await destroy(id)
    await tellAll()
    await shredder.sweep('acme')
    expect(await keysOf(id)).toEqual([])
    expect(await store.append(id, 1, ['output.delta {}'], true)).toBe(false)
    const attempts = { attempts: [], attempt: failedAttempt(id) }
    const retry = { lane: laneOf(), candidate: 0, hop: 2, readyAtMs: 0, resetOutput: false, ...attempts }
    expect(await store.retry(id, 1, retry)).toBe(false)
    expect(await store.end(id, 'complete', { resultJson: '{}', ...attempts }, 1)).toBe(false)
    expect(await store.end(id, 'fail', attempts)).toBe(false)
    expect((await store.startAttempt(id, claim)).kind).toBe('ended')
    await store.noteAnswer(id, { found: {}, policy: 'report' })
    expect(await keysOf(id)).toEqual([])
    expect(await redis.exists(keys.records)).toBe(0)
  })

  it('keeps what says whose it was until all is told, and nothing of what was said', async () => {
    const id = await addJob(store)
    await destroy(id)
    expect(await keysOf(id)).toEqual([keys.job(id), keys.private(id)])
    expect(await redis.hkeys(keys.private(id))).toEqual(['spec'])
    expect(await shredder.sweep('acme')).toBe(0)
    await tellAll()
    expect(await shredder.sweep('acme')).toBe(1)
    expect(await keysOf(id)).toEqual([])
    expect(await redis.exists(keys.shredded('acme'))).toBe(0)
  })

  it('leaves nothing at all where all was told before', async () => {
    const id = await addJob(store)
    await cancelJob(id, { store, catalogue })
    await tellAll()
    await shredder.shred([id], 'acme')
    expect(await keysOf(id)).toEqual([])
  })

  it('has no webhook written down any more', async () => {
    const deliveries = openDeliveries()
    const [kept, gone] = [await addJob(store), await addJob(store)]
    await destroy(gone)
    const lane = laneOfUrl('acme', 'https://example.com')
    const facts = {
      tenant: 'acme',
      lane,
      endpoint: null,
      url: 'https://example.com',
      body: '{}',
      traceparent: undefined,
    }
    const tell = (about: JobId) => {
      const event = {
        id: deliveryIdOf(lane, about),
        eventId: about,
        type: 'job.cancelled',
        createdAtMs: Date.now(),
      } as const
      return deliveries.add({ ...facts, ...event, about })
    }
    expect(await tell(kept)).toBe(true)
    expect(await tell(gone)).toBe(false)
    const endpoint = createEndpointId()
    const missing = { ...facts, lane: endpoint, endpoint, id: deliveryIdOf(endpoint, kept) }
    const event = { eventId: kept, type: 'job.cancelled', createdAtMs: Date.now() } as const
    expect(await deliveries.add({ ...missing, ...event }), 'an endpoint that was deleted').toBe(false)
  })

  it('has no answer kept any more, and takes the one that is with it', async () => {
    const id = await addJob(store)
    const answer = { bodyJson: '{}', usage: null, deployment: 'gpt', job: id }
    await cache.keep('key', answer, dayMs)
    expect(await shredder.noteCached(id, 'key')).toBe(true)
    expect((await store.read(id))?.cacheKey).toBe('key')
    await cache.forget('key', createJobId())
    expect(await cache.find('key')).toEqual(answer)
    await cache.forget('key', id)
    expect(await cache.find('key')).toBeNull()
    expect([...(await dumpRedis(redis, 'sluice:cache:*')).keys()]).toEqual([])
    await destroy(id)
    expect(await shredder.noteCached(id, 'key')).toBe(false)
  })
})

describe('a line of a batch', () => {
  it('gets no job when its batch does not wait for it any more', async () => {
    const batch = `batch_${'0'.repeat(32)}` as BatchId
    const [id, late] = [createJobId(), createJobId()]
    await redis.hset(keys.batchOpen(batch), id, '[]')
    const nowMs = Date.now()
    const spec: JobSpec = {
      tenant: 'acme',
      keyId: 'key_1',
      endpoint: '/v1/chat/completions',
      model: 'fleet',
      surface: 'batch',
      stream: false,
      includeUsage: false,
      priority: 'batch',
      sensitivity: 'public',
      createdAtMs: nowMs,
      deadlineMs: nowMs + dayMs,
      batch,
    }
    expect(await store.create({ id, spec, bodyJson: '{}' })).toMatchObject({ kind: 'created' })
    expect(await store.create({ id: late, spec, bodyJson: '{}' })).toEqual({ kind: 'gone' })
    expect(await keysOf(late)).toEqual([])
    await cancelJob(id, { store, catalogue })
    await tellAll()
    await shredder.shred([id], 'acme')
    expect(await shredder.sweep('acme'), 'its outcome is not written yet').toBe(0)
    expect((await store.read(id))?.isShredded).toBe(true)
    await redis.hdel(keys.batchOpen(batch), id)
    expect(await shredder.sweep('acme')).toBe(1)
    expect(await keysOf(id)).toEqual([])
  })
})

describe('an erasure', () => {
  it('says that it is not complete while the ledger has yet to tell of jobs', async () => {
    await addJob(store)
    const first = await eraseTenant('acme', Date.now(), depsFor({ maxMs: 300 }))
    expect(first).toMatchObject({ isComplete: false, deleted: { jobs: 1 } })
    await tellAll()
    const second = await eraseTenant('acme', first.untilMs, depsFor())
    expect(second).toMatchObject({ isComplete: true, deleted: { jobs: 0 } })
  })

  it('is of everything, also of a tenant that is configured nowhere any more, and of webhooks that no log has', async () => {
    const endpoints = new RedisWebhookEndpoints({ redis, sealer })
    const deliveries = openDeliveries()
    const data = new RedisTenantData(redis)
    await data.remember(['acme'])
    const job = await addJob(store)
    await queues.addToLane(laneOf(), { id: job, hop: 1, deployment: 'gpt' })
    expect((await keysOf(job)).filter((key) => key.startsWith('sluice:queue:'))).toHaveLength(1)
    const id = createEndpointId()
    const settings = { url: 'https://example.com', events: ['*'], description: null, payload: 'full' } as const
    const state = { status: 'enabled', disabledReason: null, disabledAtMs: null, failingSinceMs: null } as const
    await endpoints.create({ id, tenant: 'acme', createdAtMs: 1, ...settings, ...state }, createWebhookSecret(), 9)
    for (let number = 0; number < 3; number += 1) {
      const delivery = deliveryIdOf(id, `evt_${number}`)
      const event = { eventId: `evt_${number}`, type: 'job.failed', body: '{}', createdAtMs: 1 } as const
      const facts = { id: delivery, tenant: 'acme', lane: id, endpoint: id, url: null, traceparent: undefined }
      await deliveries.add({ ...facts, ...event })
    }
    // As if so many had come that this one fell out.
    await redis.zpopmin(keys.webhookLog(id))
    const deps = depsFor({ isConfigured: () => false, maxMs: 300 })
    const first = await eraseTenant('acme', Date.now(), deps)
    expect(first.deleted).toMatchObject({ jobs: 1, webhook_endpoints: 1, webhook_deliveries: 3 })
    await tellAll()
    expect((await eraseTenant('acme', first.untilMs, deps)).isComplete).toBe(true)
    const left = [...(await dumpRedis(redis)).keys()].filter(
      (key) => !/^sluice:queue:[^:]+:(meta|id|marker|events)$/.test(key),
    )
    expect(left).toEqual([keys.records])
    for (const [key, value] of await dumpRedis(redis, 'sluice:queue:*')) expect(value, key).not.toContain(job)
    await expect(eraseTenant('acme', Date.now(), deps)).rejects.toThrow(BrokerError)
  })
})
