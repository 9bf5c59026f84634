import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createOllamaProvider } from '../../src/providers/ollama.ts'
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
    [{ n: 1, logprobs: false, logit_bias: {}, modalities: ['text'], top_logprobs: 0 }, {}],
    [{ temperature: null, tools: null, functions: null }, {}],
    [{ user: 'u', metadata: { a: 'b' }, store: true, parallel_tool_calls: false, service_tier: 'flex' }, {}],
  ])('turn %j into %j', async (fields, expected) => {
    const { sent } = await complete({ messages, ...fields })
    expect(sent).toEqual({ model: 'llama3.1:8b', stream: false, messages, options: {}, ...expected })
  })

  it('turn parts, images, tool calls and their results into messages', async () => {
    const { sent } = await complete({
      messages: [
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          name: 'ada',
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
    [{ logprobs: true }, 'logprobs'],
    [{ top_logprobs: 5 }, 'top_logprobs'],
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
    const expected = { failure: 'invalid_request', status: null, message: `Ollama does not support ${name} as given` }
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
    [404, 'error-404.json', 'invalid_request'],
    [503, 'error-503.json', 'rate_limited'],
  ])('with status %i and %s are %s', async (status, file, failure) => {
    await using upstream = await startUpstream(reply(status, json, fixture(file)))
    const provider = start({ url: upstream.url, timeouts: patient })
    expect(await failureOf(provider.complete(callOf()))).toMatchObject({ failure, status, retryAfterMs: null })
    await provider.close()
  })
})
