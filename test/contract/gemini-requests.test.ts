import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createGeminiProvider } from '../../src/providers/gemini.ts'
import {
  conversation,
  expectRefused,
  hello,
  refusesWhatNobodyCan,
  requestsFor,
  schema,
  weather,
} from './model-requests.ts'
import type { StartProvider } from './provider-harness.ts'

const answer = readFileSync(new URL('../fixtures/gemini/waiting.json', import.meta.url), 'utf8')
const startFor =
  (model: string): StartProvider =>
  ({ url, timeouts }) =>
    createGeminiProvider({ baseUrl: `${url}/v1beta`, model, timeouts, connections: 2 })
const start = startFor('gemini-2.5-flash')
const contents = [{ role: 'user', parts: [{ text: 'Hello' }] }]
const declarations = [
  {
    functionDeclarations: [{ name: 'get_weather', description: '', parametersJsonSchema: weather.function.parameters }],
  },
]
const imageAt = (url: string) => ({
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
})

describe('gemini: requests', () => {
  it('turn a conversation into contents, waiting and streaming alike', async () => {
    const { waiting, streaming } = await requestsFor(start, { messages: conversation, tools: [weather] }, answer)
    expect(waiting?.path).toBe('/v1beta/models/gemini-2.5-flash:generateContent')
    expect(waiting?.body).toEqual({
      generationConfig: {},
      systemInstruction: { parts: [{ text: 'Be brief.' }, { text: 'Answer in French.' }] },
      contents: [
        {
          role: 'user',
          parts: [
            { text: 'Read this.' },
            { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } },
            { inlineData: { mimeType: 'application/pdf', data: 'JVBERi0=' } },
          ],
        },
        {
          role: 'model',
          parts: [
            {
              functionCall: { id: 'call_1', name: 'get_weather', args: { city: 'Zürich' } },
              thoughtSignature: 'signed too',
            },
            { functionCall: { id: 'call_2', name: 'get_weather', args: { city: 'Bern' } } },
          ],
        },
        {
          role: 'user',
          parts: [
            {
              functionResponse: {
                id: 'call_1',
                name: 'get_weather',
                response: { name: 'get_weather', content: '21 °C' },
              },
            },
            {
              functionResponse: {
                id: 'call_2',
                name: 'get_weather',
                response: { name: 'get_weather', content: '19 °C' },
              },
            },
          ],
        },
        { role: 'model', parts: [{ text: 'Warm.' }] },
        { role: 'user', parts: [{ text: 'Thanks' }] },
      ],
      tools: declarations,
    })
    expect(streaming?.path).toBe('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse')
    expect(streaming?.body).toEqual(waiting?.body)
  })

  it.each([
    [
      { temperature: 1.5, top_p: 0.9, top_k: 5, seed: 7 },
      { temperature: 1.5, topP: 0.9, topK: 5, seed: 7 },
    ],
    [
      { stop: ['a', 'b'], max_tokens: 10 },
      { stopSequences: ['a', 'b'], maxOutputTokens: 10 },
    ],
    [{ frequency_penalty: 0, presence_penalty: 0 }, {}],
    [{ response_format: { type: 'json_object' } }, { responseMimeType: 'application/json' }],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } },
      { responseMimeType: 'application/json', responseJsonSchema: schema },
    ],
    [{ reasoning_effort: 'none' }, { thinkingConfig: { thinkingBudget: 0 } }],
    [
      { reasoning_effort: 'high', max_tokens: 1_000 },
      { maxOutputTokens: 1_000, thinkingConfig: { includeThoughts: true, thinkingBudget: 800 } },
    ],
    [{ logprobs: true }, { responseLogprobs: true }],
    [
      { logprobs: true, top_logprobs: 2, seed: 7 },
      { seed: 7, responseLogprobs: true, logprobs: 2 },
    ],
    [{ user: 'u', metadata: { a: 'b' }, store: true, n: 1, logprobs: false, top_logprobs: 0 }, {}],
  ])('turn %j into %j', async (fields, expected) => {
    const { waiting } = await requestsFor(start, { messages: hello, ...fields }, answer)
    expect(waiting?.body).toEqual({ contents, generationConfig: expected })
  })

  it.each([
    ['auto', { mode: 'AUTO' }],
    ['none', { mode: 'NONE' }],
    ['required', { mode: 'ANY' }],
    [
      { type: 'function', function: { name: 'get_weather' } },
      { mode: 'ANY', allowedFunctionNames: ['get_weather'] },
    ],
  ])('turn the tool choice %j into %j', async (tool_choice, expected) => {
    const { waiting } = await requestsFor(start, { messages: hello, tools: [weather], tool_choice }, answer)
    expect(waiting?.body.toolConfig).toEqual({ functionCallingConfig: expected })
  })

  it('pass on the address of an image, which they never fetch, where the model takes one', async () => {
    const { waiting } = await requestsFor(start, imageAt('https://x.example/a.PNG?b=c'), answer)
    const file = { mimeType: 'image/png', fileUri: 'https://x.example/a.PNG?b=c' }
    expect(waiting?.body.contents[0].parts).toEqual([{ fileData: file }])
    const field = 'messages.0.content.0.image_url.url'
    await expectRefused(start, 'Gemini', imageAt('https://x.example/picture'), field)
    await expectRefused(startFor('gemini-2.0-flash'), 'Gemini', imageAt('https://x.example/a.png'), field)
  })

  it('pass on sound', async () => {
    const content = [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }]
    const { waiting } = await requestsFor(start, { messages: [{ role: 'user', content }] }, answer)
    expect(waiting?.body.contents[0].parts).toEqual([{ inlineData: { mimeType: 'audio/wav', data: 'AAAA' } }])
  })

  it('mark the calls of another model for Gemini 3, which refuses unsigned ones', async () => {
    const unsigned = conversation.map(({ tool_calls, ...message }) =>
      tool_calls === undefined
        ? message
        : { ...message, tool_calls: tool_calls.map(({ extra_content: _, ...call }) => call) },
    )
    const body = { messages: unsigned, tools: [weather] }
    const { waiting } = await requestsFor(startFor('gemini-3-pro-preview'), body, answer)
    expect(waiting?.body.contents[1].parts.map(({ thoughtSignature }: never) => thoughtSignature)).toEqual([
      'skip_thought_signature_validator',
      undefined,
    ])
  })

  it('tell newer models how hard to think in their own words', async () => {
    const body = { messages: hello, reasoning_effort: 'minimal' }
    const { waiting } = await requestsFor(startFor('gemini-3-pro-preview'), body, answer)
    expect(waiting?.body.generationConfig).toEqual({ thinkingConfig: { includeThoughts: true, thinkingLevel: 'low' } })
  })

  refusesWhatNobodyCan(start, 'Gemini')

  it.each([
    [{ frequency_penalty: 1 }, 'frequency_penalty'],
    [{ presence_penalty: 1 }, 'presence_penalty'],
    [{ tools: [weather], parallel_tool_calls: false }, 'parallel_tool_calls'],
  ])('refuse %j by name, without a call', async (fields, field) => {
    await expectRefused(start, 'Gemini', fields, field)
  })
})
