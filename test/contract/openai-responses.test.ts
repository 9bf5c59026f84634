import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import OpenAI, { APIError, NotFoundError } from 'openai'
import { zodTextFormat } from 'openai/helpers/zod'
import type { Response as ModelResponse, ResponseStreamEvent } from 'openai/resources/responses/responses'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, chunkRecord, echo, hang, lastRecords, say } from '../support/chat-upstream.ts'
import { type CuttableProxy, startCuttableProxy } from '../support/cuttable-proxy.ts'
import { eventually } from '../support/eventually.ts'
import { inputItemList, responseEvent, responseObject } from '../support/openai-responses.ts'

/** OpenAI's own client, unmodified, against the Responses API; what it reads is what OpenAI describes. */
let broker: TestBroker
let client: OpenAI
beforeAll(async () => {
  broker = await startTestBroker({
    config: { server: { port: 0, max_body_mb: 1, max_wait: '1s' } },
    models: {
      local: [{ id: 'studio-a', pool: 'studio' }],
      narrow: [{ id: 'studio-n', pool: 'studio', concurrency: 1 }],
    },
  })
  // Without retries, so that nothing that went wrong is hidden.
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const model = 'local'
const input = 'echo: Grüße, 日本語!'
const text = 'Grüße, 日本語!'

/** A response as it was on the wire: the client adds fields of its own. */
function wire(response: ModelResponse): z.infer<typeof responseObject> {
  const { output_text: _sum, _request_id: _id, ...rest } = response as ModelResponse & { _request_id?: string }
  return responseObject.parse(rest)
}

const collect = async (stream: AsyncIterable<ResponseStreamEvent>) => Array.fromAsync(stream)

/** All events, as OpenAI describes them, numbered without a gap from `first`. */
function check(events: readonly ResponseStreamEvent[], first = 0) {
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => first + index))
  return events.map((event) => responseEvent.parse(event))
}

const textOf = (events: readonly ResponseStreamEvent[]) =>
  events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('')

/** What the upstream was last asked. */
function lastCall(): { messages: object[]; [field: string]: unknown } {
  return JSON.parse(broker.upstream.calls.at(-1)?.request.body ?? '')
}

/** Says `hel`, waits until it may go on, and says `lo`. */
function inTwoParts(): { script: ChatScript; goOn: () => void } {
  const { promise, resolve: goOn } = Promise.withResolvers<void>()
  const script: ChatScript = async (_call, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunkRecord({ content: 'hel' }))
    await promise
    response.end(chunkRecord({ content: 'lo' }) + lastRecords())
  }
  return { script, goOn }
}

/** Says `hel` and hangs up, whenever it is called. */
const dieMidStream: ChatScript = (_call, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(chunkRecord({ content: 'hel' }), () => response.destroy())
}

async function pollToEnd(id: string): Promise<ModelResponse> {
  return eventually(`the end of ${id}`, async () => {
    const response = await client.responses.retrieve(id)
    return response.status === 'queued' || response.status === 'in_progress' ? null : response
  })
}

