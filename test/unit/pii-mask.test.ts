import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Masker } from '../../src/core/pii/mask.ts'
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
const words = ['hello', 'EMAIL', '<', '>', '_1', '1', 'PHONE 1', '\n', '"', '\\', '\\u003c', '&lt;', 'EMAIL_', '-', '_']
const literals = ['<EMAIL_1>', 'EMAIL_2', '< phone 1 >', '<IBAN_1', 'SECRET_1', 'ip-1', '<CREDIT_CARD_10>']

describe('a masker', () => {
  it('gives one value one placeholder and two values two, across texts', () => {
    const masker = new Masker()
    expect(masker.maskText('a@example.com b@example.com')).toBe('<EMAIL_1> <EMAIL_2>')
    expect(masker.maskText('again a@example.com')).toBe('again <EMAIL_1>')
    expect(masker.vault).toEqual(
      new Map([
        ['<EMAIL_1>', 'a@example.com'],
        ['<EMAIL_2>', 'b@example.com'],
      ]),
    )
  })

  it('counts places, not values', () => {
    const masker = new Masker()
    masker.maskText('a@example.com b@example.com 10.0.0.7')
    masker.maskText('a@example.com')
    expect(masker.counts).toEqual({ EMAIL: 3, IP: 1 })
  })

  it('gives a value one placeholder even where it is found as something else', () => {
    const masker = new Masker()
    masker.maskText('4111111111111111')
    expect(masker.maskText('4111111111111111', 'phone')).toBe('<CREDIT_CARD_1>')
  })

  it('leaves a text without findings as it is', () => {
    const masker = new Masker()
    expect(masker.maskText('nothing to see in 3000 ms')).toBe('nothing to see in 3000 ms')
    expect(masker.vault.size).toBe(0)
  })

  it('writes no brackets where none are allowed', () => {
    expect(new Masker().maskWord('ada@example.com')).toBe('EMAIL_1')
  })

  it('never gives out a placeholder that stands in its source or in the text', () => {
    const masker = new Masker('what is <EMAIL_1>')
    expect(masker.maskText('email 2 and email-3 and EMAIL_4 for a@example.com')).toContain('<EMAIL_5>')
  })

  it('masks a word that was given out as a placeholder before the word was seen', () => {
    const masker = new Masker()
    const texts = ['a@example.com', 'the word <EMAIL_1> by itself']
    const masked = texts.map((text) => masker.maskText(text))
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
        const masked = texts.map((original) => masker.maskText(original))
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
        const masker = new Masker(source)
        masker.maskText(source)
        for (const placeholder of masker.vault.keys()) expect(source).not.toContain(placeholder.slice(1, -1))
      }),
      { numRuns: 500 },
    )
  })
})
