import { describe, expect, it } from 'vitest'
import type { Provider } from '../../src/core/provider.ts'
import { createAnthropicProvider } from '../../src/providers/anthropic.ts'
import { createBedrockProvider } from '../../src/providers/bedrock.ts'
import { createGeminiProvider } from '../../src/providers/gemini.ts'
import { callOf, failureOf, patient } from './provider-harness.ts'
import { reply, type Script, type SeenRequest, startUpstream } from './scripted-upstream.ts'

const common = { timeouts: patient, connections: 4, apiKey: () => 'key' }
const json = { 'content-type': 'application/json' }
const gemini = (baseUrl: string) => createGeminiProvider({ ...common, baseUrl, model: 'gemini-embedding-001' })
const bedrockWith =
  (model: string, totalMs = patient.totalMs) =>
  (baseUrl: string) =>
    createBedrockProvider({ ...common, timeouts: { ...patient, totalMs }, baseUrl, model, region: 'us-east-1' })
const titan = bedrockWith('amazon.titan-embed-text-v2:0')

async function embed(open: (url: string) => Provider, script: Script, body: object) {
  await using upstream = await startUpstream(script)
  const provider = open(upstream.url)
  try {
    const { bodyJson, usage } = await provider.embed(callOf({ bodyJson: JSON.stringify(body) }))
    const requests = upstream.requests.map((request) => ({ path: request.path, body: JSON.parse(request.body) }))
    return { list: JSON.parse(bodyJson), usage, requests }
  } finally {
    await provider.close()
  }
}

const answering = (answer: (request: SeenRequest) => object, headers = {}): Script => {
  return (response, request) => reply(200, { ...json, ...headers }, JSON.stringify(answer(request)))(response, request)
}

describe('gemini: embeddings', () => {
  it('of one text are a list of one, with counts of 0 where Google sends none', async () => {
    const script = answering(() => ({ embedding: { values: [0.5, -1] } }))
    const { list, usage, requests } = await embed(gemini, script, { input: 'Hello', dimensions: 2, user: 'u' })
    expect(list).toEqual({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.5, -1] }],
      model: 'gemini-embedding-001',
      usage: { prompt_tokens: 0, total_tokens: 0 },
    })
    expect(usage).toBeNull()
    expect(requests).toEqual([
      {
        path: '/models/gemini-embedding-001:embedContent',
        body: {
          model: 'models/gemini-embedding-001',
          content: { parts: [{ text: 'Hello' }] },
          outputDimensionality: 2,
        },
      },
    ])
  })

  it('of many texts keep their order over several calls, and add up what was counted', async () => {
    const texts = Array.from({ length: 130 }, (_, index) => String(index))
    const script = answering(({ body }) => {
      const { requests } = JSON.parse(body)
      const embeddings = requests.map((each: never) => ({
        values: [Number((each as { content: { parts: { text: string }[] } }).content.parts[0]?.text)],
      }))
      return { embeddings, usageMetadata: { promptTokenCount: requests.length } }
    })
    const { list, usage, requests } = await embed(gemini, script, { input: texts })
    expect(list.data.map(({ embedding }: { embedding: number[] }) => embedding[0])).toEqual(texts.map(Number))
    expect(list.data.map(({ index }: { index: number }) => index)).toEqual(texts.map(Number))
    expect(requests.map(({ path }) => path)).toEqual(Array(2).fill('/models/gemini-embedding-001:batchEmbedContents'))
    expect(usage).toEqual({ prompt_tokens: 130, completion_tokens: 0, total_tokens: 130 })
    expect(list.usage).toEqual({ prompt_tokens: 130, total_tokens: 130 })
  })

  it('come in base64 where that is asked for, as the SDK of OpenAI does', async () => {
    const script = answering(() => ({ embedding: { values: [0.5, -1] } }))
    const { list } = await embed(gemini, script, { input: 'Hello', encoding_format: 'base64' })
    const bytes = Buffer.from(list.data[0].embedding, 'base64')
    expect([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([8, 0.5, -1])
  })
})

