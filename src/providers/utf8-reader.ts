import { isUtf8 } from 'node:buffer'

const newline = 0x0a
const nothing = Buffer.alloc(0)

/**
 * Turns bytes that come in pieces into text, characters split between two pieces put together. Bytes that are no UTF-8
 * are noticed, not replaced: a sign that stands in for lost bytes would pass for the upstream's own.
 */
export class Utf8Reader {
  /** Something came that is no UTF-8; nothing after it can be read. */
  isBroken = false
  #rest: Buffer = nothing

  /** The bytes so far end inside a character. */
  get isInsideCharacter(): boolean {
    return this.#rest.length > 0
  }

  /** The text of all characters that are whole now; before bytes that are no UTF-8, all whole lines. */
  take(piece: Buffer): string {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    const unfinished = unfinishedBytes(bytes)
    const end = bytes.length - unfinished
    // Pieces mostly end with a line; a view of the same bytes would be made for each.
    const whole = unfinished === 0 ? bytes : bytes.subarray(0, end)
    this.#rest = unfinished === 0 ? nothing : bytes.subarray(end)
    if (isUtf8(whole)) return whole.toString('utf8')
    this.isBroken = true
    return validLines(whole)
  }
}

/** How many bytes at the end begin a character without finishing it: 3 at most. */
function unfinishedBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return back < lengthOf(byte) ? back : 0
  }
  return 0
}

/** How many bytes a character has that begins with this one. */
function lengthOf(first: number): number {
  if (first >= 0xf0) return 4
  return first >= 0xe0 ? 3 : 2
}

function validLines(bytes: Buffer): string {
  let valid = 0
  for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, end + 1)) {
    if (!isUtf8(bytes.subarray(valid, end + 1))) break
    valid = end + 1
  }
  return bytes.toString('utf8', 0, valid)
}
