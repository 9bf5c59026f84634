import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createAnthropicProvider } from '../../src/providers/anthropic.ts'
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

const answer = readFileSync(new URL('../fixtures/anthropic/waiting.json', import.meta.url), 'utf8')
const startFor =
  (model: string, maxOutputTokens?: number): StartProvider =>
  ({ url, timeouts }) =>
    createAnthropicProvider({
      baseUrl: `${url}/v1`,
      model,
      timeouts,
      connections: 2,
      ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    })
const start = startFor('claude-sonnet-4-5')
const messages = [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }]

describe('anthropic: requests', () => {
  it('turn a conversation into messages, waiting and streaming alike', async () => {
    const { waiting, streaming } = await requestsFor(start, { messages: conversation, tools: [weather] }, answer)
    expect(waiting).toMatchObject({ path: '/v1/messages', headers: { 'anthropic-version': '2023-06-01' } })
    expect(waiting?.body).toEqual({
      model: 'claude-sonnet-4-5',
      max_tokens: 64_000,
      system: [
        { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } },
        { type: 'text', text: 'Answer in French.' },
      ],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Read this.' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
            {
              type: 'document',
              title: 'a.pdf',
              source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' },
            },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm.', signature: 'signed' },
            { type: 'redacted_thinking', data: 'hidden' },
            { type: 'tool_use', id: 'call_1', name: 'get_weather', input: { city: 'Zürich' } },
            { type: 'tool_use', id: 'call_2', name: 'get_weather', input: { city: 'Bern' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'call_1', content: '21 °C' },
            { type: 'tool_result', tool_use_id: 'call_2', content: '19 °C' },
          ],
        },
        { role: 'assistant', content: [{ type: 'text', text: 'Warm.' }] },
        { role: 'user', content: [{ type: 'text', text: 'Thanks' }] },
      ],
      tools: [{ name: 'get_weather', input_schema: weather.function.parameters }],
    })
    expect(streaming?.body).toEqual({ ...waiting?.body, stream: true })
  })

  it.each([
    [
      { temperature: 0.2, top_k: 5 },
      { temperature: 0.2, top_k: 5 },
    ],
    [{ top_p: 0.9 }, { top_p: 0.9 }],
    [{ temperature: 1, top_p: 1, frequency_penalty: 0, presence_penalty: 0 }, {}],
    [{ stop: 'END' }, { stop_sequences: ['END'] }],
    [{ stop: ['a', 'b'] }, { stop_sequences: ['a', 'b'] }],
    [{ max_tokens: 10 }, { max_tokens: 10 }],
    [{ max_tokens: 10, max_completion_tokens: 20 }, { max_tokens: 20 }],
    [{ max_tokens: 1_000_000 }, { max_tokens: 64_000 }],
    [
      { reasoning_effort: 'high', max_tokens: 8_000 },
      { max_tokens: 8_000, thinking: { type: 'enabled', budget_tokens: 6_400 } },
    ],
    [{ reasoning_effort: 'none' }, { thinking: { type: 'disabled' } }],
    [{ response_format: { type: 'text' } }, {}],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } },
      { output_config: { format: { type: 'json_schema', schema } } },
    ],
    [{ user: 'u', metadata: { a: 'b' }, store: true, service_tier: 'flex', prediction: {}, n: 1, logprobs: false }, {}],
    [{ temperature: null, tools: null, functions: null }, {}],
  ])('turn %j into %j', async (fields, expected) => {
    const { waiting } = await requestsFor(start, { messages: hello, ...fields }, answer)
    expect(waiting?.body).toEqual({ model: 'claude-sonnet-4-5', max_tokens: 64_000, messages, ...expected })
  })

  it.each([
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'any' }],
    [
      { type: 'function', function: { name: 'get_weather' } },
      { type: 'tool', name: 'get_weather' },
    ],
  ])('turn the tool choice %j into %j', async (tool_choice, expected) => {
    const one = await requestsFor(start, { messages: hello, tools: [weather], tool_choice }, answer)
    expect(one.waiting?.body.tool_choice).toEqual(expected)
    if (tool_choice === 'none') return
    const body = { messages: hello, tools: [weather], tool_choice, parallel_tool_calls: false }
    const other = await requestsFor(start, body, answer)
    expect(other.waiting?.body.tool_choice).toEqual({ ...expected, disable_parallel_tool_use: true })
  })

  it('pass on the address of an image, which they never fetch', async () => {
    const url = 'https://x.example/a?b=c'
    const body = { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] }
    const { waiting } = await requestsFor(start, body, answer)
    expect(waiting?.body.messages[0].content).toEqual([{ type: 'image', source: { type: 'url', url } }])
  })

  it('take the limit of the deployment for a model that the library does not know', async () => {
    const { waiting } = await requestsFor(startFor('claude-3-5-sonnet-20240620', 8_192), { messages: hello }, answer)
    expect(waiting?.body.max_tokens).toBe(8_192)
  })

  it('tell newer models how hard to think in their own words', async () => {
    const newer = startFor('claude-opus-5')
    const { waiting } = await requestsFor(newer, { messages: hello, reasoning_effort: 'minimal' }, answer)
    expect(waiting?.body).toMatchObject({ thinking: { type: 'adaptive' }, output_config: { effort: 'low' } })
  })

  it('keep the trial features that a deployment asks for beside those that the request needs', async () => {
    const withBeta: StartProvider = ({ url, timeouts }) =>
      createAnthropicProvider({
        baseUrl: `${url}/v1`,
        model: 'claude-sonnet-4-5',
        timeouts,
        connections: 2,
        headers: { 'Anthropic-Beta': 'mine' },
      })
    const { waiting } = await requestsFor(withBeta, { messages: conversation, tools: [weather] }, answer)
    expect(waiting?.headers['anthropic-beta']).toMatch(/^mine,.*pdfs-2024-09-25/)
  })

  refusesWhatNobodyCan(start, 'Anthropic')

  it.each([
    [{ seed: 7 }, 'seed'],
    [{ logprobs: true }, 'logprobs'],
    [{ frequency_penalty: 1 }, 'frequency_penalty'],
    [{ presence_penalty: 1 }, 'presence_penalty'],
    [{ temperature: 1.5 }, 'temperature'],
    [{ temperature: 0.2, top_p: 0.5 }, 'top_p'],
    [{ response_format: { type: 'json_object' } }, 'response_format'],
    [{ reasoning_effort: 'high', max_tokens: 100 }, 'reasoning_effort with so few max_tokens'],
    [{ reasoning_effort: 'high', temperature: 0.5 }, 'temperature'],
    [
      {
        messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }] }],
      },
      'messages.0.content.0.type',
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'file', file: { file_data: 'data:audio/wav;base64,AAAA' } }] }] },
      'content of messages',
    ],
  ])('refuse %j by name, without a call', async (fields, field) => {
    await expectRefused(start, 'Anthropic', fields, field)
  })

  it('refuse what one model lacks and others have', async () => {
    await expectRefused(startFor('claude-opus-5-5'), 'Anthropic', { temperature: 0.2 }, 'temperature')
    const fields = { tools: [weather], tool_choice: 'required' }
    await expectRefused(startFor('claude-opus-5-5'), 'Anthropic', fields, 'tool_choice')
  })
})
