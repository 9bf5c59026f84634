import { encodeInJson, isJson } from './json-literals.ts'
import { JsonPrefix } from './json-prefix.ts'
import { type PlaceholderReader, placeholderStart } from './placeholders.ts'

/** `arguments` are JSON by the protocol. An `answer` is taken for JSON as long as it reads like it; a `text` is none. */
export type TextKind = 'answer' | 'arguments' | 'text'

/**
 * Puts originals back into a text that comes in pieces. Joined, the output is the same however the text is cut: what may
 * be the start of a placeholder is held back, never more than the longest spelling of one.
 */
export class TextRestorer {
  readonly #reader: PlaceholderReader
  /** Null where the text is JSON by the protocol. */
  readonly #json: JsonPrefix | null
  #held = ''
  /** The sign in front of what is held, `''` where a word cannot go on. */
  #before = ''

  constructor(reader: PlaceholderReader, kind: TextKind) {
    this.#reader = reader
    this.#json = kind === 'arguments' ? null : new JsonPrefix()
    if (kind === 'text') this.#json?.reject()
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
      this.#json?.read(text, done, at)
      const before = at === done ? this.#before : (text[at - 1] ?? '')
      const reading = this.#reader.read(source, at, before)
      if (reading === 'open') return this.#hold(text, at, before, restored + text.slice(from, at))
      if (reading) {
        restored += text.slice(from, at) + this.#encode(reading.original)
        if (this.#json?.isInString === false) this.#json.reject()
        done = reading.end
        from = done
        this.#before = text[done - 1] ?? ''
      } else {
        // In JSON a backslash and the sign after it are one: the sign is not the start of anything.
        const isEscape = text[at] === '\\' && (this.#json?.isInString ?? true)
        done = at + (isEscape ? 2 : 1)
        this.#before = isEscape && text[at + 1] !== 'u' ? '' : (text[at] ?? '')
        this.#json?.read(text, at, done)
      }
    }
    this.#json?.read(text, done, text.length)
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

  #encode(original: string): string {
    if (!this.#json) return encodeInJson(original)
    return this.#json.isInString ? fitIntoJson(original) : original
  }
}

/**
 * An answer that is JSON stays JSON. An original that was itself taken from inside a JSON text has its escapes already;
 * one with a line end or a quote would end the string it stands in.
 */
function fitIntoJson(original: string): string {
  return isJson(`"${original}"`) ? original : encodeInJson(original)
}

function nextStart(text: string, from: number): number {
  placeholderStart.lastIndex = from
  return placeholderStart.exec(text)?.index ?? text.length
}