describe('a response that is waited for', () => {
  it('is what OpenAI describes', async () => {
    const { data, response } = await client.responses
      .create({ model, input, instructions: 'Be brief.', metadata: { run: '7' }, temperature: 0.5 })
      .withResponse()
    expect(data.output_text).toBe(text)
    expect(wire(data)).toMatchObject({
      status: 'completed',
      background: false,
      store: true,
      instructions: 'Be brief.',
      metadata: { run: '7' },
      model,
      temperature: 0.5,
      usage: { input_tokens: 7, output_tokens: 5, total_tokens: 12 },
    })
    expect(lastCall().messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: input },
    ])
    expect(response.headers.get('x-sluice-job-id')).toBe(data.id.replace('resp_', 'job_'))
    expect(response.headers.get('x-sluice-deployment')).toBe('studio-a')
    expect(wire(await client.responses.retrieve(data.id))).toEqual(wire(data))
  })

  it('goes on behind a redirect when it takes long', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    broker.upstream.script = async (call, response) => {
      await promise
      return say('at last')(call, response)
    }
    const hops: string[] = []
    // What the client's own `fetch` does by itself, seen from beside it.
    const noteHop = (message: unknown) => {
      const { path } = (message as { request: { path: string } }).request
      if (!path.startsWith('/v1/responses/')) return
      hops.push(path)
      if (hops.length === 3) resolve()
    }
    subscribe('undici:request:create', noteHop)
    const response = await client.responses.create({ model, input: 'x', store: false })
    unsubscribe('undici:request:create', noteHop)
    expect(response.output_text).toBe('at last')
    expect(hops.length).toBeGreaterThanOrEqual(3)
    expect(new Set(hops)).toEqual(new Set([`/v1/responses/${response.id}?wait=1`]))
  })

  it('is an error of the client’s own where OpenAI has one', async () => {
    await expect(client.responses.create({ model: 'none', input })).rejects.toThrow(NotFoundError)
    const refused = client.responses.create({ model, input, tools: [{ type: 'web_search' }] })
    await expect(refused).rejects.toMatchObject({ status: 400, code: 'invalid_request', param: 'tools[0].type' })
    broker.upstream.script = (_call, response) => void response.writeHead(500).end('{}')
    await expect(client.responses.create({ model, input: 'to fail' })).rejects.toMatchObject({
      status: 502,
      code: 'upstream_failed',
    })
  })

  it('is incomplete when the model ran into its limit', async () => {
    broker.upstream.script = (_call, response) => {
      const choices = [{ index: 0, message: { role: 'assistant', content: 'hel' }, finish_reason: 'length' }]
      const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices, usage }))
    }
    const response = await client.responses.create({ model, input, max_output_tokens: 16 })
    expect(lastCall().max_completion_tokens).toBe(16)
    expect(wire(response)).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })
    expect(response.output_text).toBe('hel')
  })
})

describe('a stream', () => {
  it('is read event by event', async () => {
    const events = await collect(await client.responses.create({ model, input, stream: true }))
    const types = check(events).map(({ type }) => type)
    expect(types.slice(0, 3)).toEqual(['response.created', 'response.queued', 'response.in_progress'])
    expect(types.at(-1)).toBe('response.completed')
    expect(textOf(events)).toBe(text)
    const last = events.at(-1)
    const response = last?.type === 'response.completed' ? last.response : null
    expect(response && wire(await client.responses.retrieve(response.id))).toEqual(response)
  })

  it('is put together by the client’s own helper', async () => {
    const stream = client.responses.stream({ model, input })
    const deltas: string[] = []
    stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta))
    const response = await stream.finalResponse()
    expect(response.output_text).toBe(text)
    expect(deltas.join('')).toBe(text)
    expect(response.status).toBe('completed')
  })

  it('tells the client’s helper where the response stands, and is put together as ever', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    broker.upstream.script = async (call, response) => {
      await promise
      return echo(call, response)
    }
    await client.responses.create({ model: 'narrow', input: 'echo: first', background: true })
    await broker.upstream.callOf(({ deployment }) => deployment === 'studio-n')
    const stream = client.responses.stream({ model: 'narrow', input })
    stream.on('response.queued', ({ response }) => 'sluice' in response && resolve())
    expect((await stream.finalResponse()).output_text).toBe(text)
  })

  it('is an error in either way of reading when the upstream dies in the middle', async () => {
    broker.upstream.script = dieMidStream
    const events: ResponseStreamEvent[] = []
    const read = async () => {
      for await (const event of await client.responses.create({ model, input, stream: true })) events.push(event)
    }
    await expect(read()).rejects.toThrow(APIError)
    expect(textOf(events)).toBe('hel')
    await expect(client.responses.stream({ model, input }).finalResponse()).rejects.toThrow(APIError)
    const created = events[0]
    const id = created?.type === 'response.created' ? created.response.id : ''
    expect(wire(await client.responses.retrieve(id))).toMatchObject({
      status: 'failed',
      error: { code: 'server_error' },
    })
  })

  it('is an error in either way of reading when its connection is lost', async () => {
    const { script, goOn } = inTwoParts()
    broker.upstream.script = script
    await using proxy = await startCuttableProxy(broker.url)
    const remote = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: broker.keys.acme, maxRetries: 0 })
    const cutAtDelta = async (events: AsyncIterable<{ type: string }>) => {
      for await (const { type } of events) if (type === 'response.output_text.delta') proxy.cut()
    }
    await expect(cutAtDelta(await remote.responses.create({ model, input, stream: true }))).rejects.toThrow()
    proxy.mend()
    await expect(cutAtDelta(remote.responses.stream({ model, input }))).rejects.toThrow()
    goOn()
  })
})

