import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { keys } from '../../src/store/keys.ts'
import { type Script, startUpstream } from '../contract/scripted-upstream.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, hang, refuse } from '../support/chat-upstream.ts'

/** How a job's end reaches somebody who does not ask for it. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

interface Made {
  readonly id: string
  readonly urls: { readonly cancel: string }
}

function jobBody(more: object) {
  const messages = [{ role: 'user', content: 'echo: five' }]
  return { model: 'local', input: { endpoint: '/v1/chat/completions', body: { messages } }, ...more }
}

async function makeJob(json: object): Promise<Made> {
  const made = await broker.send('/v1/jobs', { json })
  expect(made.status).toBe(202)
  return (await made.json()) as Made
}

async function runJob(json: object): Promise<Made> {
  const { id } = await makeJob(json)
  return (await (await broker.send(`/v1/jobs/${id}?wait=30`)).json()) as Made
}

const post = (path: string) => broker.send(path, { method: 'POST' })

describe('webhooks', () => {
  const noContent: Script = (response) => void response.writeHead(204).end()

  it('are signed, say what became of the job, and are sent for the events that were asked for', async () => {
    await using receiver = await startUpstream(noContent)
    const webhook = { url: `${receiver.url}/hook` }
    const completed = await runJob(jobBody({ webhook, metadata: { ticket: '42' } }))
    broker.upstream.script = refuse(400)
    const failed = await runJob(jobBody({ webhook }))
    broker.upstream.script = hang
    const cancelled = await makeJob(jobBody({ webhook }))
    await post(cancelled.urls.cancel)
    await makeJob(jobBody({ webhook: { ...webhook, events: ['job.completed'] } })).then(({ urls }) => post(urls.cancel))
    const expired = await makeJob(jobBody({ webhook, deadline: 0.2 }))

    await vi.waitFor(() => expect(receiver.requests).toHaveLength(4), { timeout: 10_000, interval: 20 })
    const events = receiver.requests.map((request) => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
      const event = new Webhook(broker.webhookSecret).verify(request.body, headers)
      expect(headers['webhook-id']).toBe((event as { id: string }).id)
      expect(headers['content-type']).toBe('application/json')
      return event as { type: string; data: { id: string; result: unknown; error: unknown; metadata: object } }
    })
    expect(events.map(({ type, data }) => `${type} ${data.id}`).sort()).toEqual(
      [
        `job.cancelled ${cancelled.id}`,
        `job.completed ${completed.id}`,
        `job.expired ${expired.id}`,
        `job.failed ${failed.id}`,
      ].sort(),
    )
    const dataOf = (type: string) => events.find((event) => event.type === type)?.data
    expect(dataOf('job.completed')).toMatchObject({
      metadata: { ticket: '42' },
      error: null,
      result: { choices: [{ message: { content: 'five' } }] },
    })
    expect(dataOf('job.failed')).toMatchObject({ result: null, error: { code: 'upstream_rejected' } })
    expect(dataOf('job.expired')).toMatchObject({ error: { code: 'deadline_exceeded' } })
  })

  it('are sent again under the same id until the receiver takes them, though the job is forgotten by then', async () => {
    let refusals = 1
    await using receiver = await startUpstream((response) => {
      response.writeHead(refusals > 0 ? 500 : 204).end()
      refusals -= 1
    })
    const { id } = await runJob(jobBody({ webhook: { url: receiver.url } }))
    await vi.waitFor(() => expect(receiver.requests).toHaveLength(1), { timeout: 10_000, interval: 20 })
    const ofJob = await broker.redis.keys(`sluice:*:${id}`)
    expect(ofJob).not.toEqual([])
    await broker.redis.del(ofJob)
    await vi.waitFor(() => expect(receiver.requests).toHaveLength(2), { timeout: 15_000, interval: 50 })
    const [first, second] = receiver.requests
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    expect(second?.body).toBe(first?.body)
    expect(second?.body).toContain(id)
    await vi.waitFor(async () => expect(await broker.redis.zcard(keys.webhookLanes)).toBe(0))
  }, 30_000)
})