describe('bedrock: embeddings', () => {
  it('of Titan take a call for each text', async () => {
    const script = answering(({ body }) => ({
      embedding: [JSON.parse(body).inputText.length],
      inputTextTokenCount: 3,
      embeddingsByType: { float: [1] },
    }))
    const { list, usage, requests } = await embed(titan, script, { input: ['a', 'bb', 'ccc'], dimensions: 256 })
    expect(list.data.map(({ embedding }: { embedding: number[] }) => embedding)).toEqual([[1], [2], [3]])
    expect(usage).toEqual({ prompt_tokens: 9, completion_tokens: 0, total_tokens: 9 })
    expect(requests[0]).toEqual({
      path: '/model/amazon.titan-embed-text-v2%3A0/invoke',
      body: { inputText: 'a', dimensions: 256 },
    })
  })

  it.each([
    [{}, { input_type: 'search_document', texts: ['a', 'b'] }],
    [{ input_type: 'search_query' }, { input_type: 'search_query', texts: ['a', 'b'] }],
  ])('of Cohere say what the texts are for, with %j as %j', async (fields, body) => {
    const script = answering(() => ({ embeddings: [[1], [2]], id: 'x', texts: ['a', 'b'] }), {
      'x-amzn-bedrock-input-token-count': '5',
    })
    const { usage, requests } = await embed(bedrockWith('cohere.embed-english-v3'), script, {
      input: ['a', 'b'],
      ...fields,
    })
    expect(requests.map((request) => request.body)).toEqual([body])
    expect(usage).toMatchObject({ prompt_tokens: 5 })
  })
})

describe('embeddings', () => {
  const open = { gemini, titan, cohere: bedrockWith('cohere.embed-english-v3') }

  it.each<[keyof typeof open, object, string]>([
    ['gemini', { input: [1, 2, 3] }, 'Gemini does not support input as given'],
    ['gemini', { input: [] }, 'Gemini does not support input as given'],
    ['gemini', { input: 'x', input_type: 'search_query' }, 'Gemini does not support input_type as given'],
    ['titan', { input: 'x', input_type: 'search_query' }, 'Bedrock does not support input_type as given'],
    ['cohere', { input: 'x', dimensions: 2 }, 'Bedrock does not support dimensions as given'],
    ['cohere', { input: 'x', x_unknown: 'secret' }, 'Bedrock does not support x_unknown as given'],
  ])('of %s refuse %j before any call', async (name, body, message) => {
    await using upstream = await startUpstream(reply(500, {}, ''))
    const provider = open[name](upstream.url)
    const failure = await failureOf(provider.embed(callOf({ bodyJson: JSON.stringify(body) })))
    expect(failure).toMatchObject({ failure: 'unsupported', message, status: null })
    await provider.close()
    expect(upstream.requests).toHaveLength(0)
  })

  it('do not exist at Anthropic', async () => {
    const provider = createAnthropicProvider({ ...common, baseUrl: 'http://127.0.0.1:9/v1', model: 'claude-opus-5' })
    const failing = failureOf(provider.embed(callOf({ bodyJson: '{"input":"x"}' })))
    expect(await failing).toMatchObject({ failure: 'unsupported', message: 'Anthropic has no embeddings' })
    await provider.close()
  })

  it.each([
    [
      'an error',
      reply(429, { 'retry-after': '2' }, '{"message":"patient-4711"}'),
      { failure: 'rate_limited', retryAfterMs: 2_000 },
    ],
    ['HTML', reply(200, {}, '<html>patient-4711</html>'), { failure: 'invalid_response' }],
    ['another object', reply(200, json, '{"object":"patient-4711"}'), { failure: 'invalid_response' }],
    ['no numbers', reply(200, json, '{"embedding":[],"inputTextTokenCount":1}'), { failure: 'invalid_response' }],
  ])('fail as a whole with %s', async (_what, script, expected) => {
    await using upstream = await startUpstream(script)
    const provider = titan(upstream.url)
    const failure = await failureOf(provider.embed(callOf({ bodyJson: '{"input":["a","b","c"]}' })))
    expect(failure).toMatchObject(expected)
    expect(failure.message).not.toContain('patient-4711')
    await provider.close()
  })

  it('have one total time for all of their calls', async () => {
    await using upstream = await startUpstream(() => {})
    const provider = bedrockWith('amazon.titan-embed-text-v2:0', 30)(upstream.url)
    const failing = failureOf(provider.embed(callOf({ bodyJson: '{"input":["a","b"]}' })))
    expect(await failing).toMatchObject({ failure: 'total_timeout' })
    await provider.close()
  })

  it('close all of their connections when they are aborted', async () => {
    const closed: Promise<void>[] = []
    const controller = new AbortController()
    await using upstream = await startUpstream((_response, request) => {
      closed.push(request.closed)
      if (closed.length === 2) controller.abort()
    })
    const provider = titan(upstream.url)
    const call = callOf({ bodyJson: '{"input":["a","b"]}', signal: controller.signal })
    expect(await failureOf(provider.embed(call))).toMatchObject({ failure: 'aborted' })
    await Promise.all(closed)
    await provider.close()
  })
})
