/** Lines of a body that comes in pieces, never holding more than one that is not whole. */

export interface NdjsonLine {
  /** Counts every line, the empty ones too, from 1. */
  readonly number: number
  /** Null for a line that is longer than is allowed. */
  readonly bytes: Buffer | null
}

const newline = 0x0a

/**
 * The lines that came together, as soon as they are whole, so that a client may wait for what its last one comes to.
 * Lines without anything in them are left out. The last line needs no end; a body that breaks off throws before it.
 */
export async function* readNdjsonLines(
  source: AsyncIterable<Buffer>,
  maxLineBytes: number,
): AsyncGenerator<readonly NdjsonLine[]> {
  const line = new OpenLine(maxLineBytes)
  for await (const piece of source) {
    const lines: NdjsonLine[] = []
    let from = 0
    for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, from)) {
      line.add(piece.subarray(from, end))
      lines.push(...line.close())
      from = end + 1
    }
    line.add(piece.subarray(from))
    if (lines.length > 0) yield lines
  }
  const last = line.close()
  if (last.length > 0) yield last
}

/** A line whose end has not come yet. */
class OpenLine {
  readonly #maxBytes: number
  #pieces: Buffer[] = []
  #length = 0
  #number = 1

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  add(piece: Buffer): void {
    this.#length += piece.length
    // What is too long is refused whatever is in it.
    if (this.#length > this.#maxBytes) this.#pieces = []
    else if (piece.length > 0) this.#pieces.push(piece)
  }

  /** The line, if there is anything in it. The next one begins. */
  close(): NdjsonLine[] {
    const number = this.#number
    const isTooLong = this.#length > this.#maxBytes
    const bytes = isTooLong ? null : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#length = 0
    this.#number += 1
    return bytes && isBlank(bytes) ? [] : [{ number, bytes }]
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}
