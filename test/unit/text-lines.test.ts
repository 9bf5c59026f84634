import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBlank, splitLines } from '../../src/core/text-lines.ts'

async function* pieces(text: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const places = [
    0,
    ...[...cuts].map((cut) => cut % (text.length + 1)).sort((left, right) => left - right),
    text.length,
  ]
  for (const [index, start] of places.slice(0, -1).entries()) yield text.subarray(start, places[index + 1])
}

const split = (text: Buffer, cuts: readonly number[], options: Parameters<typeof splitLines>[1]) =>
  Array.fromAsync(splitLines(pieces(text, cuts), options))

describe('lines', () => {
  it('are the same wherever the content is cut, and each can be found by its offset', async () => {
    const texts = fc.array(
      fc.string({ maxLength: 20 }).map((line) => line.replaceAll('\n', '')),
      { maxLength: 30 },
    )
    await fc.assert(
      fc.asyncProperty(texts, fc.boolean(), fc.array(fc.nat(400), { maxLength: 12 }), async (lines, isEnded, cuts) => {
        const text = Buffer.from(lines.join('\n') + (isEnded && lines.length > 0 ? '\n' : ''))
        const found = await split(text, cuts, { maxBytes: 1_000 })
        const expected = text.toString().split('\n')
        if (expected.at(-1) === '') expected.pop()
        expect(found.map(({ bytes }) => bytes?.toString())).toEqual(expected)
        for (const [index, { number, offset, length, bytes, next }] of found.entries()) {
          expect(number).toBe(index + 1)
          expect(text.subarray(offset, offset + length).equals(bytes ?? Buffer.alloc(0))).toBe(true)
          expect(next).toBe(found[index + 1]?.offset ?? text.length)
        }
      }),
    )
  })

  it('go on where they were left', async () => {
    const text = Buffer.from('one\ntwo\n\nfour')
    const [, second] = await split(text, [], { maxBytes: 10 })
    const from = { offset: second?.next ?? 0, line: second?.number ?? 0 }
    const rest = await split(text.subarray(from.offset), [], { maxBytes: 10, from })
    expect(rest.map(({ number, bytes }) => [number, bytes?.toString()])).toEqual([
      [3, ''],
      [4, 'four'],
    ])
    expect(rest.map(isBlank)).toEqual([true, false])
  })

  it('that are too long are passed over, and the next one is whole', async () => {
    const text = Buffer.from(`${'x'.repeat(100)}\nshort\n`)
    const [long, short] = await split(text, [30, 60], { maxBytes: 50 })
    expect(long).toMatchObject({ number: 1, bytes: null, length: 100, next: 101 })
    expect(short?.bytes?.toString()).toBe('short')
  })
})
