import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Masker } from '../../src/core/pii/mask.ts'
import { maskChatBody } from '../../src/core/pii/mask-chat.ts'
import { restoreJson } from '../../src/core/pii/restore.ts'

const mail = 'ada@example.com'

function mask<Body>(body: Body): { masked: Body; masker: Masker } {
  const masker = new Masker()
  return { masked: maskChatBody(body, masker) as Body, masker }
}

function withCall(argumentsJson: string) {
  const call = { id: 'call_1', type: 'function', function: { name: 'send', arguments: argumentsJson } }
  return { messages: [{ role: 'assistant', content: null, tool_calls: [call] }] }
}

function argumentsOf(body: ReturnType<typeof withCall>): string {
  return body.messages[0]?.tool_calls[0]?.function.arguments ?? ''
}

describe('masking a chat body', () => {
  const places: [string, unknown][] = [
    ['a message', { messages: [{ role: 'user', content: `contact ${mail}` }] }],
    ['a content part', { messages: [{ role: 'user', content: [{ type: 'text', text: mail }] }] }],
    ['the name of a speaker', { messages: [{ role: 'user', name: mail, content: 'hi' }] }],
    ['a tool result', { messages: [{ role: 'tool', tool_call_id: 'call_1', content: `sent to ${mail}` }] }],
    ['tool-call arguments', withCall(JSON.stringify({ to: [mail] }))],
    ['arguments that are not JSON', withCall(`{"to": ${mail}`)],
    ['a key of arguments', withCall(JSON.stringify({ [mail]: 1 }))],
    ['an escape in arguments', withCall('{"to":"ada\\u0040example.com"}')],
    [
      'a function call of old',
      { messages: [{ role: 'assistant', function_call: { name: 'f', arguments: `["${mail}"]` } }] },
    ],
    ['the description of a tool', { tools: [{ type: 'function', function: { name: 'f', description: mail } }] }],
    [
      'the schema of a tool',
      { tools: [{ type: 'function', function: { name: 'f', parameters: { properties: { to: { enum: [mail] } } } } }] },
    ],
    [
      'the schema of the answer',
      { response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { default: mail } } } },
    ],
    ['metadata', { metadata: { owner: mail } }],
    ['a key of metadata', { metadata: { [mail]: 'yes' } }],
    ['the user', { user: mail }],
    ['a stop sequence', { stop: [mail] }],
    ['a predicted answer', { prediction: { type: 'content', content: mail } }],
    [
      'the name of a file',
      { messages: [{ role: 'user', content: [{ type: 'file', file: { filename: `${mail}.pdf` } }] }] },
    ],
    ['a field of tomorrow', { something_new: { deep: [[mail]] } }],
  ]

  it.each(places)('reaches %s', (_place, body) => {
    const { masked, masker } = mask(body)
    const text = JSON.stringify(masked)
    expect(text).not.toMatch(/ada(?:@|\\\\u0040)example/)
    expect(text).toContain('EMAIL_1')
    expect(masker.counts).toEqual({ EMAIL: 1 })
  })

  it('leaves alone what the protocol needs', () => {
    const body = {
      model: mail,
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: `https://example.com/${mail}.png` } }] },
        { role: 'user', content: [{ type: 'input_audio', input_audio: { data: mail, format: 'wav' } }] },
        { role: 'user', content: [{ type: 'file', file: { file_data: mail, file_id: mail } }] },
        { role: 'assistant', tool_calls: [{ id: mail, type: 'function', function: { name: mail, arguments: '{}' } }] },
        { role: 'tool', tool_call_id: mail, content: '' },
      ],
      tools: [{ type: 'function', function: { name: mail } }],
      tool_choice: { type: 'function', function: { name: mail } },
      response_format: { type: 'json_schema', json_schema: { name: mail } },
      temperature: 0.5,
      seed: 4111111111111111,
      stream: true,
      stop: null,
    }
    expect(mask(body).masked).toBe(body)
  })

  it('writes a name as OpenAI allows names to be', () => {
    const { masked } = mask({ messages: [{ role: 'user', name: mail, content: mail }] })
    expect(masked.messages[0]).toEqual({ role: 'user', name: 'EMAIL_1', content: '<EMAIL_1>' })
  })

  it('neither changes the body that it is given nor the type of anything in it', () => {
    const body = { messages: [{ role: 'user', content: mail }], n: 1, logprobs: true, stop: null }
    const before = structuredClone(body)
    expect(mask(body).masked).toEqual({ ...before, messages: [{ role: 'user', content: '<EMAIL_1>' }] })
    expect(body).toEqual(before)
  })

  it('gives one value one placeholder in every corner of a body', () => {
    const { masked, masker } = mask({
      ...withCall(JSON.stringify({ to: mail })),
      user: mail,
      metadata: { a: `x ${mail}` },
    })
    expect(argumentsOf(masked)).toBe('{"to":"<EMAIL_1>"}')
    expect(masked.metadata).toEqual({ a: 'x <EMAIL_1>' })
    expect([...masker.vault]).toEqual([['<EMAIL_1>', mail]])
  })

  it('takes the name of a field for a hint at its value', () => {
    const { masked } = mask({
      ...withCall('{"phone":"4155552671","items":4155552671}'),
      metadata: { mobile: '4155552671' },
    })
    expect(argumentsOf(masked)).toBe('{"phone":"<PHONE_1>","items":4155552671}')
    expect(masked.metadata).toEqual({ mobile: '<PHONE_1>' })
  })

  it('masks a card that arguments hold as a number and no other digit of them', () => {
    const { masked } = mask(withCall('{ "card": 4111111111111111, "id": 12345678901234567890, "sum": 1.50 }'))
    expect(argumentsOf(masked)).toBe('{ "card": "<CREDIT_CARD_1>", "id": 12345678901234567890, "sum": 1.50 }')
  })

  it('never gives out a placeholder that stands anywhere in the body', () => {
    const body = {
      messages: [
        { role: 'user', content: `mask ${mail}` },
        { role: 'user', content: 'what is <EMAIL_1>?' },
      ],
      tools: [{ type: 'function', function: { name: 'EMAIL_2', parameters: { properties: { EMAIL_3: {} } } } }],
    }
    const { masked, masker } = mask(body)
    expect(masked.messages[0]?.content).toBe('mask <EMAIL_4>')
    expect(masked.messages[1]?.content).toBe('what is <EMAIL_1>?')
    expect(masked.tools).toBe(body.tools)
    expect(masker.counts).toEqual({ EMAIL: 1 })
  })

  it('keeps arguments valid JSON and restores them to what they said', () => {
    const text = fc.constantFrom(
      mail,
      `"${mail}"`,
      '203.0.113.77\n',
      'a\\b@example.com',
      'ü',
      '',
      '<EMAIL_1>',
      'tel "030 901820"',
    )
    // No long numbers: those that look like cards become strings.
    const json = fc.oneof(fc.boolean(), fc.constant(null), fc.integer(), fc.array(fc.string({ unit: 'grapheme' })))
    fc.assert(
      fc.property(fc.dictionary(text, fc.oneof(text, fc.array(text), json)), fc.constantFrom(0, 2), (value, indent) => {
        const body = withCall(JSON.stringify(value, null, indent))
        const { masked, masker } = mask(body)
        expect(JSON.parse(argumentsOf(masked))).toBeTypeOf('object')
        const restored = JSON.parse(restoreJson(JSON.stringify(masked), masker.vault)) as typeof body
        expect(JSON.parse(argumentsOf(restored))).toEqual(JSON.parse(argumentsOf(body)))
      }),
      { numRuns: 500 },
    )
  })
})
