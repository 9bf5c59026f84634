import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChangedInputError, type Chunk, cutChunks, type HeldStretch } from '../../src/cli/submit/chunk-cutter.ts'

/** The bytes in portions of the given sizes, over and over. */
async function* portions(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    yield bytes.subarray(at, at + size)
    at += size
  }
}

function cut(
  bytes: Buffer | string,
  options: { maxBytes: number; sizes?: readonly number[]; held?: readonly HeldStretch[] },
): Promise<Chunk[]> {
  const { maxBytes, sizes = [7], held = [] } = options
  return Array.fromAsync(cutChunks({ file: 'a.log', bytes: portions(Buffer.from(bytes), sizes), held }, maxBytes))
}

const lineOf = fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: 'grapheme', maxLength: 30 }))
const text = fc
  .array(lineOf, { maxLength: 40 })
  .chain((lines) => fc.constantFrom(lines.join('\n'), `${lines.join('\n')}\n`))
const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 4 })
const maxBytes = fc.integer({ min: 4, max: 60 })

describe('cutChunks', () => {
  it('gives chunks that together are the file, each at its offset and no longer than allowed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), sizes, maxBytes, async (raw, sizes, maxBytes) => {
        const bytes = Buffer.from(raw)
        let end = 0
        for (const chunk of await cut(bytes, { maxBytes, sizes })) {
          expect(chunk.offset).toBe(end)
          expect(chunk.bytes).toBeLessThanOrEqual(maxBytes)
          expect(chunk.text).toBe(bytes.subarray(end, end + chunk.bytes).toString())
          end += chunk.bytes
        }
        expect(end).toBe(bytes.length)
      }),
    )
  })

  it('cuts only after line ends, and inside a line only where it is longer than a chunk and a character ends', async () => {
    await fc.assert(
      fc.asyncProperty(text, sizes, maxBytes, async (text, sizes, maxBytes) => {
        const chunks = await cut(text, { maxBytes, sizes })
        expect(chunks.map((chunk) => chunk.text).join('')).toBe(text.toWellFormed())
        for (const chunk of chunks.slice(0, -1)) {
          expect(chunk.text.endsWith('\n')).toBe(!chunk.splitsLine)
          if (!chunk.splitsLine) continue
          expect(chunk.text).not.toContain('\n')
          // Nothing but the character that comes next could have made it longer.
          expect(chunk.bytes).toBeGreaterThan(maxBytes - 4)
        }
      }),
    )
  })

  it('counts the lines of a file as grep -c does, and knows where each chunk begins', async () => {
    await fc.assert(
      fc.asyncProperty(text, maxBytes, async (text, maxBytes) => {
        const chunks = await cut(text, { maxBytes })
        const lines = text.split('\n')
        const expected = lines.at(-1) === '' ? lines.length - 1 : lines.length
        expect(chunks.reduce((sum, chunk) => sum + chunk.lines, 0)).toBe(expected)
        for (const chunk of chunks) {
          const before = Buffer.from(text).subarray(0, chunk.offset).toString()
          expect(chunk.firstLine).toBe(before.split('\n').length)
        }
      }),
    )
  })

  it('does not depend on the portions in which a file is read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), sizes, maxBytes, async (raw, sizes, maxBytes) => {
        const bytes = Buffer.from(raw)
        expect(await cut(bytes, { maxBytes, sizes })).toEqual(await cut(bytes, { maxBytes, sizes: [1000] }))
      }),
    )
  })

  it('keeps the borders of what is held, whatever the chunk size is now, and cuts the gaps', async () => {
    await fc.assert(
      fc.asyncProperty(
        text,
        maxBytes,
        maxBytes,
        fc.array(fc.boolean(), { minLength: 1 }),
        async (text, before, now, coins) => {
          const earlier = await cut(text, { maxBytes: before })
          const held = earlier.filter((_, index) => coins[index % coins.length])
          const chunks = await cut(text, { maxBytes: now, held })
          expect(chunks.filter((chunk) => chunk.isHeld).map(({ offset, bytes }) => ({ offset, bytes }))).toEqual(
            held.map(({ offset, bytes }) => ({ offset, bytes })),
          )
          expect(chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)).toBe(Buffer.byteLength(text))
        },
      ),
    )
  })

  it('goes on behind what is held when the file has grown', async () => {
    const held = await cut('one\ntwo\n', { maxBytes: 8 })
    const chunks = await cut('one\ntwo\nthree\n', { maxBytes: 8, held })
    expect(chunks.map(({ isHeld, text, offset }) => [isHeld, text, offset])).toEqual([
      [true, '', 0],
      [false, 'three\n', 8],
    ])
  })

  it.each([
    ['other bytes', 'one\ntoo\nsix\n'],
    ['a shorter file', 'one\n'],
    ['no file', ''],
  ])('refuses to go on with %s in the place of what is held', async (_, now) => {
    const held = await cut('one\ntwo\nsix\n', { maxBytes: 8 })
    await expect(cut(now, { maxBytes: 8, held })).rejects.toThrow(ChangedInputError)
  })

  it('counts what it replaces, and not the replacement characters that a file has itself', async () => {
    const bytes = Buffer.concat([Buffer.from('a\uFFFDb\n'), Buffer.from([0xff, 0x0a, 0xc3, 0x28, 0x0a])])
    const [chunk] = await cut(bytes, { maxBytes: 100 })
    expect(chunk).toMatchObject({ replaced: 2, text: 'a\uFFFDb\n\uFFFD\n\uFFFD(\n' })
  })

  it('has nothing to say about an empty file', async () => {
    expect(await cut('', { maxBytes: 100 })).toEqual([])
  })
})
