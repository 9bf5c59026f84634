import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { chunkRecord, echo, hang, lastRecords, refuse } from '../support/chat-upstream.ts'
import { type EndpointReceiver, startEndpointReceiver } from '../support/endpoint-receiver.ts'

/** What webhook endpoints hear of responses: OpenAI's own events, which its client verifies and reads. */
let broker: TestBroker
let client: OpenAI
beforeAll(async () => {
  broker = await startTestBroker()
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
})
afterEach(async () => {
  broker.upstream.script = echo
  const { data } = (await (await broker.send(endpoints)).json()) as { data: { id: string }[] }
  for (const { id } of data) await broker.send(`${endpoints}/${id}`, { method: 'DELETE' })
})
afterAll(() => broker[Symbol.asyncDispose]())

const model = 'local'
const endpoints = '/v1/webhooks/endpoints'

async function listen(receiver: EndpointReceiver, more: object = {}): Promise<string> {
  const json = { url: receiver.url, events: ['response.*', 'job.*'], ...more }
  const made = await broker.send(endpoints, { json })
  expect(made.status).toBe(201)
  return ((await made.json()) as { secret: string }).secret
}

const came = ({ received }: EndpointReceiver, count: number) =>
  vi.waitFor(() => {
    expect(received).toHaveLength(count)
    return received
  }, 10_000)

describe('the end of a response in the background', () => {
  it('is told in OpenAI’s words, by which its client finds the response', async () => {
    await using receiver = await startEndpointReceiver()
    const secret = await listen(receiver)
    const waited = await client.responses.create({ model, input: 'echo: waited for' })
    const { id } = await client.responses.create({ model, input: 'echo: done', background: true })
    const [delivery] = await came(receiver, 1)
    const event = await client.webhooks.unwrap(delivery?.body ?? '', delivery?.headers ?? {}, secret)
    expect(event).toMatchObject({ object: 'event', type: 'response.completed', data: { id } })
    expect(event.data).toEqual({ id })
    expect((await client.responses.retrieve(id)).output_text).toBe('done')
    expect(receiver.received.filter(({ body }) => body.includes(waited.id.slice('resp_'.length)))).toEqual([])
  })

  it('has a name for each way to end', async () => {
    await using receiver = await startEndpointReceiver()
    await listen(receiver)
    broker.upstream.script = refuse(400)
    await client.responses.create({ model, input: 'x', background: true })
    await came(receiver, 1)
    broker.upstream.script = (_call, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(
        chunkRecord({ content: 'cut' }) +
          chunkRecord({}, 'length') +
          lastRecords().slice(lastRecords().indexOf('\n\n') + 2),
      )
    }
    await (await client.responses.create({ model, input: 'x', background: true, stream: true }))
      .toReadableStream()
      .cancel()
    await came(receiver, 2)
    broker.upstream.script = hang
    const { id } = await client.responses.create({ model, input: 'hang', background: true })
    await client.responses.cancel(id)
    const received = await came(receiver, 3)
    expect(received.map(({ body }) => JSON.parse(body).type)).toEqual([
      'response.failed',
      'response.incomplete',
      'response.cancelled',
    ])
  })

  it('comes with the response where the endpoint wants all, and is forgotten with it', async () => {
    await using receiver = await startEndpointReceiver()
    await listen(receiver, { payload: 'full' })
    const { id } = await client.responses.create({ model: 'cloud', input: 'echo: ada@example.com', background: true })
    const [delivery] = await came(receiver, 1)
    expect(JSON.parse(delivery?.body ?? '').data).toMatchObject({
      id,
      object: 'response',
      status: 'completed',
      output: [{ type: 'message', content: [{ type: 'output_text', text: 'ada@example.com' }] }],
      usage: { total_tokens: 12 },
    })
    const kept = () => broker.redis.keys('sluice:webhook:content:*')
    expect(await kept()).toHaveLength(1)
    await client.responses.delete(id)
    expect(await kept()).toEqual([])
  })
})
