/**
 * Finds the placeholders of one vault in text that a model wrote. Models change case, put blanks inside and drop the
 * brackets, so `<EMAIL_1>` is also known as `<email_1>`, `< EMAIL 1 >` and, as a whole word, `EMAIL_1`.
 */
export class PlaceholderFinder {
  readonly #originals: ReadonlyMap<string, string>
  readonly #pattern: RegExp | null
  /** No spelling of a placeholder is longer; a stream holds back no more than this. */
  readonly maxLength: number

  constructor(vault: ReadonlyMap<string, string>) {
    this.#originals = new Map([...vault].map(([placeholder, original]) => [canonical(placeholder), original]))
    const names = [...this.#originals.keys()].sort((left, right) => right.length - left.length)
    this.#pattern = names.length === 0 ? null : spellings(names)
    this.maxLength = Math.max(0, ...names.map((name) => name.length)) + 2 + 4 * maxBlanks
  }

  get isEmpty(): boolean {
    return this.#pattern === null
  }

  /**
   * Puts the originals back. `encode` writes an original where the text has rules of its own, as inside JSON; `before`
   * is the sign that stood before `text` in a stream, because a name is a placeholder only as a whole word.
   */
  replace(text: string, encode: (original: string) => string = (original) => original, before = ''): string {
    if (!this.#pattern) return text
    return text.replace(this.#pattern, (found, offset: number) => {
      if (offset === 0 && !found.startsWith('<') && /[\w<]/.test(before)) return found
      const original = this.#originals.get(canonical(found))
      return original === undefined ? found : encode(original)
    })
  }

  /**
   * Where the part of `text` begins that the next piece of a stream may still change: a bracket that has not closed, or
   * a last word that could become a name. `text.length` when nothing is open.
   */
  openFrom(text: string, before = ''): number {
    const from = Math.max(0, text.length - this.maxLength)
    const bracket = text.lastIndexOf('<')
    const unclosed = bracket >= from && !text.includes('>', bracket) ? bracket : text.length
    const word = /[A-Za-z][A-Za-z0-9_ ]*$/.exec(text.slice(from))
    const wordStart = word ? this.#openWord(text, from + word.index, before) : text.length
    return Math.min(unclosed, wordStart)
  }

  #openWord(text: string, from: number, before: string): number {
    const names = [...this.#originals.keys()]
    for (let start = from; start < text.length; start += 1) {
      if (/\w/.test(start === 0 ? before : (text[start - 1] ?? ''))) continue
      const tail = canonical(text.slice(start))
      if (tail !== '' && names.some((name) => name.startsWith(tail))) return start
    }
    return text.length
  }
}

const maxBlanks = 2

/** `< email 1 >` → `EMAIL_1` */
function canonical(spelling: string): string {
  return spelling
    .replace(/^<\s*|\s*>$/g, '')
    .trim()
    .replace(/[\s_]+/g, '_')
    .toUpperCase()
}

function spellings(names: readonly string[]): RegExp {
  const blanks = `[ \\t]{0,${maxBlanks}}`
  const bodies = names.map((name) => name.replaceAll('_', `(?:${blanks}_${blanks}|[ \\t])`)).join('|')
  const bare = names.join('|')
  return new RegExp(`<${blanks}(?:${bodies})${blanks}>|(?<![\\w<])(?:${bare})(?!\\w)`, 'gi')
}
