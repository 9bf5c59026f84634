import { describe, expect, it } from 'vitest'
import { BrokerError } from '../../src/core/errors.ts'
import type { InputItem } from '../../src/core/responses/items.ts'
import { keepRequest, type ResponseRequest } from '../../src/core/responses/request.ts'
import { toChatBody } from '../../src/core/responses/to-chat-body.ts'
import { toChatMessages } from '../../src/core/responses/to-chat-messages.ts'
import { readResponseRequest, responseRequest } from '../../src/http/response-request.ts'
import { invalidInput } from '../../src/http/validation.ts'

/** As a request is read over HTTP. */
function read(body: object): ResponseRequest {
  const parsed = responseRequest.safeParse({ model: 'local', input: 'Hi', ...body })
  if (!parsed.success) throw invalidInput(parsed.error, { noun: 'field', parent: [] })
  return readResponseRequest(parsed.data)
}
const itemsOf = (request: ResponseRequest) => request.input as InputItem[]
const chatOf = (body: object) => toChatBody(read(body), [{ role: 'user', content: 'Hi' }])
const messagesOf = (input: readonly object[]) => toChatMessages(null, itemsOf(read({ input })))

const weather = {
  type: 'function',
  name: 'get_weather',
  description: 'Of a city.',
  parameters: { type: 'object' },
  strict: true,
}
const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
}

describe('a request for a response', () => {
  it('becomes the chat that asks for the same', () => {
    const request = read({
      instructions: 'Be brief.',
      tools: [weather, { type: 'function', name: 'bare', parameters: null, strict: null }],
      tool_choice: { type: 'function', name: 'get_weather' },
      parallel_tool_calls: false,
      text: {
        format: { type: 'json_schema', name: 'place', schema, strict: true, description: 'A place.' },
        verbosity: 'low',
      },
      reasoning: { effort: 'high', summary: 'auto' },
      max_output_tokens: 200,
      temperature: 0.2,
      top_p: 0.9,
      top_logprobs: 3,
      include: ['message.output_text.logprobs'],
      metadata: { run: '7' },
      store: false,
      background: true,
      stream: true,
      service_tier: 'flex',
      truncation: 'disabled',
      user: 'u1',
      safety_identifier: 's1',
      prompt_cache_key: 'k1',
    })
    expect(toChatBody(request, [{ role: 'user', content: 'Hi' }])).toEqual({
      model: 'local',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
      tools: [
        {
          type: 'function',
          function: { name: 'get_weather', description: 'Of a city.', parameters: { type: 'object' }, strict: true },
        },
        { type: 'function', function: { name: 'bare' } },
      ],
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
      parallel_tool_calls: false,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'place', description: 'A place.', schema, strict: true },
      },
      verbosity: 'low',
      reasoning_effort: 'high',
      max_completion_tokens: 200,
      temperature: 0.2,
      top_p: 0.9,
      logprobs: true,
      top_logprobs: 3,
      stream: true,
      user: 'u1',
      safety_identifier: 's1',
      prompt_cache_key: 'k1',
    })
  })

  it('says nothing to the chat that it does not say itself, whether it is left out or null', () => {
    const bare = { model: 'local', messages: [{ role: 'user', content: 'Hi' }] }
    expect(chatOf({})).toEqual(bare)
    const nothing = Object.fromEntries(
      [
        ...['instructions', 'previous_response_id', 'tools', 'tool_choice', 'parallel_tool_calls', 'text', 'reasoning'],
        ...['max_output_tokens', 'temperature', 'top_p', 'top_logprobs', 'include', 'metadata', 'store', 'background'],
        ...['stream', 'stream_options', 'service_tier', 'truncation', 'user', 'safety_identifier', 'prompt_cache_key'],
        ...['conversation', 'prompt', 'context_management', 'max_tool_calls', 'prompt_cache_retention', 'moderation'],
      ].map((name) => [name, null]),
    )
    expect(chatOf(nothing)).toEqual(bare)
    expect(chatOf({ text: { format: { type: 'text' } }, tools: [], tool_choice: 'auto', top_logprobs: 0 })).toEqual(
      bare,
    )
  })

  it.each<[unknown, unknown]>([
    ['auto', 'auto'],
    ['none', 'none'],
    ['required', 'required'],
    [
      { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'get_weather' }] },
      {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'get_weather' } }] },
      },
    ],
  ])('has its tool choice %j in a chat as %j', (asked, said) => {
    expect(chatOf({ tools: [weather], tool_choice: asked })).toMatchObject({ tool_choice: said })
  })

  it('asks for JSON without a schema in a chat too', () => {
    expect(chatOf({ text: { format: { type: 'json_object' } } }).response_format).toEqual({ type: 'json_object' })
  })

  it('is echoed with the defaults of OpenAI where it says nothing', () => {
    expect(keepRequest(read({}), []).echo).toEqual({
      background: false,
      instructions: null,
      max_output_tokens: null,
      max_tool_calls: null,
      parallel_tool_calls: true,
      previous_response_id: null,
      prompt_cache_key: null,
      reasoning: { effort: null, summary: null },
      safety_identifier: null,
      store: true,
      temperature: 1,
      text: { format: { type: 'text' } },
      tool_choice: 'auto',
      tools: [],
      top_logprobs: 0,
      top_p: 1,
      truncation: 'disabled',
    })
  })
})

