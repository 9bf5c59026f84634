import { randomBytes } from 'node:crypto'
import type { LookupAddress } from 'node:dns'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createSocketServer, type Socket } from 'node:net'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEndpointId, createWebhookSecret, deliveryIdOf, type EndpointId } from '../../src/core/webhook.ts'
import { createUrlGuard } from '../../src/delivery/url-guard.ts'
import { createWebhookSender } from '../../src/delivery/webhook-sender.ts'
import { type DeliverDeps, deliverWebhook } from '../../src/pipeline/deliver-webhook.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { createSealer } from '../../src/store/sealing.ts'
import { RedisWebhookDeliveries } from '../../src/store/webhook-deliveries.ts'
import { RedisWebhookEndpoints } from '../../src/store/webhook-endpoints.ts'
import { listen } from '../support/counted-server.ts'
import { noTelemetry, silentLog } from '../support/mortal.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

/**
 * Every way in which a receiver can answer or fail to, and every way in which a URL can try to reach what it must not:
 * what the tenant then sees of the delivery and of the endpoint.
 */
const second = 1_000
const hour = 3_600_000
const dayMs = 24 * hour
const totalMs = 400

let server: TestRedis
let redis: Redis
let endpoints: RedisWebhookEndpoints
let deliveries: RedisWebhookDeliveries
beforeAll(async () => {
  server = await startTestRedis()
  redis = connectRedis(server.url, 'worker')
  const sealer = createSealer(randomBytes(32))
  endpoints = new RedisWebhookEndpoints({ redis, sealer })
  deliveries = new RedisWebhookDeliveries({
    redis,
    sealer,
    logRetentionMs: dayMs,
    contentRetentionMs: dayMs,
    disableAfterMs: 5 * dayMs,
  })
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

const strict: Policy = { allowNetworks: [], allowHttp: true }
const open: Policy = { allowNetworks: ['127.0.0.1/32'], allowHttp: true }
type Policy = Parameters<typeof createUrlGuard>[0]
type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>

interface Sent {
  readonly policy?: Policy
  readonly resolve?: Resolve
  readonly nowMs?: number
}

/** An endpoint with one delivery, and one attempt at it. */
async function send(url: string, options: Sent = {}) {
  const id = createEndpointId()
  const nowMs = options.nowMs ?? Date.now()
  await endpoints.create(
    {
      id,
      tenant: 'acme',
      url,
      events: ['*'],
      description: null,
      payload: 'thin',
      status: 'enabled',
      disabledReason: null,
      disabledAtMs: null,
      failingSinceMs: null,
      createdAtMs: nowMs,
    },
    createWebhookSecret(),
    1_000,
  )
  return { id, ...(await attempt(id, 'evt_1', options)) }
}

async function attempt(id: EndpointId, eventId: string, { policy = open, resolve, nowMs = Date.now() }: Sent) {
  const delivery = deliveryIdOf(id, eventId)
  await deliveries.add({
    id: delivery,
    tenant: 'acme',
    lane: id,
    endpoint: id,
    url: null,
    eventId,
    type: 'job.completed',
    body: '{"n":1}',
    createdAtMs: nowMs,
    traceparent: undefined,
  })
  const sender = createWebhookSender({
    guard: createUrlGuard(policy, resolve),
    userAgent: 'Sluice-Test/1',
    timeouts: { connectMs: totalMs, totalMs },
  })
  const deps: DeliverDeps = {
    deliveries,
    endpoints,
    sender,
    secretOf: () => undefined,
    telemetry: noTelemetry,
    log: silentLog,
    now: () => nowMs,
  }
  // What is due before it goes first: only one attempt at a time is made at an endpoint that fails.
  for (let isDone = false; !isDone; ) {
    const due = await deliveries.take({ slots: 100, perLane: 100, nowMs, leaseUntilMs: nowMs + dayMs })
    for (const taken of due.filter(({ lane }) => lane === id)) {
      await deliverWebhook(taken, deps)
      isDone ||= taken.id === delivery
    }
    expect(due.map(({ lane }) => lane)).toContain(id)
  }
  await sender.close()
  const [read, endpoint] = [await deliveries.read(delivery), await endpoints.read(id)]
  const [last] = read?.attempts.slice(-1) ?? []
  return {
    seen: {
      delivery: read?.status,
      endpoint: endpoint?.status,
      answered: last?.status,
      error: last?.error,
      waitMs: read?.nextAttemptAtMs ? read.nextAttemptAtMs - nowMs : null,
    },
    response: last?.response,
    latencyMs: last?.latencyMs ?? 0,
  }
}

const answering =
  (status: number, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, headers).end('so be it')

const soon = { delivery: 'pending', endpoint: 'enabled', waitMs: 5 * second }
const delivered = { delivery: 'delivered', endpoint: 'enabled', error: null, waitMs: null }

/** Waits are spread by a tenth to either side. */
function expectSeen(seen: Awaited<ReturnType<typeof attempt>>['seen'], expected: Record<string, unknown>): void {
  const { waitMs, ...rest } = expected
  expect(seen).toMatchObject(rest)
  if (waitMs === null) expect(seen.waitMs).toBeNull()
  else expect(Math.abs((seen.waitMs ?? 0) / Number(waitMs) - 1)).toBeLessThan(0.1001)
}

describe('a receiver that answers', () => {
  it.each<[string, RequestListener, Record<string, unknown>]>([
    ['200', answering(200), { ...delivered, answered: 200 }],
    ['202', answering(202), { ...delivered, answered: 202 }],
    ['204', (_request, response) => void response.writeHead(204).end(), { ...delivered, answered: 204 }],
    ['301', answering(301, { location: '/elsewhere' }), { ...soon, answered: 301, error: 'redirected' }],
    [
      '304',
      (_request, response) => void response.writeHead(304).end(),
      { ...soon, answered: 304, error: 'redirected' },
    ],
    ['308', answering(308, { location: '/elsewhere' }), { ...soon, answered: 308, error: 'redirected' }],
    ['400', answering(400), { ...soon, answered: 400, error: 'http_status' }],
    ['404', answering(404), { ...soon, answered: 404, error: 'http_status' }],
    ['410', answering(410), { delivery: 'failed', endpoint: 'disabled', answered: 410, waitMs: null }],
    ['500', answering(500), { ...soon, answered: 500, error: 'http_status' }],
    ['503', answering(503), { ...soon, answered: 503, error: 'http_status' }],
    [
      '429 with Retry-After',
      answering(429, { 'retry-after': '120' }),
      { ...soon, answered: 429, waitMs: 120 * second },
    ],
    ['503 with Retry-After', answering(503, { 'retry-after': '60' }), { ...soon, answered: 503, waitMs: 60 * second }],
    ['429 with a pause of a year', answering(429, { 'retry-after': '31536000' }), { ...soon, waitMs: hour }],
    ['500 with Retry-After', answering(500, { 'retry-after': '120' }), { ...soon, answered: 500 }],
    ['429 with nonsense', answering(429, { 'retry-after': '-1, soon' }), { ...soon, answered: 429 }],
  ])('%s leads to the right end', async (_answer, listener, expected) => {
    await using receiver = await listen(createServer(listener))
    const { seen } = await send(`http://127.0.0.1:${receiver.port}/`)
    expectSeen(seen, expected)
    expect(receiver.connections()).toBe(1)
  })

  it('200 and 10 MB has delivered, and no more than the first kilobyte is kept', async () => {
    let written = 0
    const pour: RequestListener = (_request, response) => {
      response.writeHead(200)
      const more = () => {
        while (written < 10_000_000 && !response.destroyed) {
          written += 16_384
          if (!response.write('x'.repeat(16_384))) return
        }
        response.end()
      }
      response.on('drain', more)
      more()
    }
    await using receiver = await listen(createServer(pour))
    const { seen, response } = await send(`http://127.0.0.1:${receiver.port}/`)
    expectSeen(seen, { ...delivered, answered: 200 })
    expect(response).toBe('x'.repeat(1024))
    expect(written).toBeLessThan(10_000_000)
  })

  it('500 with a body that drips has failed by its status, and what came is kept', async () => {
    const timers: NodeJS.Timeout[] = []
    const drip: RequestListener = (_request, response) => {
      response.writeHead(500)
      response.write('first')
      timers.push(setInterval(() => response.write('.'), 20))
    }
    await using receiver = await listen(createServer(drip))
    const { seen, response } = await send(`http://127.0.0.1:${receiver.port}/`)
    for (const timer of timers) clearInterval(timer)
    expectSeen(seen, { ...soon, answered: 500, error: 'http_status' })
    expect(response).toMatch(/^first/)
  })
})

describe('a receiver that does not answer', () => {
  it.each<[string, (socket: Socket) => void, string]>([
    ['hangs', () => {}, 'timeout'],
    ['resets', (socket) => socket.resetAndDestroy(), 'connection_failed'],
    ['hangs up', (socket) => socket.end(), 'connection_failed'],
    ['speaks no HTTP', (socket) => socket.end('220 mail.example.com ESMTP\r\n'), 'invalid_response'],
    ['stops in its headers', (socket) => void socket.write('HTTP/1.1 200 OK\r\nx-half: '), 'timeout'],
  ])('and %s is tried again', async (_how, react, error) => {
    const owner = createSocketServer((socket) => void socket.once('data', () => react(socket)))
    await using receiver = await listen(owner)
    const { seen, response } = await send(`http://127.0.0.1:${receiver.port}/`)
    expectSeen(seen, { ...soon, answered: null, error })
    expect(response).toBeNull()
  })

  it('and drips its headers is given up in time', async () => {
    const timers: NodeJS.Timeout[] = []
    const owner = createSocketServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n')
        timers.push(setInterval(() => socket.write('x: y\r\n'), 20))
      })
    })
    await using receiver = await listen(owner)
    const { seen } = await send(`http://127.0.0.1:${receiver.port}/`)
    for (const timer of timers) clearInterval(timer)
    expectSeen(seen, { ...soon, answered: null, error: 'timeout' })
  })

  it('because nobody listens, is tried again', async () => {
    const gone = await listen(createServer())
    await gone[Symbol.asyncDispose]()
    const { seen } = await send(`http://127.0.0.1:${gone.port}/`)
    expectSeen(seen, { ...soon, answered: null, error: 'connection_failed' })
  })
})