describe('a response in the background', () => {
  it('is there at once, and polled until it has ended', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    broker.upstream.script = async (call, response) => {
      await promise
      return echo(call, response)
    }
    const queued = await client.responses.create({ model, input, background: true })
    expect(wire(queued)).toMatchObject({ background: true, output: [] })
    expect(['queued', 'in_progress']).toContain(queued.status)
    resolve()
    const ended = await pollToEnd(queued.id)
    expect(wire(ended)).toMatchObject({ status: 'completed', created_at: queued.created_at })
    expect(ended.output_text).toBe(text)
  })

  it('is polled to its failure, which says why', async () => {
    broker.upstream.script = (_call, response) => void response.writeHead(400).end('{"error":{"message":"no"}}')
    const { id } = await client.responses.create({ model, input, background: true })
    const failed = await pollToEnd(id)
    expect(wire(failed)).toMatchObject({ status: 'failed', error: { code: 'invalid_prompt' } })
    expect(failed.error?.message).toContain('studio-a')
  })

  it('streams, and after a cut goes on where the reader was', async () => {
    const { script, goOn } = inTwoParts()
    broker.upstream.script = script
    await using proxy: CuttableProxy = await startCuttableProxy(broker.url)
    const remote = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: broker.keys.acme, maxRetries: 0 })
    const seen: ResponseStreamEvent[] = []
    const read = async () => {
      for await (const event of await remote.responses.create({ model, input, background: true, stream: true })) {
        seen.push(event)
        if (event.type === 'response.output_text.delta') proxy.cut()
      }
    }
    await expect(read()).rejects.toThrow()
    proxy.mend()
    const created = seen[0]
    const id = created?.type === 'response.created' ? created.response.id : ''
    const last = seen.at(-1)?.sequence_number ?? -1
    const rest = collect(await remote.responses.retrieve(id, { stream: true, starting_after: last }))
    goOn()
    const resumed = await rest
    check(resumed, last + 1)
    expect(textOf([...seen, ...resumed])).toBe('hello')

    const replayed = await collect(await client.responses.retrieve(id, { stream: true }))
    check(replayed)
    expect([...seen, ...resumed]).toEqual(replayed)
    for (const after of replayed.keys()) {
      const part = await collect(await client.responses.retrieve(id, { stream: true, starting_after: after }))
      expect(part).toEqual(replayed.slice(after + 1))
    }
  })

  it('is replayed by the client’s helper, which leaves out what was seen', async () => {
    const { id } = await client.responses.create({ model, input, background: true })
    await pollToEnd(id)
    const stream = client.responses.stream({ response_id: id, starting_after: 4 })
    const numbers: number[] = []
    stream.on('event', ({ sequence_number }) => numbers.push(sequence_number))
    expect((await stream.finalResponse()).output_text).toBe(text)
    expect(Math.min(...numbers)).toBe(5)
  })

  it('can be streamed although nobody asked for a stream when it was made', async () => {
    const { id } = await client.responses.create({ model, input, background: true })
    const events = await collect(await client.responses.retrieve(id, { stream: true }))
    check(events)
    expect(textOf(events)).toBe(text)
    expect(await collect(await client.responses.retrieve(id, { stream: true }))).toEqual(events)
  })

  it('is cancelled, once and for all', async () => {
    broker.upstream.script = hang
    const { id } = await client.responses.create({ model, input: 'hang', background: true })
    await broker.upstream.callOf(({ prompt }) => prompt === 'hang')
    expect(wire(await client.responses.cancel(id))).toMatchObject({ status: 'cancelled', error: null, output: [] })
    expect(wire(await client.responses.cancel(id))).toMatchObject({ status: 'cancelled' })
    expect(wire(await client.responses.retrieve(id))).toMatchObject({ status: 'cancelled' })
    await expect(collect(await client.responses.retrieve(id, { stream: true }))).rejects.toThrow(APIError)
  })

  it('stays as it ended when it is cancelled after that; one that was waited for is no business of cancel’s', async () => {
    const { id } = await client.responses.create({ model, input, background: true })
    await pollToEnd(id)
    const cancelled = await client.responses.cancel(id)
    expect(wire(cancelled)).toEqual(wire(await client.responses.retrieve(id)))
    expect(cancelled.status).toBe('completed')
    const waited = await client.responses.create({ model, input })
    await expect(client.responses.cancel(waited.id)).rejects.toMatchObject({ status: 400, param: 'response_id' })
  })
})

