import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DialectQuirks } from '../../src/core/dialect.ts'
import { adaptChatBody } from '../../src/providers/dialect-body.ts'
import { Utf8Reader } from '../../src/providers/utf8-reader.ts'

/** Everything that may be done to a body at once. */
const everyQuirk: DialectQuirks = {
  outputLimit: 'max_tokens',
  usualOutputTokens: 77,
  hasNoDeveloper: true,
  seed: 'random_seed',
  refusesNull: true,
  messages: 'strict',
  thoughts: 'none',
}
const special = ['max_tokens', 'max_completion_tokens', 'seed', 'random_seed', 'messages', 'tools']
const name = fc.oneof(fc.string(), fc.constantFrom('role', 'developer', 'a"b', 'c\\', 'x:y', ...special))
const bodies = fc
  .dictionary(name, fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true })
  .filter((body) => !Object.hasOwn(body, '__proto__'))

describe('a body for an upstream with quirks', () => {
  it('keeps every other field as it is, however it is called and written', () => {
    fc.assert(
      fc.property(bodies, fc.constantFrom(undefined, 1, '\t'), (body, space) => {
        const text = JSON.stringify(body, null, space)
        const adapted = JSON.parse(adaptChatBody(text, everyQuirk))
        const others = Object.entries(JSON.parse(text)).filter(
          ([key, value]) => !special.includes(key) && value !== null,
        )
        for (const [key, value] of others) expect(adapted[key]).toEqual(value)
        expect(adapted).toHaveProperty('max_tokens')
        expect(adapted).not.toHaveProperty('max_completion_tokens')
        const added = Object.keys(adapted).filter((key) => !(key in body))
        expect(added.filter((key) => key !== 'max_tokens' && key !== 'random_seed')).toEqual([])
      }),
    )
  })

  it('is the same text where an upstream has no quirks', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const text = JSON.stringify(body, null, 1)
        expect(adaptChatBody(text, {})).toBe(text)
      }),
    )
  })
})

describe('text that comes in pieces of bytes', () => {
  it('is the same wherever it is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(fc.nat(60)), (text, places) => {
        const bytes = Buffer.from(text)
        const reader = new Utf8Reader()
        let read = ''
        let from = 0
        for (const place of [...places.sort((left, right) => left - right), bytes.length]) {
          read += reader.take(bytes.subarray(from, place))
          from = Math.max(from, Math.min(place, bytes.length))
        }
        expect({ read, isBroken: reader.isBroken, isInside: reader.isInsideCharacter }).toEqual({
          read: bytes.toString(),
          isBroken: false,
          isInside: false,
        })
      }),
    )
  })

  it('is broken by any bytes that are no UTF-8, and by nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), fc.nat(12), (array, place) => {
        const bytes = Buffer.from(array)
        const reader = new Utf8Reader()
        reader.take(bytes.subarray(0, place))
        if (!reader.isBroken) reader.take(bytes.subarray(place))
        const isText = Buffer.from(bytes.toString()).equals(bytes)
        expect(reader.isBroken || reader.isInsideCharacter).toBe(!isText)
      }),
      { numRuns: 500 },
    )
  })
})
