import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { z } from 'zod'
import {
  type deliveryList,
  type newEndpointAnswer,
  rotatedEndpoint,
  webhookDelivery,
  webhookEndpoint,
} from '../../src/http/webhook-schemas.ts'
import { keys } from '../../src/store/keys.ts'
import { type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, refuse } from '../support/chat-upstream.ts'
import { type EndpointReceiver, type ReceivedWebhook, startEndpointReceiver } from '../support/endpoint-receiver.ts'
import { dumpRedis } from '../support/redis-dump.ts'

type Created = z.infer<typeof newEndpointAnswer>

const path = '/v1/webhooks/endpoints'
const within = { timeout: 10_000, interval: 20 }

let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterEach(async () => {
  broker.upstream.script = echo
  for (const tenant of ['acme', 'globex']) {
    const { data } = (await (await broker.send(path, { tenant })).json()) as { data: { id: string }[] }
    for (const { id } of data) await broker.send(`${path}/${id}`, { method: 'DELETE', tenant })
  }
})
afterAll(() => broker[Symbol.asyncDispose]())

async function create(json: object, tenant = 'acme'): Promise<Created> {
  const response = await broker.send(path, { json, tenant })
  expect(response.status).toBe(201)
  return (await response.json()) as Created
}

async function errorOf(url: string, options: SendOptions) {
  const response = await broker.send(url, options)
  const { error } = (await response.json()) as { error: { code: string; param: string | null; message: string } }
  return { status: response.status, code: error.code, param: error.param, message: error.message }
}

async function runJob(more: object = {}, tenant = 'acme'): Promise<string> {
  const body = { messages: [{ role: 'user', content: 'echo: five' }] }
  const json = { model: 'local', input: { endpoint: '/v1/chat/completions', body }, ...more }
  const { id } = (await (await broker.send('/v1/jobs', { json, tenant })).json()) as { id: string }
  await broker.send(`/v1/jobs/${id}?wait=30`, { tenant })
  return id
}

async function deliveriesOf(id: string): Promise<z.infer<typeof deliveryList>['data']> {
  const list = (await (await broker.send(`${path}/${id}/deliveries`)).json()) as z.infer<typeof deliveryList>
  return list.data.map((delivery) => webhookDelivery.parse(delivery))
}

/** Waits until the newest event for an endpoint has been delivered. */
function deliveredTo(id: string) {
  return vi.waitFor(async () => {
    const [newest] = await deliveriesOf(id)
    expect(newest?.status).toBe('delivered')
    return newest
  }, within)
}

function came({ received }: EndpointReceiver, count: number) {
  return vi.waitFor(() => {
    expect(received).toHaveLength(count)
    return received
  }, within)
}