describe('a URL that tries to reach what it must not', () => {
  it.each<[string, (port: number) => string, string]>([
    ['loopback', (port) => `http://127.0.0.1:${port}/`, 'url_address'],
    ['loopback by name', (port) => `http://localhost:${port}/`, 'url_address'],
    ['loopback of IPv6', (port) => `http://[::1]:${port}/`, 'url_address'],
    ['loopback mapped into IPv6', (port) => `http://[::ffff:127.0.0.1]:${port}/`, 'url_address'],
    ['loopback mapped into IPv6, in hexadecimal', (port) => `http://[::ffff:7f00:1]:${port}/`, 'url_address'],
    ['a decimal host', (port) => `http://2130706433:${port}/`, 'url_address'],
    ['an octal host', (port) => `http://0177.0.0.1:${port}/`, 'url_address'],
    ['a hexadecimal host', (port) => `http://0x7f.0.0.1:${port}/`, 'url_address'],
    ['a short host', (port) => `http://127.1:${port}/`, 'url_address'],
    ['this host', (port) => `http://0:${port}/`, 'url_address'],
    ['the metadata of clouds', () => 'http://169.254.169.254/latest/meta-data/', 'url_address'],
    ['a public name as the user', (port) => `http://example.com@127.0.0.1:${port}/`, 'url_credentials'],
    ['a public name and a password', (port) => `http://example.com:80@127.0.0.1:${port}/`, 'url_credentials'],
    ['a backslash before the user', (port) => `http://127.0.0.1:${port}\\@example.com/`, 'url_address'],
    ['a fragment before the user', (port) => `http://127.0.0.1:${port}#@example.com/`, 'url_fragment'],
    ['an encoded host', (port) => `http://%31%32%37.0.0.1:${port}/`, 'url_address'],
    ['another scheme', () => 'file:///etc/passwd', 'url_scheme'],
    ['a port of mail', () => 'http://example.com:25/', 'url_port'],
  ])('by %s is not called', async (_trick, urlOf, error) => {
    await using inside = await listen(createServer(answering(200)))
    const { seen, response } = await send(urlOf(inside.port), { policy: strict })
    expectSeen(seen, { ...soon, answered: null, error })
    expect(response).toBeNull()
    expect(inside.connections()).toBe(0)
  })

  it('by a redirect to the metadata of clouds is not followed', async () => {
    const metadata = 'http://169.254.169.254/latest/meta-data/iam/security-credentials/'
    await using receiver = await listen(createServer(answering(302, { location: metadata })))
    const { seen } = await send(`http://127.0.0.1:${receiver.port}/`)
    expectSeen(seen, { ...soon, answered: 302, error: 'redirected' })
    expect(receiver.connections()).toBe(1)
  })

  it('by a redirect to loopback is not followed', async () => {
    await using inside = await listen(createServer(answering(200)))
    const location = `http://127.0.0.1:${inside.port}/`
    await using receiver = await listen(createServer(answering(307, { location })))
    const { seen } = await send(`http://127.0.0.1:${receiver.port}/`)
    expectSeen(seen, { ...soon, answered: 307, error: 'redirected' })
    expect(inside.connections()).toBe(0)
  })

  it.each([
    ['private', '10.0.0.5'],
    ['link-local', '169.254.169.254'],
    ['mapped', '::ffff:127.0.0.1'],
    ['unique local', 'fd00:ec2::254'],
  ])('by a name with a %s address is not called', async (_kind, address) => {
    const resolve = async () => [{ address, family: address.includes(':') ? 6 : 4 }]
    const { seen } = await send('http://receiver.test:8080/', { policy: strict, resolve })
    expectSeen(seen, { ...soon, answered: null, error: 'url_address' })
  })
})

