import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { detectNamed } from '../../src/core/pii/detect.ts'
import { Masker } from '../../src/core/pii/mask.ts'
import type { Finding } from '../../src/core/pii/recognizer.ts'
import { restoreText } from '../../src/core/pii/restore.ts'

const values = [
  'ada.lovelace@example.com',
  '4111 1111 1111 1111',
  'DE89 3704 0044 0532 0130 00',
  '203.0.113.77',
  '+49 30 901820',
  `ghp_${'a1B2c3D4'.repeat(5).slice(0, 36)}`,
  '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----',
]
const words = [
  ...['hello', 'EMAIL', '<', '>', '_1', '1', 'PHONE 1', '\n', '"', '\\', '\\u003c', '&lt;', 'EMAIL_', '-', '_', '/>'],
  ...['\\<', '\\>', '\\_', '＜', '＞', '〈', '**', '&gt;', '\\u0026lt;', 'C:\\Users\\'],
]
const literals = [
  ...['<EMAIL_1>', 'EMAIL_2', '< phone 1 >', '<IBAN_1', 'SECRET_1', 'ip-1', '<CREDIT_CARD_10>', '<EMAIL>', '<IP >'],
  ...['\\<EMAIL\\_1\\>', '&lt;IP&gt;', '＜CREDIT_CARD＞', '<CREDIT CARD/>', '\\u003cPHONE\\u003e'],
]

function mask(masker: Masker, text: string, name = ''): string {
  return masker.mask(text, detectNamed(name, text))
}

function finding(text: string, value: string, entity: Finding['entity']): Finding {
  const start = text.indexOf(value)
  return { start, end: start + value.length, entity, score: 1 }
}

describe('a masker', () => {
  it('gives one value one placeholder and two values two, across texts', () => {
    const masker = new Masker()
    expect(mask(masker, 'a@example.com b@example.com')).toBe('<EMAIL_1> <EMAIL_2>')
    expect(mask(masker, 'again a@example.com')).toBe('again <EMAIL_1>')
    expect(masker.vault).toEqual(
      new Map([
        ['<EMAIL_1>', 'a@example.com'],
        ['<EMAIL_2>', 'b@example.com'],
      ]),
    )
  })

  it('counts places, not values', () => {
    const masker = new Masker()
    mask(masker, 'a@example.com b@example.com 10.0.0.7')
    mask(masker, 'a@example.com')
    expect(masker.counts).toEqual({ EMAIL: 3, IP: 1 })
  })

  it('gives a value one placeholder even where it is found as something else', () => {
    const masker = new Masker()
    mask(masker, '4111111111111111')
    expect(mask(masker, '4111111111111111', 'phone')).toBe('<CREDIT_CARD_1>')
  })

  it('leaves a text without findings as it is', () => {
    const masker = new Masker()
    expect(mask(masker, 'nothing to see in 3000 ms')).toBe('nothing to see in 3000 ms')
    expect(masker.vault.size).toBe(0)
  })

  it('writes no brackets where none are allowed', () => {
    expect(new Masker().mask('ada@example.com', detectNamed('', 'ada@example.com'), 'word')).toBe('EMAIL_1')
  })

  it('never gives out a placeholder that stands in its source or in the text', () => {
    const masker = new Masker()
    masker.reserve('what is <EMAIL_1>')
    expect(mask(masker, 'email 2 and email-3 and EMAIL_4 for a@example.com')).toContain('<EMAIL_5>')
  })

  it('masks a word that was given out as a placeholder before the word was seen', () => {
    const masker = new Masker()
    const texts = ['a@example.com', 'the word <EMAIL_1> by itself']
    const masked = texts.map((text) => mask(masker, text))
    expect(masked).toEqual(['<EMAIL_1>', 'the word <<EMAIL_2>> by itself'])
    expect(masked.map((text) => restoreText(text, masker.vault))).toEqual(texts)
  })

  it('is undone by restoring, whatever else stands in the texts of the job', () => {
    const piece = fc.constantFrom(...values, ...words, ...literals)
    const text = fc
      .tuple(fc.array(piece, { maxLength: 10 }), fc.constantFrom('', ' '))
      .map(([list, by]) => list.join(by))
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (texts) => {
        const masker = new Masker()
        const masked = texts.map((original) => mask(masker, original))
        expect(masked.map((one) => restoreText(one, masker.vault))).toEqual(texts)
      }),
      { numRuns: 1000 },
    )
  })

  it('puts no placeholder into a text that the text had already', () => {
    const piece = fc.constantFrom(...values, ...words, ...literals)
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const source = pieces.join(' ')
        const masker = new Masker()
        mask(masker, source)
        for (const placeholder of masker.vault.keys()) expect(source).not.toContain(placeholder.slice(1, -1))
      }),
      { numRuns: 500 },
    )
  })

  it('does what the operator of an entity says', () => {
    const operators = { EMAIL: 'mask', IP: 'redact', PHONE: 'hash', DATE: 'keep', SSN: 'block' } as const
    const masker = new Masker({
      operatorOf: (entity) => operators[entity as keyof typeof operators] ?? 'mask',
      hashOf: (entity, value) => `${entity.length}${value.length}`,
    })
    const text = 'a@b.example 10.0.0.1 555-0100 May 1 123-45-6789'
    const found = [
      finding(text, 'a@b.example', 'EMAIL'),
      finding(text, '10.0.0.1', 'IP'),
      finding(text, '555-0100', 'PHONE'),
      finding(text, 'May 1', 'DATE'),
      finding(text, '123-45-6789', 'SSN'),
    ]
    expect(masker.mask(text, found)).toBe('<EMAIL_1> <IP> <PHONE_h58> May 1 <SSN>')
    expect(masker.vault).toEqual(new Map([['<EMAIL_1>', 'a@b.example']]))
    expect(masker.counts).toEqual({ EMAIL: 1, IP: 1, PHONE: 1, SSN: 1 })
    expect(masker.blocked).toEqual(new Set(['SSN']))
  })

  it('writes redacted and hashed values so that restoring leaves them', () => {
    const masker = new Masker({
      operatorOf: (entity) => (entity === 'EMAIL' ? 'mask' : entity === 'IP' ? 'redact' : 'hash'),
      hashOf: () => '1',
    })
    const text = 'a@b.example 10.0.0.1 555-0100'
    const found = [
      finding(text, 'a@b.example', 'EMAIL'),
      finding(text, '10.0.0.1', 'IP'),
      finding(text, '555-0100', 'PHONE'),
    ]
    const masked = masker.mask(text, found)
    expect(restoreText(masked, masker.vault)).toBe('a@b.example <IP> <PHONE_h1>')
    expect(restoreText(masked.toLowerCase(), masker.vault)).toBe('a@b.example <ip> <phone_h1>')
  })

  it('gives no first placeholder where the input names the entity by itself: it would be taken for it', () => {
    const masker = new Masker()
    const text = 'write <EMAIL> and a@example.com'
    const masked = mask(masker, text)
    expect(masked).toBe('write <EMAIL> and <EMAIL_2>')
    expect(restoreText(masked, masker.vault)).toBe(text)
  })
})