describe('a webhook endpoint', () => {
  it('can be made, read, listed, changed and deleted', async () => {
    const made = await create({ url: 'https://example.com/hooks/one', events: ['job.*'], description: 'one' })
    const { secret, ...shown } = made
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(webhookEndpoint.strict().parse(shown)).toMatchObject({
      object: 'webhook_endpoint',
      url: 'https://example.com/hooks/one',
      events: ['job.*'],
      description: 'one',
      payload: 'thin',
      status: 'enabled',
      disabled_reason: null,
    })
    expect(await (await broker.send(`${path}/${made.id}`)).json()).toEqual(shown)
    expect(await (await broker.send(path)).json()).toEqual({ object: 'list', data: [shown], has_more: false })
    const changes = { url: 'https://example.com/hooks/two', payload: 'full', status: 'disabled' }
    const changed = await broker.send(`${path}/${made.id}`, { method: 'PATCH', json: changes })
    expect(await changed.json()).toMatchObject({ ...changes, events: ['job.*'], disabled_reason: 'requested' })
    const deleted = await broker.send(`${path}/${made.id}`, { method: 'DELETE' })
    expect(await deleted.json()).toEqual({ id: made.id, object: 'webhook_endpoint', deleted: true })
    expect(await errorOf(`${path}/${made.id}`, {})).toMatchObject({ status: 404, code: 'webhook_endpoint_not_found' })
  })

  it.each([
    [{ url: 'https://10.0.0.1/' }, 'url'],
    [{ url: 'https://user:pass@example.com/' }, 'url'],
    [{ url: 'ftp://example.com/' }, 'url'],
    [{ url: 'nowhere' }, 'url'],
    [{}, 'url'],
    [{ url: 'https://example.com/', events: ['job.exploded'] }, 'events[0]'],
    [{ url: 'https://example.com/', events: [] }, 'events'],
    [{ url: 'https://example.com/', payload: 'fat' }, 'payload'],
    [{ url: 'https://example.com/', secret: 'whsec_mine' }, 'secret'],
  ])('is refused with the field that is wrong: %j', async (json, param) => {
    expect(await errorOf(path, { json })).toMatchObject({ status: 400, code: 'invalid_request', param })
  })

  it('cannot be changed into one that would be refused', async () => {
    const { id } = await create({ url: 'https://example.com/' })
    for (const [json, param] of [
      [{ url: 'https://169.254.169.254/latest' }, 'url'],
      [{ status: 'paused' }, 'status'],
      [{}, null],
    ] as const) {
      expect(await errorOf(`${path}/${id}`, { method: 'PATCH', json })).toMatchObject({ status: 400, param })
    }
  })

  it('is one of twenty at most', async () => {
    await Promise.all(Array.from({ length: 20 }, () => create({ url: 'https://example.com/' }, 'globex')))
    const refused = await errorOf(path, { json: { url: 'https://example.com/' }, tenant: 'globex' })
    expect(refused).toMatchObject({ status: 400, message: 'A tenant has at most 20 webhook endpoints.' })
  })

  it('does not exist for another tenant, nor do its deliveries', async () => {
    await using receiver = await startEndpointReceiver()
    const { id } = await create({ url: receiver.url })
    await runJob()
    await came(receiver, 1)
    const delivery = await deliveredTo(id)
    const asked: [string, SendOptions][] = [
      [`${path}/${id}`, {}],
      [`${path}/${id}`, { method: 'PATCH', json: { status: 'disabled' } }],
      [`${path}/${id}`, { method: 'DELETE' }],
      [`${path}/${id}/rotate-secret`, { method: 'POST' }],
      [`${path}/${id}/deliveries`, {}],
      [`/v1/webhooks/deliveries/${delivery?.id}/resend`, { method: 'POST' }],
    ]
    for (const [url, options] of asked) {
      expect(await errorOf(url, { ...options, tenant: 'globex' }), url).toMatchObject({ status: 404 })
    }
    expect(await (await broker.send(path, { tenant: 'globex' })).json()).toMatchObject({ data: [] })
    expect(await (await broker.send(`${path}/${id}`)).json()).toMatchObject({ status: 'enabled' })
    expect(receiver.received).toHaveLength(1)
  })

  it('stands in Redis without its secret, its URL, what is sent and what is answered', async () => {
    await using receiver = await startEndpointReceiver()
    receiver.answer = (response) => void response.writeHead(200).end('answer of the receiver')
    const { id, secret } = await create({ url: `${receiver.url}/T0KEN`, payload: 'full' })
    await runJob({ metadata: { ticket: 'PLAIN-4711' } })
    await came(receiver, 1)
    await vi.waitFor(async () => expect((await deliveriesOf(id))[0]?.status).toBe('delivered'), within)
    const dump = JSON.stringify([...(await dumpRedis(broker.redis, 'sluice:webhook:*'))])
    expect(dump).toContain(id)
    for (const hidden of [secret, secret.slice('whsec_'.length), 'T0KEN', 'PLAIN-4711', 'answer of the receiver']) {
      expect(dump).not.toContain(hidden)
    }
    expect(broker.logText()).not.toContain(secret)
  })
})

