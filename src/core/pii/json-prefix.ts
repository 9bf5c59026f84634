/**
 * Tells, while a text comes in pieces, whether all of it so far is JSON, and whether it stands inside a string of it. A
 * model that was asked for JSON may put a fence around it or write one document after the other.
 */
export class JsonPrefix {
  #state: 'before' | 'outside' | 'string' | 'escape' | 'no' = 'before'
  #depth = 0
  #fence = ''

  get isInString(): boolean {
    return this.#state === 'string' || this.#state === 'escape'
  }

  /** Whether a text is JSON from its first sign to its last, one document or more. */
  static covers(text: string): boolean {
    const prefix = new JsonPrefix()
    prefix.read(text, 0, text.length)
    return prefix.#state === 'before'
  }

  /** Something came that is not JSON by itself. */
  reject(): void {
    this.#state = 'no'
  }

  read(text: string, from: number, to: number): void {
    for (let index = from; index < to && this.#state !== 'no'; index += 1) {
      const sign = text[index] ?? ''
      if (this.#state === 'string') {
        if (sign === '"') this.#state = 'outside'
        else if (sign === '\\') this.#state = 'escape'
        else if (sign < ' ') this.#state = 'no'
      } else if (this.#state === 'escape') this.#state = escapes.has(sign) ? 'string' : 'no'
      else if (this.#state === 'outside') this.#readOutside(sign)
      else this.#readBefore(sign)
    }
  }

  #readOutside(sign: string): void {
    if (sign === '"') this.#state = 'string'
    else if (sign === '{' || sign === '[') this.#depth += 1
    else if (sign === '}' || sign === ']') {
      this.#depth -= 1
      if (this.#depth === 0) this.#state = 'before'
    } else if (!outsideSigns.test(sign)) this.#state = 'no'
  }

  #readBefore(sign: string): void {
    if (sign === '{' || sign === '[') {
      this.#state = 'outside'
      this.#depth = 1
      this.#fence = ''
    } else if (sign === '`' || (this.#fence !== '' && fenceWord.test(sign))) {
      this.#fence += sign
      if (this.#fence.length > longestFence) this.#state = 'no'
    } else if (blank.test(sign)) this.#fence = ''
    else this.#state = 'no'
  }
}

const escapes: ReadonlySet<string> = new Set('"\\/bfnrtu')
/** Blanks, numbers, and the letters of `true`, `false` and `null`. */
const outsideSigns = /[\s,:\d.eE+\-truefalsn]/
const blank = /\s/
const fenceWord = /[a-z]/i
const longestFence = 12