describe('the items of its input', () => {
  it('become messages of the same roles, with a single text as a text', () => {
    const input = [
      { role: 'system', content: 'S' },
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'D' }] },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'a' },
          { type: 'input_text', text: 'b' },
        ],
      },
      {
        type: 'message',
        id: 'msg_1',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'A', annotations: [], logprobs: [] }],
      },
      { role: 'assistant', content: 'B' },
    ]
    expect(messagesOf(input)).toEqual([
      { role: 'system', content: 'S' },
      { role: 'developer', content: 'D' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      { role: 'assistant', content: 'A' },
      { role: 'assistant', content: 'B' },
    ])
  })

  it('may be pictures, files and sounds', () => {
    const content = [
      { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'low', file_id: null },
      { type: 'input_image', image_url: 'https://example.com/a.png' },
      { type: 'input_file', file_data: 'data:application/pdf;base64,AA==', filename: 'a.pdf' },
      { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } },
    ]
    expect(messagesOf([{ role: 'user', content }])[0]?.content).toEqual([
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'low' } },
      { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
      { type: 'file', file: { file_data: 'data:application/pdf;base64,AA==', filename: 'a.pdf' } },
      { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } },
    ])
  })

  it('put thoughts, text and calls of one turn into one message, and their results after it', () => {
    const input = [
      { role: 'user', content: 'Weather?' },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Think.' }] },
      { role: 'assistant', content: 'I look.' },
      {
        type: 'function_call',
        id: 'fc_1',
        call_id: 'c1',
        name: 'get_weather',
        arguments: '{"city":"Ulm"}',
        status: 'completed',
      },
      { type: 'function_call', call_id: 'c2', name: 'get_weather', arguments: '{"city":"Bonn"}' },
      { type: 'function_call_output', call_id: 'c1', output: 'Rain' },
      { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'Sun' }] },
      { type: 'function_call', call_id: 'c3', name: 'get_weather', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c3', output: '' },
    ]
    const call = (id: string, text: string) => ({
      id,
      type: 'function',
      function: { name: 'get_weather', arguments: text },
    })
    expect(messagesOf(input)).toEqual([
      { role: 'user', content: 'Weather?' },
      {
        role: 'assistant',
        content: 'I look.',
        reasoning_content: 'Think.',
        tool_calls: [call('c1', '{"city":"Ulm"}'), call('c2', '{"city":"Bonn"}')],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'Rain' },
      { role: 'tool', tool_call_id: 'c2', content: 'Sun' },
      { role: 'assistant', content: null, tool_calls: [call('c3', '{}')] },
      { role: 'tool', tool_call_id: 'c3', content: '' },
    ])
  })

  it('keep a refusal apart from the text, as chats do', () => {
    const refused = { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] }
    expect(messagesOf([refused])).toEqual([{ role: 'assistant', content: null, refusal: 'No.' }])
  })

  it('prefer the thoughts themselves to their summary, and leave out thoughts that say nothing', () => {
    const thought = {
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 's' }],
      content: [{ type: 'reasoning_text', text: 'r' }],
    }
    expect(messagesOf([thought, { role: 'assistant', content: 'A' }])).toEqual([
      { role: 'assistant', content: 'A', reasoning_content: 'r' },
    ])
    expect(
      messagesOf([
        { type: 'reasoning', summary: [] },
        { role: 'user', content: 'U' },
      ]),
    ).toEqual([{ role: 'user', content: 'U' }])
  })
})

