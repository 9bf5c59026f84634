/**
 * Cuts a stream of bytes into chunks of whole lines, holding one chunk in memory at a time. Put together, the chunks are
 * the stream: none of its bytes is lost, doubled or changed.
 *
 * A chunk that an earlier run has done (`held`) keeps the borders that it had then, so that a file that has grown since,
 * or another chunk size, changes nothing about what is done.
 */
import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'

/** A stretch of a file that has its result already. */
export interface HeldStretch {
  readonly offset: number
  readonly bytes: number
  readonly sha256: string
}

export interface Chunk {
  readonly file: string
  /** Place of the first byte in the file. */
  readonly offset: number
  readonly bytes: number
  /** Number of its first line in the file, from 1. */
  readonly firstLine: number
  /** Line ends in it, and one more for a last line of the file that has none: over a file this adds up to its lines. */
  readonly lines: number
  /** Hexadecimal, of the bytes. */
  readonly sha256: string
  /** Set for a chunk that needs nothing done; its text is empty. */
  readonly isHeld: boolean
  readonly text: string
  /** Its last line goes on in the next chunk: the line is longer than a chunk may be. */
  readonly splitsLine: boolean
  /** Sequences that are no UTF-8 and stand as U+FFFD in the text. */
  readonly replaced: number
}

/** The file is not what it was when the earlier results were made. */
export class ChangedInputError extends Error {
  override readonly name = 'ChangedInputError'
  readonly file: string
  readonly offset: number

  constructor(file: string, offset: number) {
    super(`${file} has changed since: its content from byte ${offset} on is not what the earlier results were made of`)
    this.file = file
    this.offset = offset
  }
}

const lineEnd = 0x0a

/**
 * @param source.held stretches without overlap, in the order of their offsets.
 * @param maxBytes at least 4, the longest UTF-8 character.
 * @throws ChangedInputError where a held stretch has other bytes than it had, besides what `source.bytes` throws.
 */
export async function* cutChunks(
  source: { file: string; bytes: AsyncIterable<Buffer>; held?: readonly HeldStretch[] },
  maxBytes: number,
): AsyncGenerator<Chunk, void, undefined> {
  const held = source.held ?? []
  let nextHeld = 0
  let offset = 0
  let lineEnds = 0
  let buffer: Buffer = Buffer.alloc(0)

  function* cut(isEnd: boolean): Generator<Chunk> {
    while (buffer.length > 0) {
      const stretch = held[nextHeld]
      const isHeld = stretch?.offset === offset
      const limit = isHeld ? stretch.bytes : Math.min(maxBytes, (stretch?.offset ?? Infinity) - offset)
      // Whether a character ends at the limit is known when the byte after it is there.
      if (!isEnd && buffer.length < (isHeld ? limit : limit + 1)) return
      if (isHeld && buffer.length < limit) throw new ChangedInputError(source.file, offset)
      const isLast = isEnd && buffer.length <= limit
      // A held stretch begins where a line began, unless its file was written anew.
      const length = isHeld || isLast ? Math.min(limit, buffer.length) : findCut(buffer, limit)
      const piece = buffer.subarray(0, length)
      const chunk = describe({ file: source.file, offset, firstLine: lineEnds + 1 }, piece, { isLast, isHeld })
      if (isHeld && chunk.sha256 !== stretch.sha256) throw new ChangedInputError(source.file, offset)
      if (isHeld) nextHeld += 1
      buffer = buffer.subarray(length)
      offset += length
      lineEnds += countLineEnds(piece)
      yield chunk
    }
  }

  for await (const piece of source.bytes) {
    buffer = buffer.length === 0 ? piece : Buffer.concat([buffer, piece])
    yield* cut(false)
  }
  yield* cut(true)
  const missing = held[nextHeld]
  if (missing) throw new ChangedInputError(source.file, missing.offset)
}

/** After the last line end within `limit` bytes, or inside a longer line where a character ends. */
function findCut(buffer: Buffer, limit: number): number {
  const afterLine = buffer.lastIndexOf(lineEnd, limit - 1) + 1
  if (afterLine > 0) return afterLine
  let cut = limit
  // 10xxxxxx continues a character; more than three of them in a row are no UTF-8 and may be cut anywhere.
  while (cut > limit - 4 && cut > 1 && isContinuation(buffer[cut])) cut -= 1
  return isContinuation(buffer[cut]) ? limit : cut
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}

function describe(
  place: Pick<Chunk, 'file' | 'offset' | 'firstLine'>,
  piece: Buffer,
  { isLast, isHeld }: { isLast: boolean; isHeld: boolean },
): Chunk {
  const endsLine = piece.at(-1) === lineEnd
  const text = isHeld ? '' : piece.toString('utf8')
  return {
    ...place,
    bytes: piece.length,
    lines: countLineEnds(piece) + (isLast && !endsLine ? 1 : 0),
    sha256: createHash('sha256').update(piece).digest('hex'),
    isHeld,
    text,
    splitsLine: !isLast && !endsLine,
    replaced: isHeld || isUtf8(piece) ? 0 : countReplaced(piece, text),
  }
}

function countLineEnds(piece: Buffer): number {
  let count = 0
  for (let at = piece.indexOf(lineEnd); at !== -1; at = piece.indexOf(lineEnd, at + 1)) count += 1
  return count
}

/** Replacement characters in the text that the bytes did not have. */
function countReplaced(piece: Buffer, text: string): number {
  const written = Buffer.from('\uFFFD')
  let count = text.split('\uFFFD').length - 1
  for (let at = piece.indexOf(written); at !== -1; at = piece.indexOf(written, at + 3)) count -= 1
  return count
}