describe('what an endpoint is sent', () => {
  it('is every event that its patterns name, thin or full, under one id everywhere', async () => {
    await using thin = await startEndpointReceiver()
    await using full = await startEndpointReceiver()
    await using failures = await startEndpointReceiver()
    await using other = await startEndpointReceiver()
    await create({ url: thin.url })
    await create({ url: full.url, events: ['job.*'], payload: 'full' })
    await create({ url: failures.url, events: ['job.failed', 'budget.alert'] })
    await create({ url: other.url }, 'globex')
    const completed = await runJob({ metadata: { ticket: '42' } })
    broker.upstream.script = refuse(400)
    const failed = await runJob()
    await Promise.all([came(thin, 2), came(full, 2), came(failures, 1)])
    const isOfFirst = ({ event }: ReceivedWebhook) => event.data.id === completed
    const [first, firstInFull] = [thin.received.find(isOfFirst), full.received.find(isOfFirst)]
    expect(first?.event).toMatchObject({
      id: `evt_${completed.slice('job_'.length)}_completed`,
      object: 'event',
      type: 'job.completed',
      data: { id: completed, object: 'job', status: 'completed', metadata: { ticket: '42' }, error: null },
    })
    expect(first?.event.data).not.toHaveProperty('result')
    expect(firstInFull?.event.data).toMatchObject({ result: { choices: [{ message: { content: 'five' } }] } })
    expect(firstInFull?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    expect(failures.received[0]?.event).toMatchObject({ type: 'job.failed', data: { id: failed } })
    expect(other.received).toEqual([])
  })

  it('never carries the result of a restricted job', async () => {
    await using receiver = await startEndpointReceiver()
    await create({ url: receiver.url, payload: 'full' })
    await runJob({ sensitivity: 'restricted' })
    const [only] = await came(receiver, 1)
    expect(only?.event.data).toMatchObject({ status: 'completed', result: null })
  })

  it('is one event, though the job names the same URL itself', async () => {
    await using receiver = await startEndpointReceiver()
    const { secret } = await create({ url: receiver.url })
    await runJob({ webhook: { url: receiver.url } })
    const received = await came(receiver, 2)
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    const signedBy = (key: string) =>
      received.filter(({ headers, body }) => {
        try {
          return new Webhook(key).verify(body, headers) !== null
        } catch {
          return false
        }
      })
    expect([signedBy(secret).length, signedBy(broker.webhookSecret).length]).toEqual([1, 1])
  })
})

describe('a secret that is rotated', () => {
  const client = new OpenAI({ apiKey: 'not used' })

  async function verifies(receiver: EndpointReceiver, secret: string): Promise<boolean[]> {
    const last = receiver.received.at(-1)
    if (!last) throw new Error('nothing was received')
    const { body, headers } = last
    const attempts = [
      async () => new Webhook(secret).verify(body, headers),
      () => client.webhooks.unwrap(body, headers, secret),
    ]
    return Promise.all(
      attempts.map((attempt) =>
        attempt().then(
          (event) => (event as { id: string }).id === headers['webhook-id'],
          () => false,
        ),
      ),
    )
  }

  it('signs beside the new one for the overlap, for standardwebhooks and openai', async () => {
    await using receiver = await startEndpointReceiver()
    const { id, secret: first } = await create({ url: receiver.url })
    const answer = await broker.send(`${path}/${id}/rotate-secret`, { method: 'POST' })
    const { secret: second, previous_secrets_expire_at } = rotatedEndpoint.parse(await answer.json())
    const dayFromNow = Date.now() / 1000 + 24 * 3600
    expect(Math.abs(previous_secrets_expire_at - dayFromNow)).toBeLessThan(60)
    expect(second).not.toBe(first)
    await runJob()
    const [only] = await came(receiver, 1)
    expect(only?.headers['webhook-signature']).toMatch(/^v1,\S{44} v1,\S{44}$/)
    expect([await verifies(receiver, first), await verifies(receiver, second)]).toEqual([
      [true, true],
      [true, true],
    ])
    const shown = await (await broker.send(`${path}/${id}`)).text()
    expect(shown).not.toContain('whsec_')
  })

  it('signs no more when the overlap is over', async () => {
    await using receiver = await startEndpointReceiver()
    const { id, secret: first } = await create({ url: receiver.url })
    const json = { overlap_seconds: 0 }
    const answer = await broker.send(`${path}/${id}/rotate-secret`, { method: 'POST', json })
    const { secret: second } = (await answer.json()) as Created
    await runJob()
    const [only] = await came(receiver, 1)
    expect(only?.headers['webhook-signature']).toMatch(/^v1,\S{44}$/)
    expect([await verifies(receiver, first), await verifies(receiver, second)]).toEqual([
      [false, false],
      [true, true],
    ])
  })
})

describe('the log of an endpoint', () => {
  it('shows every attempt with its status, latency, the first kilobyte of the answer, and what comes next', async () => {
    await using receiver = await startEndpointReceiver()
    receiver.answer = (response) => void response.writeHead(500).end('x'.repeat(5_000))
    const { id } = await create({ url: receiver.url })
    const job = await runJob()
    await came(receiver, 1)
    const [delivery] = await vi.waitFor(async () => {
      const found = await deliveriesOf(id)
      expect(found[0]?.attempts).toHaveLength(1)
      return found
    }, within)
    expect(delivery).toMatchObject({
      endpoint: id,
      webhook_id: `evt_${job.slice('job_'.length)}_completed`,
      event_type: 'job.completed',
      status: 'pending',
      attempts: [{ attempt: 1, outcome: 'failed', status: 500, error: 'http_status', response: 'x'.repeat(1024) }],
    })
    const waitSeconds = (delivery?.next_attempt_at ?? 0) - (delivery?.attempts[0]?.at ?? 0)
    expect(waitSeconds).toBeGreaterThanOrEqual(4)
    expect(waitSeconds).toBeLessThanOrEqual(7)
    expect(await (await broker.send(`${path}/${id}`)).json()).toMatchObject({
      status: 'enabled',
      failing_since: expect.any(Number),
    })
  })

  it('is read in pages, newest first', async () => {
    await using receiver = await startEndpointReceiver()
    const { id } = await create({ url: receiver.url })
    const jobs = [await runJob(), await runJob(), await runJob()]
    await came(receiver, 3)
    const page = async (query: string) =>
      (await (await broker.send(`${path}/${id}/deliveries?${query}`)).json()) as z.infer<typeof deliveryList>
    const first = await page('limit=2')
    const second = await page(`limit=2&after=${first.last_id}`)
    expect([first.has_more, second.has_more]).toEqual([true, false])
    const ids = [...first.data, ...second.data].map(({ webhook_id }) => webhook_id)
    expect(ids).toEqual(jobs.reverse().map((job) => `evt_${job.slice('job_'.length)}_completed`))
    expect(await errorOf(`${path}/${id}/deliveries?after=nothing`, {})).toMatchObject({ status: 400, param: 'after' })
  })
})

describe('a delivery that is sent again', () => {
  it('keeps its webhook id and its body, whether it had failed or not', async () => {
    await using receiver = await startEndpointReceiver()
    receiver.answer = (response) => void response.writeHead(500).end()
    const { id } = await create({ url: receiver.url })
    await runJob()
    await came(receiver, 1)
    receiver.answer = (response) => void response.writeHead(204).end()
    const [failed] = await deliveriesOf(id)
    const resend = () => broker.send(`/v1/webhooks/deliveries/${failed?.id}/resend`, { method: 'POST' })
    const answer = await resend()
    expect(answer.status).toBe(202)
    expect(webhookDelivery.parse(await answer.json())).toMatchObject({ id: failed?.id, status: 'pending' })
    await came(receiver, 2)
    await vi.waitFor(async () => expect((await deliveriesOf(id))[0]?.status).toBe('delivered'), within)
    await resend()
    const [first, second, third] = await came(receiver, 3)
    for (const again of [second, third]) {
      expect(again?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
      expect(again?.body).toBe(first?.body)
    }
    await vi.waitFor(async () => expect((await deliveriesOf(id))[0]?.attempts).toHaveLength(3), within)
    expect((await deliveriesOf(id)).length).toBe(1)
  })

  it('is refused for an endpoint that is disabled, and for what is no longer kept', async () => {
    await using receiver = await startEndpointReceiver()
    const { id } = await create({ url: receiver.url })
    await runJob()
    await came(receiver, 1)
    const delivery = await deliveredTo(id)
    const url = `/v1/webhooks/deliveries/${delivery?.id}/resend`
    const change = (status: string) => broker.send(`${path}/${id}`, { method: 'PATCH', json: { status } })
    await change('disabled')
    expect(await errorOf(url, { method: 'POST' })).toMatchObject({ status: 409, code: 'webhook_not_resendable' })
    await change('enabled')
    await broker.redis.del(keys.webhookContent(delivery?.id ?? ''))
    expect(await errorOf(url, { method: 'POST' })).toMatchObject({ status: 409, code: 'webhook_not_resendable' })
    const unknown = `/v1/webhooks/deliveries/dlv_${'0'.repeat(32)}/resend`
    expect(await errorOf(unknown, { method: 'POST' })).toMatchObject({ code: 'webhook_delivery_not_found' })
  })
})

describe('an endpoint that answers 410', () => {
  it('is disabled, the others are told, nothing more is sent there until it is enabled', async () => {
    await using gone = await startEndpointReceiver()
    await using other = await startEndpointReceiver()
    gone.answer = (response) => void response.writeHead(410).end()
    const { id } = await create({ url: gone.url, events: ['job.*'], description: 'the old one' })
    await create({ url: other.url, events: ['webhook_endpoint.disabled', 'job.completed'] })
    await runJob()
    const notice = (await came(other, 2)).find(({ event }) => event.type === 'webhook_endpoint.disabled')
    expect(notice?.event).toMatchObject({
      type: 'webhook_endpoint.disabled',
      data: { id, object: 'webhook_endpoint', description: 'the old one', disabled_reason: 'gone' },
    })
    expect(notice?.body).not.toContain(gone.url)
    const read = async () => (await broker.send(`${path}/${id}`)).json()
    expect(await read()).toMatchObject({ status: 'disabled', disabled_reason: 'gone', disabled_at: expect.any(Number) })
    expect((await deliveriesOf(id))[0]).toMatchObject({ status: 'failed', next_attempt_at: null })

    gone.answer = (response) => void response.writeHead(204).end()
    await runJob()
    // Who is sent an event is decided for all endpoints at once.
    await came(other, 3)
    const enabled = await broker.send(`${path}/${id}`, { method: 'PATCH', json: { status: 'enabled' } })
    expect(await enabled.json()).toMatchObject({ status: 'enabled', disabled_reason: null, failing_since: null })
    const later = await runJob()
    const received = await came(gone, 2)
    expect(received.at(-1)?.event.data.id).toBe(later)
  })
})