/** Linux has all of 127/8, so that one loopback address can stand for a public one. */
describe.skipIf(process.platform !== 'linux')('a name whose address changes', () => {
  const policy = { allowNetworks: ['127.0.0.2/32'], allowHttp: true }

  it('to 127.0.0.1 between two lookups leads to the address that was judged, or nowhere', async () => {
    const lookups: string[] = []
    const resolve: Resolve = async (hostname) => {
      lookups.push(hostname)
      return [{ address: lookups.length === 1 ? '127.0.0.2' : '127.0.0.1', family: 4 }]
    }
    await using outside = await listen(createServer(answering(200)), '127.0.0.2')
    await using inside = await listen(createServer(answering(200)), '127.0.0.1', outside.port)
    const url = `http://receiver.test:${outside.port}/`
    const first = await send(url, { policy, resolve })
    expectSeen(first.seen, { ...delivered, answered: 200 })
    expect(lookups).toEqual(['receiver.test'])
    const next = await attempt(first.id, 'evt_2', { policy, resolve })
    expectSeen(next.seen, { ...soon, answered: null, error: 'url_address' })
    expect([outside.connections(), inside.connections()]).toEqual([1, 0])
  })
})

describe('an endpoint that fails', () => {
  it('for five days without a success is disabled, and only then', async () => {
    await using receiver = await listen(createServer(answering(500)))
    const startMs = Date.now()
    const { id } = await send(`http://127.0.0.1:${receiver.port}/`, { nowMs: startMs })
    const fails = async (name: string, afterMs: number) =>
      (await attempt(id, name, { nowMs: startMs + afterMs })).seen.endpoint
    expect(await fails('evt_2', 5 * dayMs - 1)).toBe('enabled')
    expect(await fails('evt_3', 5 * dayMs)).toBe('disabled')
    expect(await endpoints.read(id)).toMatchObject({ disabledReason: 'failing', failingSinceMs: startMs })
    const rows = await redis.lrange('sluice:outbox', 0, -1)
    expect(rows).toContain(`${id} webhook_endpoint.disabled ${startMs + 5 * dayMs}`)
  })

  it('and succeeds in between begins anew', async () => {
    let status = 500
    await using receiver = await listen(createServer((request, response) => answering(status)(request, response)))
    const startMs = Date.now()
    const { id } = await send(`http://127.0.0.1:${receiver.port}/`, { nowMs: startMs })
    status = 200
    await attempt(id, 'evt_2', { nowMs: startMs + dayMs })
    expect(await endpoints.read(id)).toMatchObject({ failingSinceMs: null })
    status = 500
    await attempt(id, 'evt_3', { nowMs: startMs + 6 * dayMs })
    expect(await endpoints.read(id)).toMatchObject({ status: 'enabled', failingSinceMs: startMs + 6 * dayMs })
  })

  it('gets ten attempts at an event, all under one id, and what is sent outlives them', async () => {
    await using receiver = await listen(createServer(answering(500)))
    let nowMs = Date.now()
    const startMs = nowMs
    const { id } = await send(`http://127.0.0.1:${receiver.port}/`, { nowMs })
    const delivery = deliveryIdOf(id, 'evt_1')
    for (let read = await deliveries.read(delivery); read?.nextAttemptAtMs; read = await deliveries.read(delivery)) {
      nowMs = read.nextAttemptAtMs
      const ttlMs = await redis.pttl(`sluice:webhook:content:${delivery}`)
      expect(ttlMs).toBeGreaterThan(nowMs - startMs)
      await attempt(id, 'evt_1', { nowMs })
    }
    const read = await deliveries.read(delivery)
    expect(read).toMatchObject({ status: 'failed', nextAttemptAtMs: null })
    expect(read?.attempts).toHaveLength(10)
    expect((nowMs - startMs) / hour).toBeGreaterThan(67)
    expect((nowMs - startMs) / hour).toBeLessThan(84)
  })
})
