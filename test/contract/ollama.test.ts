import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createOllamaProvider } from '../../src/providers/ollama.ts'
import type { OllamaOptions } from '../../src/providers/ollama-options.ts'
import { describeProvider } from './provider-contract.ts'
import { callOf, failureOf, patient, readStream, type StartProvider } from './provider-harness.ts'
import { reply, replyInPieces, startUpstream } from './scripted-upstream.ts'

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/ollama/${name}`, import.meta.url), 'utf8')
}

const start: StartProvider = ({ url, timeouts, apiKey, connections = 4 }) =>
  createOllamaProvider({
    baseUrl: url,
    model: 'llama3.1:8b',
    timeouts,
    connections,
    refuseRemote: false,
    ...(apiKey === undefined ? {} : { apiKey }),
  })

const ndjson = { 'content-type': 'application/x-ndjson' }
const json = { 'content-type': 'application/json; charset=utf-8' }
const answer = 'Grüße aus 東京 👩‍🚀: "ok"\ndone.'
const usage = { prompt_tokens: 26, completion_tokens: 11, total_tokens: 37 }
const calls = [
  { name: 'get_weather', arguments: { city: 'Zürich' } },
  { name: 'get_time', arguments: { zone: 'CET' } },
]
const stream = fixture('stream.ndjson')
const lines = stream.split(/(?<=\n)/)

describeProvider('ollama', start, {
  path: '/api/chat',
  waitingType: json['content-type'],
  streamType: ndjson['content-type'],
  waiting: { body: fixture('waiting.json'), text: answer, usage },
  stream: { body: stream, text: answer, usage },
  shortStream: {
    body: fixture('stream-short.ndjson'),
    text: 'Zü👩‍🚀',
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
  },
  waitingToolCalls: { body: fixture('waiting-tool-calls.json'), calls },
  streamToolCalls: { body: fixture('stream-tool-calls.ndjson'), calls },
  beginning: lines.slice(0, 3).join(''),
  beginningText: 'Grüße aus',
  errorPart: '{"error":"an error was encountered while running the model: CUDA error"}\n',
  garbagePart: '{"model":"llama3.1:8b","mess\n',
  errorBody: (text) => JSON.stringify({ error: text }),
})

async function complete(body: object, upstreamBody = fixture('waiting.json')) {
  await using upstream = await startUpstream(reply(200, json, upstreamBody))
  const provider = start({ url: upstream.url, timeouts: patient })
  try {
    const { bodyJson } = await provider.complete(callOf({ bodyJson: JSON.stringify(body) }))
    return { completion: JSON.parse(bodyJson), sent: JSON.parse(upstream.requests[0]?.body ?? '') }
  } finally {
    await provider.close()
  }
}

const messages = [{ role: 'user', content: 'Hello' }]
const weather = { type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: {} } } }
const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }

describe('ollama: requests', () => {
  it.each([
    [{ temperature: 0.2, top_p: 0.9, seed: 7 }, { options: { temperature: 0.2, top_p: 0.9, seed: 7 } }],
    [{ frequency_penalty: 1, presence_penalty: -1 }, { options: { frequency_penalty: 1, presence_penalty: -1 } }],
    [{ stop: 'END' }, { options: { stop: ['END'] } }],
    [{ stop: ['a', 'b'] }, { options: { stop: ['a', 'b'] } }],
    [{ max_tokens: 10 }, { options: { num_predict: 10 } }],
    [{ max_tokens: 10, max_completion_tokens: 20 }, { options: { num_predict: 20 } }],
    [{ response_format: { type: 'text' } }, {}],
    [{ response_format: { type: 'json_object' } }, { format: 'json' }],
    [{ response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } }, { format: schema }],
    [{ tools: [weather], tool_choice: 'auto' }, { tools: [weather] }],
    [{ tools: [weather], tool_choice: 'none' }, {}],
    [{ reasoning_effort: 'high' }, { think: 'high' }],
    [{ reasoning_effort: 'minimal' }, { think: 'low' }],
    [{ reasoning_effort: 'none' }, { think: false }],
    [{ n: 1, logit_bias: {}, modalities: ['text'], parallel_tool_calls: true, verbosity: 'medium' }, {}],
    [{ logprobs: false, top_logprobs: 0 }, { logprobs: false }],
    [
      { logprobs: true, top_logprobs: 3 },
      { logprobs: true, top_logprobs: 3 },
    ],
    [{ top_k: 40, min_p: 0.05, repeat_penalty: 1.1 }, { options: { top_k: 40, min_p: 0.05, repeat_penalty: 1.1 } }],
    [{ temperature: null, tools: null, functions: null }, {}],
    [{ user: 'u', metadata: { a: 'b' }, store: true, service_tier: 'flex' }, {}],
  ])('turn %j into %j', async (fields, expected) => {
    const { sent } = await complete({ messages, ...fields })
    const always = { model: 'llama3.1:8b', stream: false, messages, options: {}, truncate: false, shift: false }
    expect(sent).toEqual({ ...always, ...expected })
  })

  it('turn parts, images, tool calls and their results into messages', async () => {
    const { sent } = await complete({
      messages: [
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } },
            { type: 'text', text: 'And that?' },
          ],
        },
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'Hm.',
          thinking_blocks: [{ type: 'thinking', thinking: 'Hm.', signature: 'abc' }],
          tool_calls: [
            { id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Zürich"}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1', content: '21 °C' },
        { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
      ],
    })
    expect(sent.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'What is this?\nAnd that?', images: ['iVBORw0KGgo='] },
      {
        role: 'assistant',
        content: '',
        thinking: 'Hm.',
        tool_calls: [{ id: 'call_1', function: { name: 'get_weather', arguments: { city: 'Zürich' } } }],
      },
      { role: 'tool', content: '21 °C', tool_call_id: 'call_1', tool_name: 'get_weather' },
      { role: 'assistant', content: 'No.' },
    ])
  })

  const callWith = (text: string) => [
    { role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: text } }] },
  ]

  it.each([
    [{ n: 2 }, 'n'],
    [{ logit_bias: { 50256: -100 } }, 'logit_bias.50256'],
    [{ logprobs: 'yes' }, 'logprobs'],
    [{ top_logprobs: 21 }, 'top_logprobs'],
    [{ parallel_tool_calls: false }, 'parallel_tool_calls'],
    [{ num_ctx: 4096 }, 'num_ctx'],
    [{ messages: [{ role: 'user', name: 'ada', content: 'x' }] }, 'messages.0.name'],
    [{ messages: [{ role: 'user', content: 'x', x_unknown: 1 }] }, 'messages.0.x_unknown'],
    [{ tools: [weather], tool_choice: 'required' }, 'tool_choice'],
    [{ tool_choice: { type: 'function', function: { name: 'get_weather' } } }, 'tool_choice'],
    [{ functions: [] }, 'functions'],
    [{ modalities: ['text', 'audio'] }, 'modalities'],
    [{ audio: { voice: 'ash' } }, 'audio'],
    [{ web_search_options: {} }, 'web_search_options'],
    [{ verbosity: 'low' }, 'verbosity'],
    [{ x_unknown: 1 }, 'x_unknown'],
    [{ tools: [{ type: 'custom', custom: {} }] }, 'tools.0.type'],
    [{ temperature: 'hot' }, 'temperature'],
    [{ response_format: { type: 'grammar' } }, 'response_format.type'],
    [{ messages: [] }, 'messages'],
    [{ messages: [{ role: 'function', content: 'x' }] }, 'messages.0.role'],
    [{ messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }, 'messages.0.content.0.type'],
    [
      {
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x.example/secret' } }] }],
      },
      'messages.0.content.0.image_url.url',
    ],
    [{ messages: callWith('secret') }, 'messages.0.tool_calls.0.function.arguments'],
    [{ messages: callWith('["secret"]') }, 'messages.0.tool_calls.0.function.arguments'],
  ])('are refused by name, without a call, for %j', async (fields, name) => {
    await using upstream = await startUpstream(reply(200, json, fixture('waiting.json')))
    const provider = start({ url: upstream.url, timeouts: patient })
    const call = callOf({ bodyJson: JSON.stringify({ messages, ...fields }) })
    const expected = { failure: 'unsupported', status: null, message: `Ollama does not support ${name} as given` }
    expect(await failureOf(provider.complete(call))).toMatchObject(expected)
    expect((await readStream(provider.stream(call))).failure).toMatchObject(expected)
    await provider.close()
    expect(upstream.requests).toHaveLength(0)
  })
})

describe('ollama: answers', () => {
  it('make thinking reasoning_content, waiting and streaming alike', async () => {
    const { completion } = await complete({ messages }, fixture('waiting-thinking.json'))
    expect(completion.choices[0]).toMatchObject({
      message: { content: 'Hello', reasoning_content: 'The user greets.' },
      finish_reason: 'length',
    })
    await using upstream = await startUpstream(reply(200, ndjson, fixture('stream-thinking.ndjson')))
    const provider = start({ url: upstream.url, timeouts: patient })
    const streamed = await readStream(provider.stream(callOf()))
    await provider.close()
    expect(streamed.completion.choices[0]).toMatchObject({
      message: { content: 'Hello!', reasoning_content: 'The user greets.' },
      finish_reason: 'stop',
    })
  })

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['load', 'stop'],
    ['unload', 'stop'],
    [undefined, 'stop'],
  ])('turn the done_reason %s into %s', async (done_reason, expected) => {
    const body = { model: 'm', created_at: '2025-09-15T10:24:00Z', message: { content: 'x' }, done: true, done_reason }
    const { completion } = await complete({ messages }, JSON.stringify(body))
    expect(completion.choices[0].finish_reason).toBe(expected)
    expect(completion.created).toBe(1_757_931_840)
    expect(completion.id).toMatch(/^chatcmpl-[0-9a-f]{32}$/)
  })

  it('count a prompt that was cached as nothing, and say nothing where there are no counts', async () => {
    const body = { model: 'm', message: { content: 'x' }, done: true }
    expect((await complete({ messages }, JSON.stringify(body))).completion).not.toHaveProperty('usage')
    const counted = await complete({ messages }, JSON.stringify({ ...body, eval_count: 3 }))
    expect(counted.completion.usage).toEqual({ prompt_tokens: 0, completion_tokens: 3, total_tokens: 3 })
  })

  it('keep the id of a tool call if there is one', async () => {
    const tool_calls = [{ id: 'call_own', function: { name: 'f', arguments: {} } }]
    const body = { model: 'm', message: { content: '', tool_calls }, done: true, done_reason: 'stop' }
    const { completion } = await complete({ messages }, JSON.stringify(body))
    expect(completion.choices[0].message.tool_calls).toEqual([
      { id: 'call_own', type: 'function', function: { name: 'f', arguments: '{}' } },
    ])
  })

  it('are refused while they are not done', async () => {
    expect(await failureOf(complete({ messages }, lines[0]))).toMatchObject({ failure: 'invalid_response' })
  })

  it('are read to the last line even if nothing ends it', async () => {
    await using upstream = await startUpstream(replyInPieces('application/x-ndjson', [stream.trimEnd()]))
    const provider = start({ url: upstream.url, timeouts: patient })
    const { text, failure } = await readStream(provider.stream(callOf()))
    await provider.close()
    expect({ text, failure }).toEqual({ text: answer, failure: null })
  })

  it.each([
    [404, 'error-404.json', 'model_not_found'],
    [503, 'error-503.json', 'overloaded'],
  ])('with status %i and %s are %s', async (status, file, failure) => {
    await using upstream = await startUpstream(reply(status, json, fixture(file)))
    const provider = start({ url: upstream.url, timeouts: patient })
    expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure, status, retryAfterMs: null })
    await provider.close()
  })
})

describe('ollama: what the deployment says', () => {
  const startWith = (url: string, options: Partial<OllamaOptions>) =>
    createOllamaProvider({
      baseUrl: url,
      model: 'm',
      timeouts: patient,
      connections: 1,
      refuseRemote: false,
      ...options,
    })

  it.each([
    [{ keepAliveMs: -1 }, { keep_alive: -1 }],
    [{ keepAliveMs: 300_000 }, { keep_alive: '300000ms' }],
    [{ contextTokens: 32_768 }, { options: { num_ctx: 32_768 } }],
  ])('%j goes with every call', async (options, expected) => {
    await using upstream = await startUpstream((response, request) => {
      const isChat = request.path === '/api/chat'
      response.writeHead(200, json).end(isChat ? fixture('waiting.json') : '{"model":"m","embeddings":[[1]]}')
    })
    const provider = startWith(upstream.url, options)
    await provider.complete(callOf())
    await provider.embed(callOf({ bodyJson: '{"input":"x"}' }))
    await provider.close()
    for (const { body } of upstream.requests) expect(JSON.parse(body)).toMatchObject(expected)
  })

  const remote = { model: 'm', remote_model: 'gpt-oss:120b', remote_host: 'https://ollama.com:443', done: false }

  it('keeps what a cloud has written out of a pool on the premises, before any of it is used', async () => {
    const part = `${JSON.stringify({ ...remote, message: { role: 'assistant', content: 'from afar' } })}\n`
    const whole = JSON.stringify({ ...remote, message: { content: 'from afar' }, done: true, embeddings: [[1]] })
    await using upstream = await startUpstream((response, request) => {
      response.writeHead(200, json).end(request.body.includes('"stream":true') ? part : whole)
    })
    const provider = startWith(upstream.url, { refuseRemote: true })
    const expected = { failure: 'unsupported', status: null }
    expect(await failureOf(provider.complete(callOf()))).toMatchObject(expected)
    expect(await failureOf(provider.embed(callOf({ bodyJson: '{"input":"x"}' })))).toMatchObject(expected)
    const streamed = await readStream(provider.stream(callOf()))
    expect(streamed.failure).toMatchObject(expected)
    expect(streamed.jsons).toEqual([])
    await provider.close()
  })

  it.each(['gpt-oss:120b-cloud', 'glm-4.6:cloud'])(
    'makes no call for %s from a pool on the premises',
    async (model) => {
      await using upstream = await startUpstream(reply(200, json, fixture('waiting.json')))
      const provider = startWith(upstream.url, { model, refuseRemote: true })
      expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure: 'unsupported' })
      await provider.close()
      expect(upstream.requests).toEqual([])
    },
  )

  it('takes what a cloud has written where the pool is a cloud’s', async () => {
    const body = JSON.stringify({ ...remote, message: { content: 'from afar' }, done: true })
    expect((await complete({ messages }, body)).completion.choices[0].message.content).toBe('from afar')
  })
})

describe('ollama: log probabilities', () => {
  const logprobs = [{ token: 'Hi', logprob: -0.1, bytes: [72, 105], top_logprobs: [{ token: 'Ho', logprob: -2 }] }]
  const expected = [
    { token: 'Hi', logprob: -0.1, bytes: [72, 105], top_logprobs: [{ token: 'Ho', logprob: -2, bytes: null }] },
  ]

  it('are OpenAI’s, waiting and streaming alike', async () => {
    const part = { model: 'm', message: { content: 'Hi' }, logprobs }
    const { completion } = await complete({ messages, logprobs: true }, JSON.stringify({ ...part, done: true }))
    expect(completion.choices[0].logprobs).toEqual({ content: expected, refusal: null })

    const lines = [
      { ...part, done: false },
      { model: 'm', message: { content: '' }, done: true, done_reason: 'stop' },
    ]
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    await using upstream = await startUpstream(reply(200, ndjson, body))
    const provider = start({ url: upstream.url, timeouts: patient })
    const streamed = await readStream(provider.stream(callOf()))
    await provider.close()
    expect(streamed.completion.choices[0].logprobs.content).toEqual(expected)
    expect(streamed.text).toBe('Hi')
  })
})

describe('ollama: embeddings', () => {
  const answer = {
    model: 'nomic-embed-text',
    embeddings: [
      [0.5, -0.25],
      [1, 0],
    ],
    prompt_eval_count: 9,
  }

  async function embed(body: object, upstreamBody: object = answer, status = 200) {
    await using upstream = await startUpstream(reply(status, json, JSON.stringify(upstreamBody)))
    const provider = start({ url: upstream.url, timeouts: patient })
    try {
      const completion = await provider.embed(callOf({ bodyJson: JSON.stringify(body) }))
      return { ...completion, body: JSON.parse(completion.bodyJson), sent: upstream.requests[0] }
    } finally {
      await provider.close()
    }
  }

  it('are asked for at /api/embed, whole or not at all, and given as OpenAI’s list', async () => {
    const { body, usage, sent } = await embed({ input: ['a', 'b'], dimensions: 2, user: 'u' })
    expect(sent?.path).toBe('/api/embed')
    expect(JSON.parse(sent?.body ?? '')).toEqual({
      model: 'llama3.1:8b',
      input: ['a', 'b'],
      truncate: false,
      dimensions: 2,
    })
    expect(body).toEqual({
      object: 'list',
      data: [
        { object: 'embedding', index: 0, embedding: [0.5, -0.25] },
        { object: 'embedding', index: 1, embedding: [1, 0] },
      ],
      model: 'nomic-embed-text',
      usage: { prompt_tokens: 9, total_tokens: 9 },
    })
    expect(usage).toEqual({ prompt_tokens: 9, completion_tokens: 0, total_tokens: 9 })
  })

  it('are base64 of 32-bit floats where that is asked for', async () => {
    const { body } = await embed({ input: 'a', encoding_format: 'base64' })
    const bytes = Buffer.from(body.data[0].embedding, 'base64')
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([0.5, -0.25])
  })

  it.each([
    [{ input: [1, 2, 3] }, 'input.0'],
    [{ input: 'a', x_unknown: 1 }, 'x_unknown'],
    [{}, 'input'],
  ])('are refused by name for %j', async (body, name) => {
    const failure = await failureOf(embed(body))
    expect(failure).toMatchObject({ failure: 'unsupported', status: null })
    expect(failure.message).toContain(name.split('.')[0])
  })

  it.each([
    [400, { error: 'the input length exceeds the context length' }, 'context_too_long'],
    [404, { error: "model 'x' not found" }, 'model_not_found'],
    [200, { error: 'this model does not support embeddings' }, 'unsupported'],
    [200, { embeddings: [] }, 'invalid_response'],
    [200, { model: 'm', embeddings: [['secret']] }, 'invalid_response'],
  ])('with status %i and %j fail as %s', async (status, body, failure) => {
    expect(await failureOf(embed({ input: 'a' }, body, status))).toMatchObject({ failure })
  })
})
