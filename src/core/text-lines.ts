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

/** How lines are cut: how long one may be, and where the content begins in the whole text. */
interface LineOptions {
  readonly maxBytes: number
  readonly from?: { readonly offset: number; readonly line: number }
}

/**
 * Cuts content into lines, with no more than one line in memory, and no more of it than is allowed. `from` says where
 * the content begins in the whole text. A last line needs no end; an empty one is none.
 */
export async function* splitLines(content: AsyncIterable<Buffer>, options: LineOptions): AsyncGenerator<TextLine> {
  for await (const lines of splitPieces(content, options)) yield* lines
}

/**
 * The same for whoever must not wait for more: the lines that each piece of the content has made whole, as soon as it is
 * there. Content that breaks off throws before its last line.
 */
export async function* splitPieces(
  content: AsyncIterable<Buffer>,
  options: LineOptions,
): AsyncGenerator<readonly TextLine[]> {
  const open = new OpenLine(options)
  for await (const piece of content) {
    const lines: TextLine[] = []
    let start = 0
    for (let end = piece.indexOf(lineFeed); end >= 0; end = piece.indexOf(lineFeed, start)) {
      open.add(piece.subarray(start, end))
      lines.push(open.close(1))
      start = end + 1
    }
    open.add(piece.subarray(start))
    if (lines.length > 0) yield lines
  }
  if (!open.isEmpty) yield [open.close(0)]
}

/** A line whose end has not come yet. */
class OpenLine {
  readonly #maxBytes: number
  #number: number
  #offset: number
  #pieces: Buffer[] = []
  #length = 0

  constructor({ maxBytes, from = { offset: 0, line: 0 } }: LineOptions) {
    this.#maxBytes = maxBytes
    this.#number = from.line
    this.#offset = from.offset
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  add(piece: Buffer): void {
    this.#length += piece.length
    // What is too long is refused whatever is in it.
    if (this.#length > this.#maxBytes) this.#pieces = []
    else if (piece.length > 0) this.#pieces.push(piece)
  }

  /** The line, whose end took so many bytes. The next one begins. */
  close(endBytes: number): TextLine {
    const [offset, length] = [this.#offset, this.#length]
    const bytes = length > this.#maxBytes ? null : joined(this.#pieces)
    this.#number += 1
    this.#offset += length + endBytes
    this.#pieces = []
    this.#length = 0
    return { number: this.#number, offset, length, next: this.#offset, bytes }
  }
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
