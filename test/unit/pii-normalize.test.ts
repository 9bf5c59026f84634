import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { detect } from '../../src/core/pii/detect.ts'
import { type Edit, Layer } from '../../src/core/pii/layers.ts'
import { normalize, toOriginal } from '../../src/core/pii/normalize.ts'

const mail = 'ada@example.com'

function read(text: string): string {
  return normalize(text).scan.text
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** What is found, as it stands in the text. */
function found(text: string): string[] {
  return detect(text).map(({ entity, start, end }) => `${entity} ${text.slice(start, end)}`)
}

describe('what a text is read as', () => {
  it.each([
    ['full-width forms', 'ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ', mail],
    ['mathematical letters', '𝓪𝐝𝒶@𝚎𝘅𝔞mple.com', mail],
    ['letters in circles', 'ⓐⓓⓐ@example.com', mail],
    ['digits of other scripts', '٤١٥ ४१५ ๔๑๕', '415 415 415'],
    ['zero-width signs', 'a\u200bd\u2060a@exam\u00adple.com', mail],
    ['direction marks', '\u202eada\u202c@example.com', mail],
    ['variation selectors and tags', 'a\ufe0fda\u{e0041}@example.com', mail],
    ['blanks of typesetters', '4111\u00a01111\u20091111\u202f1111', '4111 1111 1111 1111'],
    ['dashes of typesetters', '415\u2013555\u20112671', '415-555-2671'],
    ['Cyrillic letters in a Latin word', 'Аmаnda Rаmirez', 'Amanda Ramirez'],
    ['Greek letters in an address', 'αda@eχample.com', mail],
    ['a Cyrillic label in a Latin address', 'асе@example.com', 'ace@example.com'],
    ['accents that stand apart', 'Jose\u0301', 'José'],
    ['percent escapes', 'ada%40ex%61mple.com', mail],
    ['percent escapes of other letters', 'M%C3%BCller', 'Müller'],
    ['percent escapes of escapes', 'ada%2540example.com', mail],
    ['JavaScript escapes', 'ada\\u0040example\\x2ecom', mail],
    ['JSON in JSON', '{\\"a\\":\\"b\\",\\n\\\\"c', '{"a":"b",\n"c'],
    ['HTML by number', 'ada&#64;example&#x2e;com', mail],
    ['HTML by name', 'ada&commat;example&period;com', mail],
    ['HTML in HTML', 'ada&amp;#64;example.com', mail],
    ['spelled-out signs', 'ada at example dot com', mail],
    ['spelled-out signs in brackets', 'ada (at) mail [dot] example {dot} com', 'ada@mail.example.com'],
    ['spelled-out signs in Spanish', 'ada arroba example punto com', mail],
    ['a spelled-out dot alone', 'ada@example dot com', mail],
    ['a spelled-out dot before', 'ada dot l at example dot com', 'ada.l@example.com'],
    ['digits that a scanner misread', 'S98-24-39l2', '598-24-3912'],
  ])('undoes %s', (_trick, text, expected) => {
    expect(read(text)).toBe(expected)
  })

  it.each([
    ['text without anything odd', 'look at the dot com years, at noon'],
    ['words of another script', 'Привет, мир'],
    ['units and formulas', '5 μm, Δt = 3 s, m² and ½'],
    ['accented letters', 'José Müller'],
    ['a thought between long dashes', 'he came\u2014at last\u2014home'],
    ['paths of Windows', 'C:\\new\\temp CORP\\nancy'],
    ['percentages', '100% of 25%, 5%ish'],
    ['an escape that is no letter', '%ff%fe &nosuch; \\uzzzz %00'],
    ['version numbers and codes', 'S3-bucket B2B A1-22-3333 v1.2'],
  ])('leaves alone %s', (_kind, text) => {
    const { scan, layers } = normalize(text)
    expect(scan.text).toBe(text)
    expect(layers).toEqual([])
  })
})

describe('the way back', () => {
  it.each([
    ['an address in escapes', 'see ada%40example%2ecom!', 'EMAIL ada%40example%2ecom'],
    ['an address after signs that take two units', '😀😀 ada@example.com', 'EMAIL ada@example.com'],
    ['an address of such signs', 'x 𝒶𝒹𝒶@example.com y', 'EMAIL 𝒶𝒹𝒶@example.com'],
    ['the marks around a value', 'by \u202eada@example.com\u202c now', 'EMAIL \u202eada@example.com\u202c'],
    ['a spelled-out address', 'write to ada at example dot com now', 'EMAIL ada at example dot com'],
    [
      'a text in base64',
      `body: ${base64(`please write to ${mail} soon`)}.`,
      `EMAIL ${base64(`please write to ${mail} soon`)}`,
    ],
    [
      'base64 in base64',
      base64(base64(`please write to ${mail}`)),
      `EMAIL ${base64(base64(`please write to ${mail}`))}`,
    ],
  ])('leads to %s', (_what, text, expected) => {
    expect(found(text)).toEqual([expected])
  })

  it('takes base64 in lines of 76 signs for one text', () => {
    const lines =
      base64(`${'nothing to see here. '.repeat(8)}${mail} ${'nor here. '.repeat(9)}`).match(/.{1,76}/g) ?? []
    expect(lines.length).toBeGreaterThan(3)
    expect(found(`${lines.join('\r\n')}\r\n`)).toEqual([`EMAIL ${lines.join('\r\n')}`])
  })

  it('does not take words, paths and ids for base64', () => {
    const text = `/usr/share/documentation/internationalization ${'0123456789abcdef'.repeat(2)} someVeryLongIdentifierName`
    expect(found(`${text}\n`)).toEqual([])
  })

  it('does not give the tail of an escaped secret away', () => {
    const text = 'https://app:correct%20horse%20battery@db.example.com/'
    expect(found(text).join()).toContain('correct%20horse%20battery')
  })

  it('keeps every finding within the text, in order, whatever stands in it', () => {
    const odd = fc.constantFrom(
      ...[
        '\u200b',
        '\u202e',
        'ａ',
        '𝟒',
        '😀',
        'e\u0301',
        '%40',
        '%25',
        '\\u0040',
        '&#64;',
        'а',
        '٣',
        '\u2013',
        ' at ',
        ' dot ',
      ],
      ...['ada', '@', 'example', '.com', '4111 1111 1111 1111', '+49 30 901820', ' ', '\n', '\ud83d', '(at)', '1', '-'],
    )
    fc.assert(
      fc.property(fc.array(odd, { maxLength: 25 }), (pieces) => {
        const text = pieces.join('')
        let end = 0
        for (const finding of detect(text)) {
          expect(finding.start).toBeGreaterThanOrEqual(end)
          expect(finding.end).toBeGreaterThan(finding.start)
          end = finding.end
        }
        expect(end).toBeLessThanOrEqual(text.length)
      }),
      { numRuns: 2000 },
    )
  })

  it('finds an address at its very place, however its signs are dressed and wherever it stands', () => {
    const dress = fc.constantFrom<(sign: string) => string>(
      (sign) => sign,
      (sign) => `%${sign.charCodeAt(0).toString(16)}`,
      (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`,
      (sign) => `&#${sign.charCodeAt(0)};`,
      (sign) => `\u200b${sign}`,
      (sign) => String.fromCharCode(sign.charCodeAt(0) - 0x21 + 0xff01),
    )
    const around = fc.array(fc.constantFrom('word ', '😀 ', 'é ', '%20', '٣ ', '\n'), { maxLength: 5 })
    fc.assert(
      fc.property(
        fc.array(dress, { minLength: mail.length, maxLength: mail.length }),
        around,
        around,
        (dresses, before, after) => {
          const dressed = [...mail].map((sign, index) => dresses[index]?.(sign) ?? sign).join('')
          const text = `${before.join('')} ${dressed} ${after.join('')}`
          const finding = detect(text).find(({ entity }) => entity === 'EMAIL')
          expect(text.slice(finding?.start, finding?.end)).toBe(dressed)
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('a layer', () => {
  const edit = fc.record({
    gap: fc.nat(4),
    length: fc.integer({ min: 1, max: 4 }),
    text: fc.constantFrom('', 'x', 'xy'),
  })

  it('leads a stretch without edits back to the same letters', () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 8 }), fc.nat(40), fc.nat(40), (steps, left, right) => {
        const original = Array.from({ length: 80 }, (_, index) => String.fromCharCode(0x100 + index)).join('')
        const edits: Edit[] = []
        let at = 0
        for (const { gap, length, text } of steps) {
          edits.push({ start: at + gap, end: at + gap + length, text })
          at += gap + length
        }
        const layer = new Layer(original, edits)
        const start = Math.min(left, right, layer.text.length - 1)
        const end = Math.max(start + 1, Math.min(Math.max(left, right), layer.text.length))
        const stretch = layer.toOriginal({ start, end })
        const kept = (text: string) => [...text].filter((sign) => sign !== 'x' && sign !== 'y').join('')
        const within = original.slice(stretch.start, stretch.end)
        const edited = new Set(edits.flatMap((each) => [...original.slice(each.start, each.end)]))
        expect([...within].filter((sign) => !edited.has(sign)).join('')).toBe(kept(layer.text.slice(start, end)))
      }),
      { numRuns: 2000 },
    )
  })

  it('gives neighbours no sign twice', () => {
    const original = 'a\u200bb'
    const { layers } = normalize(original)
    const findings = [
      { start: 0, end: 1, entity: 'EMAIL', score: 1 },
      { start: 1, end: 2, entity: 'PHONE', score: 1 },
    ] as const
    const mapped = toOriginal(original, layers, findings)
    expect(mapped.map(({ start, end }) => [start, end])).toEqual([
      [0, 2],
      [2, 3],
    ])
  })
})
