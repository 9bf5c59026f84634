import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { keyOf, startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, completion, echo, hang } from '../support/chat-upstream.ts'

/** Calls that are not answered before the first redirect, by the client that follows it without knowing. */
let broker: TestBroker
let client: OpenAI
beforeAll(async () => {
  broker = await startTestBroker({ config: { server: { port: 0, max_body_mb: 1, max_wait: '200ms' } } })
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: keyOf('acme'), maxRetries: 2 })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const request = { model: 'local', messages: [{ role: 'user' as const, content: 'take your time' }] }

/** How often the API has answered with this status so far on this route. */
async function answered(route: string, status: number): Promise<number> {
  const text = await (await broker.send('/metrics')).text()
  const lines = text.split('\n').filter((line) => /^\S*http\S*_count\{/.test(line))
  const line = lines.find((each) => each.includes(`route="${route}"`) && each.includes(`status="${status}"`))
  return Number(line?.split(' ').at(-1) ?? 0)
}

/** Answers once the API has sent this many redirects more. */
function afterHops(hops: number, route: string): ChatScript {
  return async (_call, response) => {
    const before = await answered(route, 303)
    while ((await answered(route, 303)) < before + hops) await new Promise((resolve) => setTimeout(resolve, 20))
    response.writeHead(200, { 'content-type': 'application/json' }).end(completion('worth it'))
  }
}

const leg = '/v1/chat/completions/:id'

describe('a call that outlasts its connection', () => {
  it('is answered over three redirects and more', async () => {
    broker.upstream.script = afterHops(3, leg)
    const before = broker.upstream.calls.length
    const { data, response } = await client.chat.completions.create(request).withResponse()
    expect(data.choices[0]?.message).toMatchObject({ role: 'assistant', content: 'worth it' })
    expect(data.usage?.total_tokens).toBe(12)
    expect(response.redirected).toBe(true)
    expect(response.headers.get('x-sluice-deployment')).toBe('studio-a')
    expect(broker.upstream.calls.length - before).toBe(1)
  })

  it('fails over them with the status that it has, and is not tried again', async () => {
    broker.upstream.script = hang
    const before = broker.upstream.calls.length
    const headers = { 'x-sluice-deadline': '1' }
    const error: unknown = await client.chat.completions.create(request, { headers }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(error).toMatchObject({ status: 504, code: 'deadline_exceeded', type: 'server_error' })
    expect(broker.upstream.calls.length - before).toBe(1)
  })

  it('is given up by its client on the way, and found by its retry', async () => {
    broker.upstream.script = async (_call, response) => {
      await vi.waitFor(async () => expect(await broker.redis.zcard('sluice:left')).toBe(1), 15_000)
      response.writeHead(200, { 'content-type': 'application/json' }).end(completion('worth it'))
    }
    const before = broker.upstream.calls.length
    const impatient = client.withOptions({ timeout: 1_500 })
    const { choices } = await impatient.chat.completions.create({ ...request, temperature: 0.1 })
    expect(choices[0]?.message.content).toBe('worth it')
    expect(broker.upstream.calls.length - before).toBe(1)
  })
})
