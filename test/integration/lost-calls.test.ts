import type { ServerResponse } from 'node:http'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { keyOf, type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatCall, chunkRecord, completion, echo } from '../support/chat-upstream.ts'
import { readRecords } from '../support/sse-reader.ts'

/** What becomes of a call whose client has gone, and of the same call when it comes again. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterEach(async () => {
  for (const { response } of held.splice(0)) response.destroy()
  broker.upstream.script = echo
  await broker.redis.del('sluice:left')
})
afterAll(() => broker[Symbol.asyncDispose]())

const chatPath = '/v1/chat/completions'
const held: { call: ChatCall; response: ServerResponse }[] = []
let prompts = 0

/** A prompt that no other test has. */
function newPrompt(): string {
  prompts += 1
  return `question ${prompts}`
}

const chat = (prompt: string, options: SendOptions & { more?: object } = {}) => {
  const { more, ...rest } = options
  return broker.send(chatPath, {
    json: { model: 'local', messages: [{ role: 'user', content: prompt }], ...more },
    ...rest,
  })
}

function hold(): void {
  broker.upstream.script = (call, response) => {
    held.push({ call, response })
    if (call.stream)
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunkRecord({ content: 'a' }))
  }
}

const callsOf = (prompt: string) => broker.upstream.calls.filter((call) => call.prompt === prompt)
const calledWith = (prompt: string) => broker.upstream.callOf((call) => call.prompt === prompt)

function answer(prompt: string, text: string): void {
  const waiting = held.find(({ call }) => call.prompt === prompt)
  waiting?.response.writeHead(200, { 'content-type': 'application/json' }).end(completion(text))
}

const leftCalls = () => broker.redis.zcard('sluice:left')
const jobOf = async (response: Response) => {
  const id = response.headers.get('x-sluice-job-id') ?? ''
  return (await (await broker.send(`/v1/jobs/${id}?wait=10`)).json()) as { id: string; status: string }
}
const newestJob = async () => {
  const list = (await (await broker.send('/v1/jobs?limit=1')).json()) as { data: { id: string; status: string }[] }
  return list.data[0] ?? { id: '', status: '' }
}

/** Sends a chat and hangs up when the upstream has it. Resolves when the broker has noticed. */
async function leave(prompt: string, options: SendOptions & { more?: object } = {}): Promise<string> {
  const stop = new AbortController()
  const gone = chat(prompt, { ...options, signal: stop.signal }).catch(() => null)
  await calledWith(prompt)
  const { id } = await newestJob()
  stop.abort()
  await gone
  await vi.waitFor(async () => expect(await leftCalls()).toBe(1), 5_000)
  return id
}

describe('a call whose client lost its connection', () => {
  it('is paid for once by the openai client, which times out and tries again by itself', async () => {
    hold()
    const prompt = newPrompt()
    const client = new OpenAI({ baseURL: broker.baseURL, apiKey: keyOf('acme'), maxRetries: 2, timeout: 1_000 })
    const asked = client.chat.completions.create({ model: 'local', messages: [{ role: 'user', content: prompt }] })
    await calledWith(prompt)
    await vi.waitFor(async () => expect(await leftCalls()).toBe(1), 5_000)
    answer(prompt, 'paid once')
    expect((await asked).choices[0]?.message.content).toBe('paid once')
    expect(callsOf(prompt)).toHaveLength(1)
    expect(await leftCalls()).toBe(0)
  })

  it('is found again by an identical request without any header', async () => {
    hold()
    const prompt = newPrompt()
    const id = await leave(prompt)
    const again = chat(prompt)
    await vi.waitFor(async () => expect(await leftCalls()).toBe(0), 5_000)
    answer(prompt, 'the same job')
    const response = await again
    expect(response.headers.get('x-sluice-job-id')).toBe(id)
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'the same job' } }] })
    expect(callsOf(prompt)).toHaveLength(1)
  })

  it('gives the answer that came while nobody was there', async () => {
    hold()
    const prompt = newPrompt()
    const id = await leave(prompt)
    answer(prompt, 'nobody heard')
    await vi.waitFor(async () => expect((await newestJob()).status).toBe('completed'), 5_000)
    const response = await chat(prompt)
    expect(response.headers.get('x-sluice-job-id')).toBe(id)
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'nobody heard' } }] })
    expect(callsOf(prompt)).toHaveLength(1)
  })

  it('is found by one of two that ask at once, and the other is a call of its own', async () => {
    hold()
    const prompt = newPrompt()
    await leave(prompt)
    broker.upstream.script = echo
    const both = [chat(prompt), chat(prompt)]
    await vi.waitFor(() => expect(callsOf(prompt)).toHaveLength(2), 5_000)
    answer(prompt, 'first')
    const ids = (await Promise.all(both)).map((response) => response.headers.get('x-sluice-job-id'))
    expect(new Set(ids).size).toBe(2)
    expect(callsOf(prompt)).toHaveLength(2)
  })

  it.each<[string, SendOptions & { more?: object }]>([
    ['of another tenant', { tenant: 'globex' }],
    ['of another priority', { headers: { 'x-sluice-priority': 'batch' } }],
    ['with another body', { more: { temperature: 0.5 } }],
    ['with other tags', { headers: { 'x-sluice-tags': 'team=a' } }],
    ['with a key of its own', { headers: { 'idempotency-key': 'another' } }],
  ])('is not found by a request %s', async (_name, options) => {
    hold()
    const prompt = newPrompt()
    const id = await leave(prompt)
    broker.upstream.script = echo
    const response = await chat(prompt, options)
    expect(response.status).toBe(200)
    expect(response.headers.get('x-sluice-job-id')).not.toBe(id)
    expect(callsOf(prompt)).toHaveLength(2)
  })

  it('is ended when nobody has come back for a minute', async () => {
    hold()
    const prompt = newPrompt()
    const id = await leave(prompt)
    await age()
    const { request } = await calledWith(prompt)
    await request.closed
    expect(await (await broker.send(`/v1/jobs/${id}?wait=10`)).json()).toMatchObject({ status: 'cancelled' })
  })

  it.each<[string, SendOptions & { more?: object }]>([
    ['is to be stored', { more: { store: true } }],
    ['has an Idempotency-Key', { headers: { 'idempotency-key': 'come back' } }],
  ])('goes on all the same when it %s', async (_name, options) => {
    hold()
    const prompt = newPrompt()
    const id = await leave(prompt, options)
    await age()
    await vi.waitFor(async () => expect(await leftCalls()).toBe(0), 5_000)
    answer(prompt, 'still there')
    expect(await (await broker.send(`/v1/jobs/${id}?wait=10`)).json()).toMatchObject({ status: 'completed' })
  })

  it('is left no more when somebody asks for its job by the id', async () => {
    hold()
    const prompt = newPrompt()
    const id = await leave(prompt)
    const waiting = broker.send(`${chatPath}/${id}?wait=10`)
    await vi.waitFor(async () => expect(await leftCalls()).toBe(0), 5_000)
    answer(prompt, 'by its id')
    expect(await (await waiting).json()).toMatchObject({ choices: [{ message: { content: 'by its id' } }] })
  })
})