describe('a deleted response', () => {
  it('is gone, with its input', async () => {
    const { id } = await client.responses.create({ model, input })
    await client.responses.delete(id)
    await expect(client.responses.retrieve(id)).rejects.toThrow(NotFoundError)
    await expect(client.responses.inputItems.list(id)).rejects.toThrow(NotFoundError)
    await expect(client.responses.delete(id)).rejects.toThrow(NotFoundError)
    const next = client.responses.create({ model, input, previous_response_id: id })
    await expect(next).rejects.toMatchObject({ status: 400, code: 'previous_response_not_found' })
  })

  it('is cancelled first while it is at work', async () => {
    broker.upstream.script = hang
    const { id } = await client.responses.create({ model, input: 'hang and go', background: true })
    await broker.upstream.callOf(({ prompt }) => prompt === 'hang and go')
    await client.responses.delete(id)
    await expect(client.responses.retrieve(id)).rejects.toThrow(NotFoundError)
  })
})

describe('the input of a response', () => {
  it('is listed newest first, page by page', async () => {
    const words = ['one', 'two', 'three', 'four', 'five']
    const { id } = await client.responses.create({
      model,
      input: words.map((content) => ({ role: 'user' as const, content })),
    })
    const shown: string[] = []
    for await (const item of client.responses.inputItems.list(id, { limit: 2 })) {
      if (item.type === 'message') shown.push(item.content.map((part) => ('text' in part ? part.text : '')).join(''))
    }
    expect(shown).toEqual(words.toReversed())
    const oldest = await client.responses.inputItems.list(id, { limit: 1, order: 'asc' })
    expect(oldest.data).toMatchObject([
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'one' }] },
    ])
    const raw = await broker.send(`/v1/responses/${id}/input_items`)
    expect(inputItemList.parse(await raw.json()).data).toHaveLength(5)
  })
})

