import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { JobId } from '../../src/core/job.ts'
import {
  createEndpointId,
  createWebhookSecret,
  type DeliveryId,
  deliveryIdOf,
  type EndpointId,
  laneOfUrl,
  type TakenDelivery,
} from '../../src/core/webhook.ts'
import { deliverWebhook } from '../../src/pipeline/deliver-webhook.ts'
import { forgetJobWebhooks } from '../../src/pipeline/forget-webhooks.ts'
import { WebhookSending } from '../../src/pipeline/send-webhooks.ts'
import { keys } from '../../src/store/keys.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { createSealer, vaultKeyId } from '../../src/store/sealing.ts'
import { RedisWebhookDeliveries } from '../../src/store/webhook-deliveries.ts'
import { RedisWebhookEndpoints } from '../../src/store/webhook-endpoints.ts'
import { noTelemetry, silentLog } from '../support/mortal.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

/** The rows before receivers: who waits for whom, and what a sender that dies leaves behind. */
const leaseMs = 1_000
const dayMs = 86_400_000
const vaultKey = randomBytes(32)

let server: TestRedis
let redis: Redis
const laneLength = 1_000
const openStores = (sealer = createSealer(vaultKey)) => ({
  endpoints: new RedisWebhookEndpoints({ redis, sealer }),
  deliveries: new RedisWebhookDeliveries({
    redis,
    sealer,
    logRetentionMs: dayMs,
    contentRetentionMs: dayMs,
    disableAfterMs: dayMs,
    laneLength,
  }),
})
type Stores = ReturnType<typeof openStores>
let endpoints: Stores['endpoints']
let deliveries: Stores['deliveries']

