/** A line of a text in bytes, without its end. */
export interface TextLine {
  /** From 1, blank lines counted. */
  readonly number: number
  /** Of its first byte, from the beginning of the text. */
  readonly offset: number
  readonly length: number
  /** Where the next one begins. */
  readonly next: number
  /** Null for a line that is longer than allowed. */
  readonly bytes: Buffer | null
}

const lineFeed = 0x0a

/**
 * Cuts content into lines, with no more than one line in memory, and no more of it than is allowed. `from` says where
 * the content begins in the whole text. A last line needs no end; an empty one is none.
 */
export async function* splitLines(
  content: AsyncIterable<Buffer>,
  options: { maxBytes: number; from?: { offset: number; line: number } },
): AsyncGenerator<TextLine> {
  const { maxBytes, from = { offset: 0, line: 0 } } = options
  let { offset, line: number } = from
  let pieces: Buffer[] = []
  let length = 0
  const take = (piece: Buffer) => {
    length += piece.length
    if (length <= maxBytes) pieces.push(piece)
    else pieces = []
  }
  const finish = (endBytes: number): TextLine => {
    const bytes = length > maxBytes ? null : joined(pieces)
    number += 1
    const line = { number, offset, length, next: offset + length + endBytes, bytes }
    offset = line.next
    pieces = []
    length = 0
    return line
  }
  for await (const chunk of content) {
    let start = 0
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      take(chunk.subarray(start, end))
      yield finish(1)
      start = end + 1
    }
    if (start < chunk.length) take(chunk.subarray(start))
  }
  if (length > 0) yield finish(0)
}

/** Whether nothing but white space is in it. */
export function isBlank({ bytes }: TextLine): boolean {
  if (bytes === null) return false
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}

function joined(pieces: readonly Buffer[]): Buffer {
  const [only] = pieces
  return pieces.length === 1 && only ? only : Buffer.concat(pieces)
}
