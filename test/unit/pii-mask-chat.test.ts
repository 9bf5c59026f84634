import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBuiltinDetector } from '../../src/core/pii/builtin-detector.ts'
import { Masker } from '../../src/core/pii/mask.ts'
import { BodyText, textOf } from '../../src/core/pii/mask-chat.ts'
import { embeddingsRequest } from '../../src/core/pii/request-shapes.ts'
import { restoreJson } from '../../src/core/pii/restore.ts'

const mail = 'ada@example.com'

const detector = createBuiltinDetector()

function maskJson(json: string, options: { without?: string[] } = {}): { masked: string; masker: Masker } {
  const masker = new Masker()
  const text = textOf('/v1/chat/completions', json, options)
  return { masked: text.mask(detector.detect(text.pieces), masker), masker }
}

function mask<Body>(body: Body): { masked: Body; masker: Masker } {
  const { masked, masker } = maskJson(JSON.stringify(body))
  return { masked: JSON.parse(masked) as Body, masker }
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
    ['an object where the protocol wants a word', { messages: [{ role: { is: mail }, content: '' }] }],
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
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }] },
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
    const json = JSON.stringify(body)
    expect(maskJson(json).masked).toBe(json)
  })

  it('leaves alone what proves a thought, and masks the thought', () => {
    const signature = Buffer.from(Array.from({ length: 300 }, (_, index) => (index * 37) % 251)).toString('base64')
    const message = {
      role: 'assistant',
      content: 'ok',
      cache_control: { type: 'ephemeral', ttl: '1h' },
      thinking_blocks: [
        { type: 'thinking', thinking: `Ask ${mail}.`, signature },
        { type: 'redacted_thinking', data: signature },
      ],
      extra_content: { google: { thought_signature: signature } },
    }
    const { masked } = mask({ messages: [message] })
    const [proof, hidden] = message.thinking_blocks
    expect(masked.messages[0]).toEqual({
      ...message,
      thinking_blocks: [{ ...proof, thinking: 'Ask <EMAIL_1>.' }, hidden],
    })
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
      ...withCall('{"phone":"4155552671","items":4155559876}'),
      metadata: { mobile: '4155552671' },
    })
    expect(argumentsOf(masked)).toBe('{"phone":"<PHONE_1>","items":4155559876}')
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
    expect(masked.tools).toEqual(body.tools)
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

describe('the text of a body', () => {
  it('keeps every sign that is not masked: numbers beyond 2^53, blanks, escapes, keys that come twice', () => {
    const json = `{ "id": 12345678901234567890, "user":"${mail}" ,\n "a":1.50, "a":"caf\\u00e9", "metadata":{"x":1e400} }`
    expect(maskJson(json).masked).toBe(json.replace(mail, '<EMAIL_1>'))
  })

  it('reads all of a key that comes twice', () => {
    expect(maskJson(`{"user":"${mail}","user":"x"}`).masked).toBe('{"user":"<EMAIL_1>","user":"x"}')
  })

  it.each([
    ['{"model":"m","user":"u","stream":true}', '{"user":"u"}'],
    ['{ "model" : "m" , "user" : [1, {"model": 2}] , "stream" : null }', '{"user" : [1, {"model": 2}]}'],
    ['{"m\\u006fdel":"m","stream":{"a":[]}}', '{}'],
    ['{ "user": "u" }', '{ "user": "u" }'],
  ])('leaves fields out of %s', (json, expected) => {
    expect(textOf('/v1/chat/completions', json, { without: ['model', 'stream'] }).asWritten).toBe(expected)
  })

  it('refuses half a text, of which half was not seen', () => {
    for (const json of ['{"user":"a', '{"user":["a"}', '{"user":"a"', ']']) {
      expect(() => textOf('/v1/chat/completions', json)).toThrow(SyntaxError)
    }
  })

  it('is not masked by findings that leave a piece out', () => {
    const text = textOf('/v1/chat/completions', `{"user":"${mail}"}`)
    expect(() => text.mask([], new Masker())).toThrow('every piece')
  })

  it('is read to any depth', () => {
    const depth = 100_000
    const json = `{"metadata":${'[{"a":'.repeat(depth)}"${mail}"${'}]'.repeat(depth)}}`
    expect(maskJson(json).masked).toBe(json.replace(mail, '<EMAIL_1>'))
  })

  it('shows detectors a short text once, however often it comes', () => {
    const body = { messages: [], metadata: { rows: Array.from({ length: 50 }, () => ({ city: 'Ulm', zip: 89073 })) } }
    const { pieces } = textOf('/v1/chat/completions', JSON.stringify(body))
    expect(pieces.filter(({ text }) => text === 'Ulm')).toEqual([{ name: 'city', text: 'Ulm' }])
    expect(pieces.filter(({ text }) => text === '89073')).toEqual([{ name: 'zip', text: '89073' }])
  })

  it('masks numbers where nobody knows them and leaves those of the protocol', () => {
    const card = 4111111111111111
    const parameters = { properties: { n: { type: 'integer', maximum: card, examples: [card] } } }
    const body = { seed: card, logit_bias: { [card]: card }, metadata: { card }, tools: [{ function: { parameters } }] }
    const { masked } = mask(body)
    expect(masked).toEqual({
      seed: card,
      logit_bias: { [card]: card },
      metadata: { card: '<CREDIT_CARD_1>' },
      tools: [
        {
          function: {
            parameters: { properties: { n: { type: 'integer', maximum: card, examples: ['<CREDIT_CARD_1>'] } } },
          },
        },
      ],
    })
  })

  it('passes small numbers over, unless their name tells what they are', () => {
    const arguments_ = JSON.stringify({ rows: [1, 22, 1500], cvv: 123, ms: 42, factor: 1.25 })
    const { pieces } = textOf('/v1/chat/completions', JSON.stringify(withCall(arguments_)))
    expect(pieces.filter(({ text }) => /^[\d.]+$/.test(text))).toEqual([{ name: 'cvv', text: '123' }])
  })

  it('writes names of properties as providers allow them to be', () => {
    const parameters = { properties: { [mail]: { type: 'string' } }, required: [mail] }
    const { masked } = mask({ tools: [{ type: 'function', function: { name: 'f', parameters } }] })
    expect(masked.tools[0]?.function.parameters).toEqual({
      properties: { EMAIL_1: { type: 'string' } },
      required: ['EMAIL_1'],
    })
  })

  it('knows a property of a schema from a word of the schema', () => {
    const properties = { type: { description: mail }, properties: { properties: { $ref: { default: mail } } } }
    const { masked } = mask({ tools: [{ type: 'function', function: { name: 'f', parameters: { properties } } }] })
    expect(JSON.stringify(masked)).not.toContain(mail)
  })

  it('of an embeddings request is its input, unless that is tokens', () => {
    const pieces = (body: object) =>
      new BodyText(JSON.stringify(body), embeddingsRequest).pieces.map(({ text }) => text)
    expect(pieces({ model: 'm', input: mail, dimensions: 8 })).toEqual([mail])
    expect(pieces({ model: 'm', input: [mail, 'b'], encoding_format: 'float' })).toEqual([mail, 'b'])
    expect(pieces({ model: 'm', input: [1, 2, 3] })).toEqual([])
    expect(pieces({ model: 'm', input: [[4111111111111111], [2]] })).toEqual([])
    expect(pieces({ input: 'a', user: mail })).toEqual(['a', mail])
  })
})

