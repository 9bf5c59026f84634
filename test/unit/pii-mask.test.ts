import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Masker } from '../../src/core/pii/mask.ts'
import { maskChatBody } from '../../src/core/pii/mask-chat.ts'
import { restoreJson, restoreText } from '../../src/core/pii/restore.ts'
import { ChunkRestorer } from '../../src/core/pii/restore-stream.ts'

const planted = {
  EMAIL: 'ada.lovelace@example.com',
  PAYMENT_CARD: '4111 1111 1111 1111',
  IBAN: 'DE89 3704 0044 0532 0130 00',
  IP_ADDRESS: '203.0.113.77',
  PHONE: '+49 30 901820',
  API_KEY: `ghp_${'a1B2c3D4'.repeat(5).slice(0, 36)}`,
}
const neighbour = fc.stringMatching(/^[a-z0-9 .,;:()-]{0,12}$/)

describe('masking', () => {
  it.each(Object.entries(planted))('hides a planted %s whatever stands around it', (_entity, value) => {
    fc.assert(
      fc.property(neighbour, neighbour, (before, after) => {
        const text = `${before} ${value} ${after}`
        expect(new Masker(text).maskText(text)).not.toContain(value)
      }),
      { numRuns: 300 },
    )
  })

  it('hides a card among the digits of its neighbours', () => {
    const digits = fc.stringMatching(/^[0-9]{0,6}$/)
    fc.assert(
      fc.property(digits, digits, fc.constantFrom('', ' ', '-'), (before, after, between) => {
        const text = `${before}${between}4111111111111111${between}${after}`
        expect(new Masker(text).maskText(text)).not.toContain('4111111111111111')
      }),
      { numRuns: 500 },
    )
  })

  it('gives one value one placeholder and two values two', () => {
    const masker = new Masker('')
    expect(masker.maskText('a@example.com b@example.com')).toBe('<EMAIL_1> <EMAIL_2>')
    expect(masker.maskText('again a@example.com')).toBe('again <EMAIL_1>')
    expect(masker.counts).toEqual({ EMAIL: 3 })
  })

  it('never gives out a placeholder that the input holds already', () => {
    const text = 'what is <EMAIL_1> and email EMAIL_2 for a@example.com'
    const masker = new Masker(text)
    const masked = masker.maskText(text)
    expect(masked).toContain('<EMAIL_3>')
    expect(restoreText(masked, masker.vault)).toBe(text)
  })

  it('is undone by restoring', () => {
    const word = fc.constantFrom(...Object.values(planted), 'hello', 'EMAIL', '<', '>', '_1', 'PHONE 1', '\n', '"')
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        const text = words.join(' ')
        const masker = new Masker(text)
        expect(restoreText(masker.maskText(text), masker.vault)).toBe(text)
      }),
      { numRuns: 500 },
    )
  })
})

describe('masking a chat body', () => {
  it('reaches every place where text can hide and leaves the protocol alone', () => {
    const mail = 'ada@example.com'
    const body = {
      messages: [
        { role: 'system', content: `contact ${mail}` },
        {
          role: 'user',
          name: mail,
          content: [
            { type: 'text', text: mail },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            {
              id: 'call_1',
              type: 'function',
              function: { name: 'send', arguments: `{"to":"${mail}","quote":"\\"${mail}\\""}` },
            },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1', content: `sent to ${mail}` },
      ],
      tools: [
        {
          type: 'function',
          function: {
            name: 'send',
            description: `writes to ${mail}`,
            parameters: { type: 'object', properties: { to: { type: 'string', default: mail } }, required: ['to'] },
          },
        },
      ],
      metadata: { owner: mail },
      user: mail,
      something_new: { deep: [mail] },
    }
    const masker = new Masker(JSON.stringify(body))
    const masked = maskChatBody(body, masker)
    const text = JSON.stringify(masked)
    expect(text).not.toContain('ada@')
    expect(masker.counts.EMAIL).toBe(11)
    const call = (masked as typeof body).messages[2]?.tool_calls?.[0]
    expect(JSON.parse(call?.function.arguments ?? '')).toEqual({ to: '<EMAIL_1>', quote: '"<EMAIL_1>"' })
    expect(call?.function.name).toBe('send')
    expect(JSON.parse(restoreJson(text, masker.vault))).toEqual(body)
  })
})

describe('restoring', () => {
  const vault = new Map([
    ['<EMAIL_1>', 'ada@example.com'],
    ['<EMAIL_10>', 'bob@example.com'],
    ['<API_KEY_1>', 'a "quoted" key'],
  ])

  it.each([
    ['<EMAIL_1>', 'ada@example.com'],
    ['<email_1>', 'ada@example.com'],
    ['< EMAIL_1 >', 'ada@example.com'],
    ['<EMAIL 1>', 'ada@example.com'],
    ['EMAIL_1.', 'ada@example.com.'],
    ['<EMAIL_10>', 'bob@example.com'],
    ['EMAIL_100', 'EMAIL_100'],
    ['MY_EMAIL_1', 'MY_EMAIL_1'],
    ['<EMAIL_2>', '<EMAIL_2>'],
  ])('turns %j into %j', (text, expected) => {
    expect(restoreText(text, vault)).toBe(expected)
  })

  it('keeps JSON valid, also the JSON inside tool-call arguments', () => {
    const json = JSON.stringify({
      content: 'key <API_KEY_1>',
      tool_calls: [{ function: { arguments: '{"key":"<API_KEY_1>"}' } }],
    })
    const restored = JSON.parse(restoreJson(json, vault)) as {
      content: string
      tool_calls: { function: { arguments: string } }[]
    }
    expect(restored.content).toBe('key a "quoted" key')
    expect(JSON.parse(restored.tool_calls[0]?.function.arguments ?? '')).toEqual({ key: 'a "quoted" key' })
  })

  it('gives the same text from a stream however it is split', () => {
    const piece = fc.constantFrom(
      '<EMAIL_1>',
      '<email_10>',
      ' EMAIL_1 ',
      'EMAIL',
      '<',
      '>',
      '_1',
      ' ',
      'a',
      '1',
      'API_KEY_1',
      '< EMAIL 1 >',
      'EM',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), fc.array(fc.nat(8), { maxLength: 20 }), (pieces, cuts) => {
        const text = pieces.join('')
        const chunks = split(text, cuts)
        expect(streamed(chunks, vault)).toBe(restoreText(text, vault))
      }),
      { numRuns: 1000 },
    )
  })

  it('holds back no more than the longest placeholder', () => {
    const restorer = new ChunkRestorer(vault)
    const out = contentOf(restorer.restore(chunk('x < y and then a long text without any bracket that closes', null)))
    expect(out.length).toBeGreaterThan(20)
  })
})

function split(text: string, cuts: readonly number[]): string[] {
  const parts: string[] = []
  let rest = text
  for (const cut of cuts) {
    parts.push(rest.slice(0, cut))
    rest = rest.slice(cut)
  }
  return [...parts, rest]
}

function chunk(content: string, finish: string | null): string {
  return JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })
}

function contentOf(json: string): string {
  return (JSON.parse(json) as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ?? ''
}

function streamed(chunks: readonly string[], vault: ReadonlyMap<string, string>): string {
  const restorer = new ChunkRestorer(vault)
  const texts = chunks.map((content) => contentOf(restorer.restore(chunk(content, null))))
  const last = restorer.restore(JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }))
  return texts.join('') + contentOf(last)
}