describe('a call whose connection is alive', () => {
  it('is not shared with an identical one', async () => {
    hold()
    const prompt = newPrompt()
    const both = [chat(prompt), chat(prompt)]
    await vi.waitFor(() => expect(held).toHaveLength(2), 5_000)
    for (const [index, { response }] of held.entries()) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(completion(`answer ${index}`))
    }
    const ids = (await Promise.all(both)).map((response) => response.headers.get('x-sluice-job-id'))
    expect(new Set(ids).size).toBe(2)
  })

  it('is shared with a client that says that it tries again: nobody may have noticed that it has gone', async () => {
    hold()
    const prompt = newPrompt()
    const stop = new AbortController()
    const first = chat(prompt, { signal: stop.signal }).catch(() => null)
    await calledWith(prompt)
    const { id } = await newestJob()
    const again = chat(prompt, { headers: { 'x-stainless-retry-count': '1' } })
    await vi.waitFor(async () => expect(await broker.redis.exists(`sluice:kept:${id}`)).toBe(1), 5_000)
    // The first connection turns out to be gone, which must not end what the second one waits for.
    stop.abort()
    await first
    await vi.waitFor(async () => expect(await leftCalls()).toBe(1), 5_000)
    await age()
    await vi.waitFor(async () => expect(await leftCalls()).toBe(0), 5_000)
    answer(prompt, 'for both')
    const response = await again
    expect(response.headers.get('x-sluice-job-id')).toBe(id)
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'for both' } }] })
    expect(callsOf(prompt)).toHaveLength(1)
  })

  it('that was answered is not answered again by a retry of something else', async () => {
    const prompt = newPrompt()
    const first = await chat(prompt)
    const second = await chat(prompt, { headers: { 'x-stainless-retry-count': '2' } })
    expect(second.status).toBe(200)
    expect(second.headers.get('x-sluice-job-id')).not.toBe(first.headers.get('x-sluice-job-id'))
  })
})

describe('a stream whose reader hangs up', () => {
  const leaveStream = async (prompt: string, options: SendOptions & { more?: object } = {}) => {
    const response = await chat(prompt, { ...options, more: { ...options.more, stream: true } })
    for await (const record of readRecords(response)) if (record.includes('"a"')) break
    return response
  }

  it('is cancelled, down to the call of the upstream', async () => {
    hold()
    const prompt = newPrompt()
    const response = await leaveStream(prompt)
    const { request } = await calledWith(prompt)
    await request.closed
    expect(await jobOf(response)).toMatchObject({ status: 'cancelled' })
    expect(await leftCalls()).toBe(0)
  })

  it.each<[string, SendOptions & { more?: object }]>([
    ['is to be stored', { more: { store: true } }],
    ['has an Idempotency-Key', { headers: { 'idempotency-key': 'stream again' } }],
  ])('goes on when it %s', async (_name, options) => {
    hold()
    const prompt = newPrompt()
    const response = await leaveStream(prompt, options)
    const stream = held.find(({ call }) => call.prompt === prompt)?.response
    stream?.end(`${chunkRecord({ content: 'b' })}${chunkRecord({}, 'stop')}data: [DONE]\n\n`)
    const job = await jobOf(response)
    expect(job).toMatchObject({ status: 'completed', result: { choices: [{ message: { content: 'ab' } }] } })
  })
})

/** A minute goes by for the calls that were left. */
async function age(): Promise<void> {
  for (const member of await broker.redis.zrange('sluice:left', '0', '-1')) {
    await broker.redis.zadd('sluice:left', 'XX', `${Date.now() - 61_000}`, member)
  }
}