describe('pictures, sound and files', () => {
  function withParts(...content: object[]) {
    return { messages: [{ role: 'user', content }] }
  }
  const picture = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }
  const binary = Buffer.from(Array.from({ length: 600 }, (_, index) => (index * 7919) % 256)).toString('base64')

  it.each([
    ['a picture', withParts(picture), { images: 1, audio: 0, files: 0 }],
    [
      'a link to a picture',
      withParts({ type: 'image_url', image_url: 'https://e.example/a.png' }),
      { images: 1, audio: 0, files: 0 },
    ],
    [
      'sound',
      withParts({ type: 'input_audio', input_audio: { data: 'UklGR', format: 'wav' } }),
      { images: 0, audio: 1, files: 0 },
    ],
    [
      'files',
      withParts(
        { type: 'file', file: { file_id: 'file-1' } },
        { type: 'file', file: { file_data: 'data:application/pdf;base64,JVBE' } },
      ),
      { images: 0, audio: 0, files: 2 },
    ],
    [
      'a picture in a text',
      { messages: [{ role: 'user', content: '![a](data:image/png;base64,iVBO)' }] },
      { images: 1, audio: 0, files: 0 },
    ],
    [
      'bytes in a field of tomorrow',
      withParts({ type: 'document', source: { data: binary } }),
      { images: 0, audio: 0, files: 1 },
    ],
    [
      'nothing',
      { messages: [{ role: 'user', content: `a text, long ${'and longer '.repeat(99)}` }] },
      { images: 0, audio: 0, files: 0 },
    ],
  ])('are counted: %s', (_what, body, media) => {
    const text = textOf('/v1/chat/completions', JSON.stringify(body))
    expect(text.media).toEqual(media)
    expect(text.hasMedia).toBe(Object.values(media).some((count) => count > 0))
  })

  it.each([
    ['base64', `data:text/csv;charset=utf-8;base64,${Buffer.from(`name,${mail}`).toString('base64')}`],
    ['percents', `data:text/csv;charset=utf-8,name%2C${encodeURIComponent(mail)}`],
  ])('that are text in %s are read and masked', (_how, url) => {
    const body = withParts({ type: 'file', file: { filename: 'a.csv', file_data: url } })
    const text = textOf('/v1/chat/completions', JSON.stringify(body))
    expect(text.hasMedia).toBe(false)
    const { masked } = mask(body)
    const data = /"file_data":"([^"]*)"/.exec(JSON.stringify(masked))?.[1] ?? ''
    expect(data.startsWith('data:text/csv;charset=utf-8;base64,')).toBe(true)
    expect(Buffer.from(data.split(',')[1] ?? '', 'base64').toString()).toBe('name,<EMAIL_1>')
  })

  it('are linked to by addresses in which only what is found is masked', () => {
    const link = (url: string) =>
      mask(withParts({ type: 'image_url', image_url: { url } })).masked.messages[0]?.content[0]
    expect(link('https://e.example/a.png')).toEqual({
      type: 'image_url',
      image_url: { url: 'https://e.example/a.png' },
    })
    expect(link(`https://e.example/u/${mail}/a.png`)).toEqual({
      type: 'image_url',
      image_url: { url: 'https://e.example/u/<EMAIL_1>/a.png' },
    })
    expect(link('https://bob:hunter2@e.example/a.png')).toEqual({
      type: 'image_url',
      image_url: { url: 'https://<PASSWORD_1>@e.example/a.png' },
    })
  })
})
