import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createOpenAiCompatibleProvider } from '../../src/providers/openai-compatible.ts'
import { describeProvider } from './provider-contract.ts'
import { callOf, failureOf, patient, readStream, type StartProvider } from './provider-harness.ts'
import { reply, replyInPieces, type Script, startUpstream } from './scripted-upstream.ts'

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/openai/${name}`, import.meta.url), 'utf8')
}

const start: StartProvider = ({ url, timeouts, apiKey, connections = 4 }) =>
  createOpenAiCompatibleProvider({
    baseUrl: `${url}/v1`,
    model: 'gpt-4o-mini',
    timeouts,
    connections,
    ...(apiKey === undefined ? {} : { apiKey }),
  })

const json = { 'content-type': 'application/json' }
const sse = { 'content-type': 'text/event-stream; charset=utf-8' }
const answer = 'Grüße aus 東京 👩‍🚀: "ok"\ndone.'
const usage = { prompt_tokens: 19, completion_tokens: 11, total_tokens: 30 }
const calls = [
  { name: 'get_weather', arguments: { city: 'Zürich' } },
  { name: 'get_time', arguments: { zone: 'CET' } },
]
const stream = fixture('stream.sse')
const records = stream.split(/(?<=\n\n)/)

describeProvider('openai-compatible', start, {
  path: '/v1/chat/completions',
  waitingType: 'application/json',
  streamType: 'text/event-stream; charset=utf-8',
  waiting: { body: fixture('waiting.json'), text: answer, usage: expect.objectContaining(usage) },
  stream: { body: stream, text: answer, usage: expect.objectContaining(usage) },
  shortStream: {
    body: fixture('stream-short.sse'),
    text: 'Zü👩‍🚀',
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
  },
  waitingToolCalls: { body: fixture('waiting-tool-calls.json'), calls },
  streamToolCalls: { body: fixture('stream-tool-calls.sse'), calls },
  beginning: records.slice(0, 4).join(''),
  beginningText: 'Grüße aus',
  errorPart: 'data: {"error":{"message":"boom","type":"server_error","code":null,"param":null}}\n\n',
  garbagePart: 'data: {"choices":[{"index":0,"de\n\n',
  errorBody: (text) => JSON.stringify({ error: { message: text, type: text, code: text, param: null } }),
})

async function completeWith(script: Script, bodyJson?: string) {
  await using upstream = await startUpstream(script)
  const provider = start({ url: upstream.url, timeouts: patient })
  try {
    const completion = await provider.complete(callOf(bodyJson === undefined ? {} : { bodyJson }))
    return { ...completion, requests: upstream.requests }
  } finally {
    await provider.close()
  }
}

async function streamWith(script: Script) {
  await using upstream = await startUpstream(script)
  const provider = start({ url: upstream.url, timeouts: patient })
  const result = await readStream(provider.stream(callOf()))
  await provider.close()
  return { ...result, requests: upstream.requests }
}

/** An event stream of the given chunks' JSON, ended by `[DONE]`. */
function events(...chunks: object[]): string {
  return [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('')
}

function chunk(index: number, delta: object, finish_reason: string | null = null): object {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index, delta, finish_reason }],
  }
}

describe('openai-compatible: requests', () => {
  it.each([
    ['{"messages":[],"x_unknown": [1,  2.50]}', '{"model":"gpt-4o-mini","messages":[],"x_unknown": [1,  2.50]}'],
    ['{}', '{"model":"gpt-4o-mini"}'],
    [' { } ', '{"model":"gpt-4o-mini"}'],
  ])('puts the model in front of %s and touches nothing else', async (bodyJson, expected) => {
    const { requests } = await completeWith(reply(200, json, fixture('waiting.json')), bodyJson)
    expect(requests[0]?.body).toBe(expected)
  })

  it('asks every stream for its usage', async () => {
    const { requests } = await streamWith(reply(200, sse, stream))
    expect(requests[0]?.body).toBe(
      '{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},' +
        '"messages":[{"role":"user","content":"Hello"}]}',
    )
  })

  it('keeps the query of a base URL at the end and its slashes single', async () => {
    await using upstream = await startUpstream(reply(200, json, fixture('waiting.json')))
    const provider = createOpenAiCompatibleProvider({
      baseUrl: `${upstream.url}/openai/deployments/gpt/?api-version=2024-10-21`,
      model: 'gpt',
      headers: { 'API-Key': 'azure-key', 'User-Agent': 'own' },
      timeouts: patient,
      connections: 1,
    })
    await provider.complete(callOf())
    await provider.close()
    expect(upstream.requests[0]).toMatchObject({
      path: '/openai/deployments/gpt/chat/completions?api-version=2024-10-21',
      headers: { 'api-key': 'azure-key', 'user-agent': 'own' },
    })
  })

  it('takes a key that cannot be read for an auth failure', async () => {
    const apiKey = () => {
      throw new Error('no such file')
    }
    const provider = start({ url: 'http://127.0.0.1:9', timeouts: patient, apiKey })
    expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure: 'auth', status: null })
    await provider.close()
  })
})

describe('openai-compatible: waiting answers', () => {
  it('returns the body byte for byte', async () => {
    const { bodyJson } = await completeWith(reply(200, json, fixture('waiting.json')))
    expect(bodyJson).toBe(fixture('waiting.json'))
  })

  it('has no usage where the upstream gives none', async () => {
    const { usage } = await completeWith(reply(200, json, '{"choices":[{}]}'))
    expect(usage).toBeNull()
  })

  it('takes an answer without choices for an invalid response', async () => {
    expect(await failureOf(completeWith(reply(200, json, '{"choices":[]}')))).toMatchObject({
      failure: 'invalid_response',
    })
  })

  it('takes a choice that ends with an error for that error', async () => {
    const choice = { message: { content: 'half of' }, finish_reason: 'error', error: { code: 429, message: 'slow' } }
    const script = reply(200, json, JSON.stringify({ choices: [choice] }))
    expect(await failureOf(completeWith(script))).toMatchObject({ failure: 'rate_limited' })
  })

  it('takes an error under status 200 for a server error', async () => {
    const script = reply(200, json, '{"error":{"message":"Provider returned error","code":502}}')
    expect(await failureOf(completeWith(script))).toMatchObject({ failure: 'server_error' })
  })
})

describe('openai-compatible: refusals', () => {
  it.each([
    [404, 'error-404.json', 'The upstream answered 404 (model_not_found)'],
    [429, 'error-429.json', 'The upstream answered 429 (rate_limit_exceeded)'],
  ])('names the code of a %i if it is a known one', async (status, file, message) => {
    expect((await failureOf(completeWith(reply(status, json, fixture(file))))).message).toBe(message)
  })
})

describe('openai-compatible: when to come back', () => {
  const bodyWith = (message: string) => JSON.stringify({ error: { message, code: '429' } })

  it.each([
    [429, 'Requests have exceeded the call rate limit. Please retry after 6 seconds.', 6_000],
    [429, 'Rate limit reached. Please try again in 7m12s.', 432_000],
    [503, 'The engine is overloaded, try again in 250ms', 250],
    [429, 'Please try again later.', null],
    [400, 'Try again in 5s with another prompt.', null],
  ])('is read in the words of a %i where no header says it: %s', async (status, message, retryAfterMs) => {
    expect(await failureOf(completeWith(reply(status, json, bodyWith(message))))).toMatchObject({ retryAfterMs })
  })

  it('is what the header says where both do', async () => {
    const script = reply(429, { ...json, 'retry-after': '2' }, bodyWith('Please try again in 7m12s.'))
    expect(await failureOf(completeWith(script))).toMatchObject({ retryAfterMs: 2_000 })
  })
})

describe('openai-compatible: upstreams that refuse stream_options', () => {
  const refusal = reply(400, json, fixture('error-stream-options.json'))
  const withoutUsage = events(chunk(0, { role: 'assistant', content: 'hi' }), chunk(0, {}, 'stop'))
  const picky: Script = (response, request) =>
    (request.body.includes('stream_options') ? refusal : reply(200, sse, withoutUsage))(response, request)

  it('are asked again without it, once, and never with it afterwards', async () => {
    await using upstream = await startUpstream(picky)
    const provider = start({ url: upstream.url, timeouts: patient })
    for (const _attempt of [1, 2]) {
      const { text, failure } = await readStream(provider.stream(callOf()))
      expect({ text, failure }).toEqual({ text: 'hi', failure: null })
    }
    await provider.close()
    expect(upstream.requests.map(({ body }) => body.includes('stream_options'))).toEqual([true, false, false])
  })

  it('are asked with it the next time if leaving it out did not help', async () => {
    await using upstream = await startUpstream(refusal)
    const provider = start({ url: upstream.url, timeouts: patient })
    for (const _attempt of [1, 2]) {
      expect((await readStream(provider.stream(callOf()))).failure).toMatchObject({ failure: 'unsupported' })
    }
    await provider.close()
    expect(upstream.requests.map(({ body }) => body.includes('stream_options'))).toEqual([true, false, true, false])
  })

  it.each([
    [400, '{"error":{"message":"bad temperature"}}', 'invalid_request'],
    [500, fixture('error-stream-options.json'), 'unsupported'],
  ])('are told apart from those that answer %i with %s', async (status, body, expected) => {
    const { failure, requests } = await streamWith(reply(status, json, body))
    expect(failure).toMatchObject({ failure: expected, status })
    expect(requests).toHaveLength(1)
  })
})

describe('openai-compatible: event streams', () => {
  it.each([
    ['CRLF', stream.replaceAll('\n', '\r\n')],
    ['CR', stream.replaceAll('\n', '\r')],
    ['a byte order mark', `\uFEFF${stream}`],
    ['blank lines first', `\n\n${stream}`],
    ['comments between records', records.join(': OPENROUTER PROCESSING\n\n')],
    ['comments inside records', stream.replaceAll('data: ', ': keepalive 12/80\ndata: ')],
    ['no space after the colon', stream.replaceAll('data: ', 'data:')],
    ['ids and retry times', stream.replaceAll('data: ', 'id: 7\nretry: 3000\ndata: ')],
    ['pings by name', records.join('event: ping\ndata: {"type":"ping"}\n\n')],
    ['records without data', records.join('event: ping\n\ndata: \n\n')],
    ['data over several lines', stream.replaceAll(',"choices"', ',\ndata: "choices"')],
    ['no [DONE]', stream.replace('data: [DONE]\n\n', '')],
    ['more after [DONE]', `${stream}data: not json\n\n`],
  ])('are read with %s', async (_what, body) => {
    const { text, failure, jsons } = await streamWith(reply(200, sse, body))
    expect({ text, failure }).toEqual({ text: answer, failure: null })
    expect(jsons).toHaveLength(records.length - 1)
  })

  it('are read with CRLF that is cut in two anywhere', async () => {
    const bytes = Buffer.from(fixture('stream-short.sse').replaceAll('\n', '\r\n'))
    for (let position = 1; position < bytes.length; position += 1) {
      const pieces = [bytes.subarray(0, position), bytes.subarray(position)]
      const { text, failure } = await streamWith(replyInPieces('text/event-stream', pieces))
      expect({ position, text, failure }).toEqual({ position, text: 'Zü👩‍🚀', failure: null })
    }
  })

  it('pass every chunk on as it was written', async () => {
    const { jsons } = await streamWith(reply(200, sse, stream))
    expect(jsons.map((text) => `data: ${text}\n\n`)).toEqual(records.slice(0, -1))
  })

  it('are told to be cut when [DONE] comes before a finish_reason', async () => {
    const { failure } = await streamWith(reply(200, sse, events(chunk(0, { content: 'half' }))))
    expect(failure).toMatchObject({ failure: 'cut_stream' })
  })

  it('are told to be cut when one of two choices never finished', async () => {
    const body = events(chunk(0, { content: 'a' }), chunk(1, { content: 'b' }), chunk(0, {}, 'stop'))
    expect((await streamWith(reply(200, sse, body))).failure).toMatchObject({ failure: 'cut_stream' })
  })

  it('may have more to say about a choice after its finish_reason', async () => {
    const body = events(chunk(0, { content: 'a' }), chunk(0, {}, 'stop'), chunk(0, { filtered: false }))
    expect((await streamWith(reply(200, sse, body))).failure).toBeNull()
  })

  it.each([
    ['an error event', 'event: error\ndata: {"message":"boom"}\n\n'],
    ['an error event that is not JSON', 'event: error\ndata: boom\n\n'],
    ['an error beside choices', 'data: {"choices":[],"error":{"code":502,"message":"boom"}}\n\n'],
    ['the finish_reason error', 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}\n\n'],
  ])('fail with %s', async (_what, record) => {
    const { failure, text } = await streamWith(reply(200, sse, records.slice(0, 4).join('') + record))
    expect({ failure, text }).toMatchObject({ failure: { failure: 'server_error' }, text: 'Grüße aus' })
  })

  it.each([
    ['an object without choices', 'data: {"id":"x"}\n\n'],
    ['a list', 'data: [1]\n\n'],
    ['a choice that is no object', 'data: {"choices":[1]}\n\n'],
  ])('are no dialect of ours with %s', async (_what, record) => {
    const { failure } = await streamWith(reply(200, sse, records[0] + record))
    expect(failure).toMatchObject({ failure: 'invalid_response' })
  })

  it('get choices into a record of usage that lacks them, because clients need them', async () => {
    const body = events(chunk(0, { content: 'a' }, 'stop'), {
      id: 'x',
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    })
    const { jsons, failure } = await streamWith(reply(200, sse, body))
    expect(failure).toBeNull()
    expect(JSON.parse(jsons[1] ?? '')).toMatchObject({ choices: [], usage: { prompt_tokens: 1 } })
  })
})

describe('openai-compatible: upstreams that do not stream though asked to', () => {
  it.each(['waiting.json', 'waiting-tool-calls.json'])(
    'have %s turned into the chunks it would have been',
    async (file) => {
      const { completion, failure, jsons } = await streamWith(reply(200, json, fixture(file)))
      expect(failure).toBeNull()
      expect(completion).toEqual(JSON.parse(fixture(file)))
      expect(JSON.parse(jsons.at(-1) ?? '')).toMatchObject({ object: 'chat.completion.chunk', choices: [] })
      expect(JSON.parse(jsons[1] ?? '').choices[0].delta).toEqual({})
    },
  )

  it('get an index into each tool call, by which clients put the pieces together', async () => {
    const { jsons } = await streamWith(reply(200, json, fixture('waiting-tool-calls.json')))
    const calls = JSON.parse(jsons[0] ?? '').choices[0].delta.tool_calls
    expect(calls.map(({ index }: { index: number }) => index)).toEqual([0, 1])
  })

  it('fail with the error that they report under status 200', async () => {
    const { failure } = await streamWith(reply(200, sse, '{"error":{"message":"boom"}}'))
    expect(failure).toMatchObject({ failure: 'server_error' })
  })

  it('fail when their answer is not whole', async () => {
    const { failure } = await streamWith(reply(200, json, fixture('waiting.json').slice(0, 100)))
    expect(failure).toMatchObject({ failure: 'invalid_response' })
  })
})
