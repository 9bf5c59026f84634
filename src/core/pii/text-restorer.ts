import { encodeInJson } from './json-literals.ts'
import { type PlaceholderReader, placeholderStart } from './placeholders.ts'

/**
 * Puts originals back into a text that comes in pieces. Joined, the output is the same however the text is cut: what may
 * be the start of a placeholder is held back, never more than the longest spelling of one.
 */
export class TextRestorer {
  readonly #reader: PlaceholderReader
  readonly #encode: (original: string) => string
  #held = ''
  /** The sign in front of what is held, `''` where a word cannot go on. */
  #before = ''

  /** `encode` writes an original as the text around it needs it; `encodeInJson` says that the text is JSON. */
  constructor(reader: PlaceholderReader, encode: (original: string) => string) {
    this.#reader = reader
    this.#encode = encode
  }

  get isHolding(): boolean {
    return this.#held !== ''
  }

  push(piece: string): string {
    const text = this.#held + piece
    return this.#restore(text, text)
  }

  /** What was held back; the next piece starts a new text. */
  end(): string {
    // A line end stands in for what never came: it leaves no placeholder open.
    const rest = this.#restore(this.#held, `${this.#held}\n`)
    this.#before = ''
    return rest
  }

  /** `source` is what is read, `text` what is written. */
  #restore(text: string, source: string): string {
    let restored = ''
    let from = 0
    let done = 0
    for (let at = nextStart(text, 0); at < text.length; at = nextStart(text, done)) {
      const before = at === done ? this.#before : (text[at - 1] ?? '')
      const reading = this.#reader.read(source, at, before)
      if (reading === 'open') return this.#hold(text, at, before, restored + text.slice(from, at))
      if (reading) {
        restored += text.slice(from, at) + this.#encode(reading.original)
        done = reading.end
        from = done
        this.#before = text[done - 1] ?? ''
      } else {
        done = at + this.#unitLength(text, at)
        this.#before = this.#endsWord(text, at) ? '' : (text[at] ?? '')
      }
    }
    return this.#hold(
      text,
      text.length,
      text.length === done ? this.#before : (text.at(-1) ?? ''),
      restored + text.slice(from),
    )
  }

  #hold(text: string, at: number, before: string, restored: string): string {
    this.#held = text.slice(at)
    this.#before = before
    return restored
  }

  /** In JSON a backslash and the sign after it are one: the sign is not the start of anything. */
  #unitLength(text: string, at: number): number {
    return this.#isEscape(text, at) ? 2 : 1
  }

  #endsWord(text: string, at: number): boolean {
    return this.#isEscape(text, at) && text[at + 1] !== 'u'
  }

  #isEscape(text: string, at: number): boolean {
    return this.#encode === encodeInJson && text[at] === '\\'
  }
}

function nextStart(text: string, from: number): number {
  placeholderStart.lastIndex = from
  return placeholderStart.exec(text)?.index ?? text.length
}