describe('tools', () => {
  const parameters = {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  }
  const tools = [{ type: 'function' as const, name: 'get_weather', parameters, strict: true }]
  const callTool: ChatScript = (call, response) => {
    const said = JSON.parse(call.request.body) as { messages: { role: string; content: unknown }[] }
    const result = said.messages.find(({ role }) => role === 'tool')
    if (result) return say(`It is ${result.content}.`)(call, response)
    const piece = (fields: object) => chunkRecord({ tool_calls: [{ index: 0, ...fields }] })
    if (!call.stream) {
      const tool_calls = [
        { id: 'call_7', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Ulm"}' } },
      ]
      const choices = [
        { index: 0, message: { role: 'assistant', content: null, tool_calls }, finish_reason: 'tool_calls' },
      ]
      const body = { id: 'c', object: 'chat.completion', created: 1, model: 'm', choices }
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(piece({ id: 'call_7', type: 'function', function: { name: 'get_weather', arguments: '' } }))
    response.write(piece({ function: { arguments: '{"city":' } }) + piece({ function: { arguments: '"Ulm"}' } }))
    response.end(chunkRecord({}, 'tool_calls') + lastRecords())
  }
  const asked = { role: 'user', content: 'Weather in Ulm?' }
  const called = {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'call_7', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Ulm"}' } }],
  }
  const output = { type: 'function_call_output' as const, call_id: 'call_7', output: 'rain' }
  const told = { role: 'tool', tool_call_id: 'call_7', content: 'rain' }

  it.each([
    { how: 'by the id of the response before', stream: false },
    { how: 'by the id of the streamed response before', stream: true },
  ])('are called, and their results go back $how', async ({ stream }) => {
    broker.upstream.script = callTool
    const first = stream
      ? await client.responses.stream({ model, input: 'Weather in Ulm?', tools }).finalResponse()
      : await client.responses.create({ model, input: 'Weather in Ulm?', tools })
    expect(first.output).toMatchObject([
      { type: 'function_call', call_id: 'call_7', name: 'get_weather', arguments: '{"city":"Ulm"}' },
    ])
    const second = await client.responses.create({ model, tools, previous_response_id: first.id, input: [output] })
    expect(second.output_text).toBe('It is rain.')
    expect(wire(second).previous_response_id).toBe(first.id)
    expect(lastCall()).toMatchObject({
      messages: [asked, called, told],
      tools: [{ function: { name: 'get_weather', strict: true } }],
    })
  })

  it('get their results back with the whole conversation, or with references to it', async () => {
    broker.upstream.script = callTool
    const first = await client.responses.create({ model, input: 'Weather in Ulm?', tools })
    const question = { role: 'user' as const, content: 'Weather in Ulm?' }
    for (const before of [
      first.output as OpenAI.Responses.ResponseInputItem[],
      first.output.map((item) => ({ type: 'item_reference' as const, id: item.id ?? '' })),
    ]) {
      const second = await client.responses.create({ model, tools, input: [question, ...before, output] })
      expect(second.output_text).toBe('It is rain.')
      expect(lastCall().messages).toEqual([asked, called, told])
    }
    const lost = [{ type: 'item_reference' as const, id: 'msg_01a1fddb05a4759a8343cbcfbc93dfa4' }]
    await expect(client.responses.create({ model, input: lost })).rejects.toMatchObject({
      status: 400,
      param: 'input[0].id',
    })
  })
})

describe('structured output', () => {
  it('is parsed by the client’s own helper', async () => {
    broker.upstream.script = say('{"city":"Ulm","degrees":7}')
    const Weather = z.object({ city: z.string(), degrees: z.number() })
    const body = { model, input: 'Weather?', text: { format: zodTextFormat(Weather, 'weather') } }
    const response = await client.responses.parse(body)
    expect(response.output_parsed).toEqual({ city: 'Ulm', degrees: 7 })
    expect(lastCall().response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'weather', strict: true, schema: { required: ['city', 'degrees'] } },
    })
    const streamed = await client.responses.stream(body).finalResponse()
    expect(streamed.output_parsed).toEqual({ city: 'Ulm', degrees: 7 })
  })
})

describe('a conversation', () => {
  it('goes on from the response before, without its instructions', async () => {
    const first = await client.responses.create({ model, input: 'echo: one', instructions: 'Be brief.' })
    const second = await client.responses.create({ model, input: 'echo: two', previous_response_id: first.id })
    const third = await client.responses.create({
      model,
      input: 'echo: three',
      previous_response_id: second.id,
      instructions: 'Be long.',
    })
    expect(third.output_text).toBe('three')
    expect(lastCall().messages).toEqual([
      { role: 'system', content: 'Be long.' },
      { role: 'user', content: 'echo: one' },
      { role: 'assistant', content: 'one' },
      { role: 'user', content: 'echo: two' },
      { role: 'assistant', content: 'two' },
      { role: 'user', content: 'echo: three' },
    ])
    const { data } = await client.responses.inputItems.list(third.id, { order: 'asc' })
    expect(data.map((item) => ('role' in item ? item.role : item.type))).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
    ])
    expect(data.slice(1, 2)).toEqual([expect.objectContaining({ id: first.output[0]?.id })])
  })

  it('does not go on from what is not there, not stored, or not done', async () => {
    const goOn = (id: string) => client.responses.create({ model, input, previous_response_id: id })
    for (const id of ['resp_1', 'resp_01a1fddb05a4759a8343cbcfbc93dfa4']) {
      await expect(goOn(id)).rejects.toMatchObject({
        status: 400,
        code: 'previous_response_not_found',
        param: 'previous_response_id',
      })
    }
    const unstored = await client.responses.create({ model, input, store: false })
    await expect(goOn(unstored.id)).rejects.toMatchObject({ status: 400, code: 'previous_response_not_found' })
    broker.upstream.script = hang
    const open = await client.responses.create({ model, input, background: true })
    await expect(goOn(open.id)).rejects.toMatchObject({ status: 400, message: expect.stringContaining('not ended') })
    await client.responses.cancel(open.id)
  })
})
