import { expect, it } from 'vitest'
import type { Provider } from '../../src/core/provider.ts'
import { callOf, failureOf, patient, readStream, type StartProvider } from './provider-harness.ts'
import { reply, startUpstream } from './scripted-upstream.ts'

export const weather = {
  type: 'function',
  function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}
export const schema = {
  type: 'object',
  properties: { n: { type: 'integer' } },
  required: ['n'],
  additionalProperties: false,
}
export const hello = [{ role: 'user', content: 'Hello' }]

/** A conversation with something of everything that all of the APIs have a word for. */
export const conversation = [
  { role: 'developer', content: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }] },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'Read this.' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
    ],
  },
  {
    role: 'assistant',
    content: null,
    reasoning_content: 'Hm.',
    thinking_blocks: [
      { type: 'thinking', thinking: 'Hm.', signature: 'signed' },
      { type: 'redacted_thinking', data: 'hidden' },
    ],
    tool_calls: [
      {
        id: 'call_1',
        type: 'function',
        function: { name: 'get_weather', arguments: '{"city":"Zürich"}' },
        extra_content: { google: { thought_signature: 'signed too' } },
      },
      { id: 'call_2', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Bern"}' } },
    ],
  },
  { role: 'tool', tool_call_id: 'call_1', content: '21 °C' },
  { role: 'tool', tool_call_id: 'call_2', content: [{ type: 'text', text: '19 °C' }] },
  { role: 'assistant', content: [{ type: 'text', text: 'Warm.' }] },
  { role: 'system', content: 'Answer in French.' },
  { role: 'user', name: 'ada', content: 'Thanks' },
]

/** Both requests that a body becomes: the waiting one and the streaming one. */
export async function requestsFor(start: StartProvider, body: object, answer: string) {
  await using upstream = await startUpstream(reply(200, { 'content-type': 'application/json' }, answer))
  const provider = start({ url: upstream.url, timeouts: patient })
  try {
    const call = callOf({ bodyJson: JSON.stringify(body) })
    const completion = JSON.parse((await provider.complete(call)).bodyJson)
    await readStream(provider.stream(call))
    const [waiting, streaming] = upstream.requests.map((request) => ({ ...request, body: JSON.parse(request.body) }))
    return { completion, waiting, streaming }
  } finally {
    await provider.close()
  }
}

/** Says that the provider refuses a request before any call, naming the field and not its value. */
export async function expectRefused(start: StartProvider, name: string, fields: object, field: string): Promise<void> {
  await using upstream = await startUpstream(reply(500, {}, ''))
  const provider: Provider = start({ url: upstream.url, timeouts: patient })
  const call = callOf({ bodyJson: JSON.stringify({ messages: hello, ...fields }) })
  const expected = { failure: 'unsupported', status: null, message: `${name} does not support ${field} as given` }
  expect(await failureOf(provider.complete(call))).toMatchObject(expected)
  expect((await readStream(provider.stream(call))).failure).toMatchObject(expected)
  await provider.close()
  expect(upstream.requests).toHaveLength(0)
}

const callWith = (text: string) => [
  { role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: text } }] },
]

/** What none of the APIs has a word for. */
export function refusesWhatNobodyCan(start: StartProvider, name: string): void {
  it.each([
    [{ n: 2 }, 'n'],
    [{ logit_bias: { 50256: -100 } }, 'logit_bias.50256'],
    [{ top_logprobs: 5 }, 'top_logprobs without logprobs'],
    [{ logprobs: true, top_logprobs: 50 }, 'top_logprobs'],
    [{ functions: [] }, 'functions'],
    [{ modalities: ['text', 'audio'] }, 'modalities'],
    [{ audio: { voice: 'ash' } }, 'audio'],
    [{ web_search_options: {} }, 'web_search_options'],
    [{ verbosity: 'low' }, 'verbosity'],
    [{ x_unknown: 'secret' }, 'x_unknown'],
    [{ tools: [{ type: 'custom', custom: {} }] }, 'tools.0.type'],
    [
      { tools: [weather], tool_choice: { type: 'function', function: { name: 'secret' } } },
      'tool_choice.function.name',
    ],
    [{ tool_choice: 'required' }, 'tool_choice without tools'],
    [{ temperature: 'secret' }, 'temperature'],
    [{ response_format: { type: 'grammar' } }, 'response_format.type'],
    [{ messages: [] }, 'messages'],
    [{ messages: [{ role: 'function', content: 'secret' }] }, 'messages.0.role'],
    [{ messages: [{ role: 'user', content: [{ type: 'video_url' }] }] }, 'messages.0.content.0.type'],
    [
      { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'secret' } }] }] },
      'messages.0.content.0.file.file_data',
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://x.example/a.png' } }] }] },
      'messages.0.content.0.image_url.url',
    ],
    [{ messages: callWith('secret') }, 'messages.0.tool_calls.0.function.arguments'],
    [{ messages: callWith('["secret"]') }, 'messages.0.tool_calls.0.function.arguments'],
    [{ messages: [{ role: 'tool', tool_call_id: 'secret', content: 'x' }] }, 'messages.0.tool_call_id'],
  ])('refuses %j by name, without a call', async (fields, field) => {
    await expectRefused(start, name, fields, field)
  })
}