beforeAll(async () => {
  server = await startTestRedis()
  redis = connectRedis(server.url, 'worker')
})
beforeEach(async () => {
  await redis.flushall()
  ;({ endpoints, deliveries } = openStores())
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

async function addEndpoint(tenant = 'acme'): Promise<EndpointId> {
  const id = createEndpointId()
  await endpoints.create(
    {
      id,
      tenant,
      url: `https://example.com/${id}`,
      events: ['*'],
      description: null,
      payload: 'thin',
      status: 'enabled',
      disabledReason: null,
      disabledAtMs: null,
      failingSinceMs: null,
      createdAtMs: Date.now(),
    },
    createWebhookSecret(),
    100,
  )
  return id
}

async function add(endpoint: EndpointId, eventId: string, createdAtMs = Date.now()): Promise<DeliveryId> {
  const id = deliveryIdOf(endpoint, eventId)
  await deliveries.add({
    id,
    tenant: 'acme',
    lane: endpoint,
    endpoint,
    url: null,
    eventId,
    type: 'job.completed',
    body: '{}',
    createdAtMs,
    traceparent: undefined,
  })
  return id
}

function take(more: Partial<Parameters<Stores['deliveries']['take']>[0]> = {}) {
  const nowMs = more.nowMs ?? Date.now()
  return deliveries.take({ slots: 100, perLane: 8, nowMs, leaseUntilMs: nowMs + leaseMs, ...more })
}

type Answer = (url: string, eventId: string) => Promise<{ status: number }>

/** The courier's sending, with receivers that a test plays. */
function startSending(answer: Answer) {
  const sender = {
    async send({ url, id }: { url: string; id: string }) {
      const { status } = await answer(url, id)
      const outcome = status < 300 ? ('delivered' as const) : ('failed' as const)
      return { outcome, status, durationMs: 1, response: '', retryAfterMs: null }
    },
  }
  const deps = { deliveries, endpoints, sender, secretOf: () => undefined, telemetry: noTelemetry, log: silentLog }
  const sending = new WebhookSending({
    deliveries,
    deliver: (taken) => deliverWebhook(taken, { ...deps, now: Date.now }),
    leaseMs,
    log: silentLog,
  })
  sending.start()
  return { [Symbol.asyncDispose]: () => sending.stop(100) }
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index)
const eventIdOf = (index: number) => `evt_${String(index).padStart(4, '0')}`

describe('receivers that hang', () => {
  it('leave room to all others, however many events wait for them', async () => {
    const hanging = [await addEndpoint(), await addEndpoint(), await addEndpoint()]
    const sound = await addEndpoint()
    for (const endpoint of hanging) for (const index of range(200)) await add(endpoint, eventIdOf(index), 1)
    for (const index of range(200)) await add(sound, eventIdOf(index))
    const asked = new Map<string, number>()
    const arrived: string[] = []
    const never = Promise.withResolvers<{ status: number }>()
    await using _sending = startSending(async (url, eventId) => {
      asked.set(url, (asked.get(url) ?? 0) + 1)
      if (!url.endsWith(sound)) return never.promise
      arrived.push(eventId)
      return { status: 204 }
    })
    await vi.waitFor(() => expect(arrived).toHaveLength(200), { timeout: 10_000, interval: 20 })
    for (const endpoint of hanging) expect(asked.get(`https://example.com/${endpoint}`)).toBe(8)
    never.resolve({ status: 500 })
  }, 20_000)

  it('are asked one at a time once they have failed, until they are back', async () => {
    const endpoint = await addEndpoint()
    for (const index of range(20)) await add(endpoint, eventIdOf(index))
    const nowMs = Date.now()
    const first = await take({ nowMs })
    expect(first).toHaveLength(8)
    for (const taken of first) await finish(taken, 500, nowMs)
    const [only, ...more] = await take({ nowMs })
    expect(more).toEqual([])
    if (only) await finish(only, 200, nowMs)
    expect(await take({ nowMs })).toHaveLength(8)
  })

  it('that ask for a pause get one, and other receivers do not', async () => {
    const [paused, other] = [await addEndpoint(), await addEndpoint()]
    for (const index of range(3)) for (const endpoint of [paused, other]) await add(endpoint, eventIdOf(index))
    const nowMs = Date.now()
    const taken = await take({ nowMs, perLane: 1 })
    for (const each of taken) {
      await finish(each, each.lane === paused ? 429 : 200, nowMs, each.lane === paused ? nowMs + 60_000 : null)
    }
    expect((await take({ nowMs: nowMs + 59_000 })).map(({ lane }) => lane)).toEqual([other, other])
    expect((await take({ nowMs: nowMs + 61_000, leaseUntilMs: nowMs + 90_000 })).map(({ lane }) => lane)).toContain(
      paused,
    )
  })
})

async function finish(taken: TakenDelivery, status: number, nowMs: number, pauseUntilMs: number | null = null) {
  const delivery = await deliveries.open(taken)
  if (!delivery) throw new Error('no such delivery')
  const isDelivered = status < 300
  await deliveries.finish(delivery, {
    attempt: {
      atMs: nowMs,
      outcome: isDelivered ? 'delivered' : 'failed',
      status,
      latencyMs: 1,
      error: null,
      response: null,
    },
    nowMs,
    next: isDelivered ? { action: 'done' } : { action: 'retry', atMs: nowMs + 300_000 },
    pauseUntilMs,
    isGone: false,
  })
}

describe('a lane', () => {
  it('goes in the order of the events', async () => {
    const endpoint = await addEndpoint()
    const startMs = Date.now() - 1_000
    const ids: DeliveryId[] = []
    for (const index of range(30)) ids.push(await add(endpoint, eventIdOf(index), startMs + index))
    const taken: string[] = []
    for (const _ of range(30)) {
      const [next] = await take({ perLane: 1 })
      if (!next) break
      taken.push(next.id)
      await finish(next, 200, Date.now())
    }
    expect(taken).toEqual(ids)
  })

  it('takes an event once, however often it is told', async () => {
    const endpoint = await addEndpoint()
    await Promise.all(range(5).map(() => add(endpoint, 'evt_1')))
    const taken = await take()
    expect(taken).toHaveLength(1)
    for (const each of taken) await finish(each, 200, Date.now())
    await add(endpoint, 'evt_1')
    expect(await take()).toEqual([])
    expect(await redis.exists(keys.webhookLanes)).toBe(0)
  })

  it('gives what a dead sender had to another, under the same id, and takes no word of the late one', async () => {
    const endpoint = await addEndpoint()
    const id = await add(endpoint, 'evt_1')
    const [lost] = await take()
    const nowMs = Date.now() + leaseMs + 1
    expect(await take({ nowMs: nowMs - leaseMs / 2 })).toEqual([])
    const [again] = await take({ nowMs })
    expect(again).toEqual(lost)
    if (!again || !lost) throw new Error('nothing was taken')
    await finish(again, 200, nowMs)
    await finish(lost, 500, nowMs)
    expect(await deliveries.read(id)).toMatchObject({ status: 'delivered', attempts: [{ status: 200 }] })
  })

  it('keeps what its sender renews', async () => {
    const endpoint = await addEndpoint()
    await add(endpoint, 'evt_1')
    const taken = await take()
    const nowMs = Date.now()
    await deliveries.renew(taken, nowMs + 10 * leaseMs)
    expect(await take({ nowMs: nowMs + 5 * leaseMs })).toEqual([])
    expect(await take({ nowMs: nowMs + 11 * leaseMs })).toEqual(taken)
  })

  it('takes no more than its length, and says so of what it does not take', async () => {
    const [full, other] = [await addEndpoint(), await addEndpoint()]
    const ids: DeliveryId[] = []
    for (const index of range(laneLength + 1)) ids.push(await add(full, eventIdOf(index)))
    const [last] = ids.slice(-1)
    const [kept] = ids.slice(-2)
    expect(last && (await deliveries.read(last))).toMatchObject({ status: 'failed', abandoned: 'too_many_waiting' })
    expect(kept && (await deliveries.read(kept))).toMatchObject({ status: 'pending', abandoned: null })
    expect(last && (await deliveries.resend({ id: last, lane: full }, Date.now()))).toBe('payload_expired')
    expect(await deliveries.read(await add(other, 'evt_1'))).toMatchObject({ status: 'pending' })
  })

  it('of an endpoint that was deleted sends nothing and leaves nothing behind', async () => {
    const endpoint = await addEndpoint()
    for (const index of range(600)) await add(endpoint, eventIdOf(index))
    const [taken] = await take({ slots: 1 })
    expect(await endpoints.delete({ id: endpoint, tenant: 'acme' })).toBe(600)
    expect(taken && (await deliveries.open(taken))).toBeNull()
    if (taken) await deliveries.abandon(taken, 'endpoint_deleted')
    expect(await redis.keys('sluice:webhook:*')).toEqual([])
  })
})

describe('what is forgotten', () => {
  it('of a tenant is all of it, with a count, and nothing of another', async () => {
    const [mine, theirs] = [await addEndpoint('acme'), await addEndpoint('globex')]
    for (const index of range(3)) await add(mine, eventIdOf(index))
    await addForUrl('https://example.com/hook', 'evt_1')
    expect(await endpoints.deleteTenant('acme', Date.now())).toEqual({ endpoints: 1, deliveries: 4 })
    const left = (await redis.keys('sluice:webhook:*')).filter((key) => /:(delivery|content|log|urls):/.test(key))
    expect(left).toEqual([])
    expect(await redis.exists(keys.webhookEndpoint(mine), keys.webhookEndpoints('acme'))).toBe(0)
    expect((await endpoints.list('globex')).map(({ id }) => id)).toEqual([theirs])
    for (const taken of await take()) expect(await deliveries.open(taken)).toBeNull()
  })

  it('of a job is what was sent of it anywhere', async () => {
    const endpoint = await addEndpoint()
    const job = `job_${'a'.repeat(32)}` as JobId
    const eventId = `evt_${'a'.repeat(32)}_completed`
    const url = 'https://example.com/hook'
    const ids = [await add(endpoint, eventId), await addForUrl(url, eventId)]
    const kept = await add(endpoint, 'evt_other')
    const spec = { tenant: 'acme', webhook: { url } } as Parameters<typeof forgetJobWebhooks>[0]['spec']
    expect(await forgetJobWebhooks({ id: job, status: 'completed', spec }, { endpoints, deliveries })).toBe(2)
    for (const id of ids) expect(await deliveries.read(id)).toBeNull()
    expect(await deliveries.read(kept)).not.toBeNull()
    expect((await take()).map(({ id }) => id)).toEqual([kept])
  })

  async function addForUrl(url: string, eventId: string): Promise<DeliveryId> {
    const lane = laneOfUrl('acme', url)
    const id = deliveryIdOf(lane, eventId)
    const head = { id, tenant: 'acme', lane, endpoint: null, url, eventId, type: 'job.completed' as const }
    await deliveries.add({ ...head, body: '{}', createdAtMs: Date.now(), traceparent: undefined })
    return id
  }
})

describe('a vault key that is replaced', () => {
  it('is needed no longer once the endpoints are sealed anew', async () => {
    const endpoint = await addEndpoint()
    const nowMs = Date.now()
    const before = [await endpoints.read(endpoint), await endpoints.secretsOf(endpoint, nowMs)]
    const current = randomBytes(32)
    const both = openStores(createSealer({ current, previous: [vaultKey] }))
    await both.endpoints.reseal('acme', (sealed) => sealed.includes(`:${vaultKeyId(current)}:`))
    const after = openStores(createSealer(current)).endpoints
    expect([await after.read(endpoint), await after.secretsOf(endpoint, nowMs)]).toEqual(before)
  })

  it('leaves the last three secrets of an endpoint that was rotated again and again', async () => {
    const endpoint = await addEndpoint()
    const nowMs = Date.now()
    const secrets = range(4).map(() => createWebhookSecret())
    for (const secret of secrets) await endpoints.rotate(endpoint, secret, { nowMs, untilMs: nowMs + 1_000 })
    expect(await endpoints.secretsOf(endpoint, nowMs)).toEqual(secrets.reverse().slice(0, 3))
    expect(await endpoints.secretsOf(endpoint, nowMs + 1_001)).toEqual(secrets.slice(0, 1))
  })
})