describe('what a chat cannot do', () => {
  const user = (content: unknown) => ({ input: [{ role: 'user', content }] })
  it.each<[object, string]>([
    [{ conversation: 'conv_1' }, 'conversation'],
    [{ prompt: { id: 'p' } }, 'prompt'],
    [{ max_tool_calls: 3 }, 'max_tool_calls'],
    [{ context_management: [{}] }, 'context_management'],
    [{ moderation: {} }, 'moderation'],
    [{ truncation: 'auto' }, 'truncation'],
    [{ include: ['web_search_call.results'] }, 'include[0]'],
    [{ stream_options: { include_obfuscation: true } }, 'stream_options.include_obfuscation'],
    [{ service_tier: 'scale' }, 'service_tier'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ tools: [weather, { type: 'custom', name: 'x' }] }, 'tools[1].type'],
    [{ tools: [{ ...weather, defer_loading: true }] }, 'tools[0].defer_loading'],
    [{ tool_choice: { type: 'web_search' } }, 'tool_choice.type'],
    [{ reasoning: { effort: 'much' } }, 'reasoning.effort'],
    [{ reasoning: { mode: 'pro' } }, 'reasoning.mode'],
    [{ text: { format: { type: 'grammar' } } }, 'text.format.type'],
    [{ temperature: 3 }, 'temperature'],
    [{ max_output_tokens: 0 }, 'max_output_tokens'],
    [{ metadata: { key: 7 } }, 'metadata.key'],
    [{ messages: [] }, 'messages'],
    [{ input: 7 }, 'input'],
    [{ input: [{ type: 'web_search_call', id: 'ws_1' }] }, 'input[0].type'],
    [
      {
        input: [
          { role: 'user', content: 'a' },
          { type: 'reasoning', summary: [], encrypted_content: 'x' },
        ],
      },
      'input[1].encrypted_content',
    ],
    [{ input: [{ role: 'nobody', content: 'a' }] }, 'input[0].role'],
    [{ input: [{ role: 'assistant', content: 'a', phase: 'commentary' }] }, 'input[0].phase'],
    [{ input: [{ type: 'function_call_output', output: 'a' }] }, 'input[0].call_id'],
    [
      { input: [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image', image_url: 'x' }] }] },
      'input[0].output[0].type',
    ],
    [user([{ type: 'input_video' }]), 'input[0].content[0].type'],
    [user([{ type: 'output_text', text: 'x' }]), 'input[0].content[0].type'],
    [user([{ type: 'input_image', file_id: 'file-1' }]), 'input[0].content[0].image_url'],
    [user([{ type: 'input_file', file_url: 'https://example.com/a' }]), 'input[0].content[0].file_data'],
    [user([{ type: 'input_text', text: 'x', size: 3 }]), 'input[0].content[0].size'],
  ])('is refused by name: %j', (body, param) => {
    const error = thrownBy(() => read(body))
    expect({ code: error.code, param: error.param }, error.message).toEqual({ code: 'invalid_request', param })
    expect(error.message).toContain(param)
  })

  it.each<[object, string]>([
    [{ tools: [weather], tool_choice: { type: 'function', name: 'other' } }, 'tool_choice'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ tool_choice: { type: 'function', name: 'get_weather' } }, 'tool_choice'],
  ])('contradicts itself: %j', (body, param) => {
    expect(thrownBy(() => chatOf(body))).toMatchObject({ code: 'invalid_request', param })
  })

  it('is to answer nothing', () => {
    expect(thrownBy(() => toChatBody(read({ instructions: 'Be brief.' }), []))).toMatchObject({ param: 'input' })
  })
})

function thrownBy(act: () => unknown): BrokerError {
  try {
    act()
  } catch (error) {
    if (error instanceof BrokerError) return error
    throw error
  }
  throw new Error('Nothing was thrown')
}
