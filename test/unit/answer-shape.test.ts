import { describe, expect, it } from 'vitest'
import { ChunkShape, shapeCompletion, shapeEmbeddings } from '../../src/providers/answer-shape.ts'
import { chatCompletion, chatCompletionChunk, embeddingList } from '../support/openai-chat.ts'

const shape = (text: string) => shapeCompletion(text, JSON.parse(text), 'the-model')
const chunks = (...texts: string[]) => {
  const stream = new ChunkShape('the-model')
  return texts.map((text) => stream.shape(text, JSON.parse(text)))
}

const whole =
  '{ "id":"c1", "object":"chat.completion", "created":1, "model":"m", "choices":[{"index":0, "message":' +
  '{"role":"assistant","content":"hi","refusal":null}, "logprobs":null, "finish_reason":"stop"}], "timings":{"ms":1.50} }'

describe('an answer of a server that speaks OpenAI’s dialect', () => {
  it('stays the very same text where nothing is amiss', () => {
    expect(shape(whole)).toBe(whole)
    const chunk = '{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"x":1.0}'
    expect(chunks(chunk)).toEqual([chunk])
  })

  it('gets what OpenAI requires, and keeps what the server wrote of its own, with all its digits', () => {
    const text =
      '{"choices":[{"message":{"content":"hi","tool_calls":null},"finish_reason":"eos"}],' +
      '"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":null},"service_tier":"on_demand"}'
    expect(chatCompletion.parse(JSON.parse(shape(text)))).toMatchObject({
      model: 'the-model',
      choices: [{ index: 0, message: { role: 'assistant', content: 'hi', refusal: null }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    })
    const seeded = shape('{"choices":[{"message":{"content":"hi"},"seed":12345678901234567890}]}')
    expect(seeded).toContain('"seed":12345678901234567890')
  })

  it.each([
    ['model_length', 'length'],
    ['MAX_TOKENS', 'length'],
    ['insufficient_system_resource', 'length'],
    ['eos', 'stop'],
    ['tool_calls', 'tool_calls'],
  ])('that ended with %s ended with OpenAI’s %s', (reason, expected) => {
    const { choices } = JSON.parse(shape(`{"choices":[{"message":{"content":"hi"},"finish_reason":"${reason}"}]}`))
    expect(choices[0].finish_reason).toBe(expected)
    const [chunk = ''] = chunks(`{"choices":[{"index":0,"delta":{},"finish_reason":"${reason}"}]}`)
    expect(JSON.parse(chunk).choices[0].finish_reason).toBe(expected)
  })

  it('has calls of tools that clients can make', () => {
    const calls = '[{"function":{"name":"f","arguments":{"a":1}}}]'
    const { choices } = JSON.parse(shape(`{"choices":[{"message":{"content":"","tool_calls":${calls}}}]}`))
    expect(choices[0].message.tool_calls).toEqual([
      { id: expect.stringMatching(/^call_/), type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
    ])
  })

  it('has one id over a stream, and numbers calls that are not numbered', () => {
    const piece = (fields: object) => JSON.stringify({ choices: [{ delta: { tool_calls: [fields] } }] })
    const shaped = chunks(
      '{"id":"","object":"","created":0,"model":"","choices":[]}',
      '{"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":null}}]}',
      piece({ id: 'a', type: 'function', function: { name: 'f', arguments: '{' } }),
      piece({ function: { arguments: '}' } }),
      piece({ id: 'b', function: { name: 'g', arguments: '{}' } }),
      '{"choices":[{"delta":{},"finish_reason":"tool_calls"}],"usage":null}',
    ).map((text) => chatCompletionChunk.parse(JSON.parse(text)))
    expect(shaped.shift()).toMatchObject({ id: '', model: '', object: 'chat.completion.chunk' })
    expect(new Set(shaped.map(({ id, created, model }) => `${id} ${created} ${model}`)).size).toBe(1)
    const places = shaped.flatMap(({ choices }) => choices[0]?.delta.tool_calls?.map(({ index }) => index) ?? [])
    expect(places).toEqual([0, 0, 1])
  })
})

describe('a stream of a server that speaks OpenAI’s dialect', () => {
  it('has the role in the first delta of each choice, which clients can’t do without', () => {
    const delta = (index: number, fields: object) => JSON.stringify({ choices: [{ index, delta: fields }] })
    const shaped = chunks(delta(0, { content: 'a' }), delta(1, { role: 'assistant' }), delta(0, { content: 'b' })).map(
      (text) => chatCompletionChunk.parse(JSON.parse(text)).choices[0]?.delta,
    )
    expect(shaped).toEqual([{ role: 'assistant', content: 'a' }, { role: 'assistant' }, { content: 'b' }])
  })
})

describe('a list of embeddings', () => {
  it('has its kind, its places, its model and a count of its tokens', () => {
    const text = '{"data":[{"embedding":[0.5]},{"embedding":[1e-7]}]}'
    expect(embeddingList.parse(JSON.parse(shapeEmbeddings(text, JSON.parse(text), 'the-model')))).toEqual({
      object: 'list',
      data: [
        { object: 'embedding', index: 0, embedding: [0.5] },
        { object: 'embedding', index: 1, embedding: [1e-7] },
      ],
      model: 'the-model',
      usage: { prompt_tokens: 0, total_tokens: 0 },
    })
  })
})
