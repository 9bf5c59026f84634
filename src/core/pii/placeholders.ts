import type { Entity } from './recognizer.ts'

/** `<EMAIL_1>`: short, says what it stands for, and models copy it. */
export function writePlaceholder(entity: Entity, number: number): string {
  return `<${entity}_${number}>`
}

/**
 * The placeholders of one vault as a model may write them. Models change case, put blanks inside and drop the brackets
 * or the number; serialisers and Markdown escape. `<EMAIL_1>` is also known as `<email_1>`, `< EMAIL 1 >`, `<EMAIL-1/>`,
 * `\u003cEMAIL_1\u003e`, `&lt;EMAIL_1&gt;`, `\<EMAIL\_1\>`, `＜EMAIL_1＞`, as a whole word in capitals `EMAIL_1`, and as
 * `<EMAIL>` where there is no other: then it is number 1, since the masker gives that out only where no input says
 * `<EMAIL>` by itself.
 */
export class PlaceholderReader {
  readonly #originals: ReadonlyMap<string, string>
  /** Originals by entity, where there is just the first. */
  readonly #single = new Map<string, string>()
  /** Every beginning of every name, whole names included. */
  readonly #beginnings = new Set<string>()
  readonly #hint: RegExp | null

  constructor(vault: ReadonlyMap<string, string>) {
    this.#originals = new Map([...vault].map(([placeholder, original]) => [placeholder.slice(1, -1), original]))
    const counts = new Map<string, number>()
    for (const name of this.#originals.keys()) {
      for (let length = name.length; length > 0; length -= 1) {
        const beginning = name.slice(0, length)
        if (this.#beginnings.has(beginning)) break
        this.#beginnings.add(beginning)
      }
      const entity = name.replace(/_\d+$/, '')
      counts.set(entity, (counts.get(entity) ?? 0) + 1)
    }
    for (const [entity, count] of counts) {
      const original = this.#originals.get(`${entity}_1`)
      if (count === 1 && original !== undefined) this.#single.set(entity, original)
    }
    const words = [...counts.keys()].map((entity) => entity.replaceAll('_', String.raw`(?:\\{0,4}_|[ -])`))
    this.#hint = words.length === 0 ? null : new RegExp(words.join('|'), 'i')
  }

  get isEmpty(): boolean {
    return this.#originals.size === 0
  }

  /** A quick look: false when no placeholder can be in the text. */
  mayOccurIn(text: string): boolean {
    return this.#hint?.test(text) === true
  }

  /**
   * Reads a placeholder at `at`. `open` says that the text ends before it is clear whether there is one; it never spans
   * more than the longest spelling. `before` is the sign in front: a name without brackets must be a whole word.
   */
  read(text: string, at: number, before: string): Reading {
    let isBracket = false
    for (const { openings, closings } of brackets) {
      const opened = readOneOf(text, at, openings)
      if (opened === 'open') return opened
      if (opened === null) continue
      isBracket = true
      const reading = this.#readIn(text, opened, closings)
      if (reading) return reading
    }
    return isBracket ? null : this.#readBare(text, at, before)
  }

  #readIn(text: string, opened: number, closings: readonly string[]): Reading {
    const from = skipBlanks(text, opened)
    const name = this.#readName(text, from, false)
    if (name === null || name === 'open') return name
    const closingAt = skipBlanks(text, name.end)
    const closed = closingAt === text.length ? 'open' : readOneOf(text, closingAt, closings)
    if (closed === null || closed === 'open') return closed
    const original = this.#originals.get(name.name) ?? this.#readUnnumbered(text.slice(from, name.end))
    return original === undefined ? null : { end: closed, original }
  }

  /** In capitals only: `<url>` is also a tag. */
  #readUnnumbered(written: string): string | undefined {
    return this.#single.get(written.replace(/\\{0,2}[ _-]/g, '_').replace(/_$/, ''))
  }

  #readBare(text: string, at: number, before: string): Reading {
    if (isWordSign(before)) return null
    const name = this.#readName(text, at, true)
    if (name === null || name === 'open') return name
    const original = this.#originals.get(name.name)
    return original === undefined || isWordSign(text[name.end] ?? '') ? null : { end: name.end, original }
  }

  /** As much as is the beginning of a name of the vault; `open` when the text ends first. */
  #readName(text: string, from: number, exact: boolean): { name: string; end: number } | 'open' | null {
    let name = ''
    let index = from
    while (index < text.length) {
      const escaped = skipBackslashes(text, index)
      // Only an underscore is escaped; other backslashes are the text's own.
      const signAt = escaped < text.length && text[escaped] !== '_' ? index : escaped
      if (signAt === text.length) return this.#beginnings.has(`${name}_`) ? 'open' : endOfName(name, index)
      const sign = text[signAt] ?? ''
      const longer = name + (exact ? sign : canonical(sign))
      if (!this.#beginnings.has(longer)) return endOfName(name, index)
      name = longer
      index = signAt + 1
    }
    return 'open'
  }
}

/** What stands at a place: a placeholder up to `end`, nothing, or what only more text can tell. */
type Reading = { readonly end: number; readonly original: string } | 'open' | null

/** Where a placeholder can start; most texts have few such signs. */
export const placeholderStart = /[<\\&A-Z＜〈⟨‹]/g

const brackets = [
  {
    openings: ['<', '\\u003c', '\\\\u003c', '&lt;', '\\u0026lt;', '＜', '〈', '⟨', '‹'],
    closings: ['>', '\\u003e', '\\\\u003e', '&gt;', '\\u0026gt;', '/>', '＞', '〉', '⟩', '›'],
  },
  // Both or none: in `C:\Users\<USERNAME_1>` the backslash is the path's. Twice in JSON.
  { openings: ['\\<', '\\\\<'], closings: ['\\>', '\\\\>'] },
]
const maxBlanks = 2

function readOneOf(text: string, at: number, forms: readonly string[]): number | 'open' | null {
  const start = text.slice(at, at + longestForm).toLowerCase()
  const form = forms.find((candidate) => start.startsWith(candidate))
  if (form !== undefined) return at + form.length
  return forms.some((candidate) => candidate.startsWith(start)) ? 'open' : null
}

const longestForm = 9

function endOfName(name: string, end: number): { name: string; end: number } | null {
  return name === '' ? null : { name, end }
}

function skipBlanks(text: string, from: number): number {
  let index = from
  while (index < from + maxBlanks && text[index] === ' ') index += 1
  return index
}

function skipBackslashes(text: string, from: number): number {
  let index = from
  while (index < from + 2 && text[index] === '\\') index += 1
  return index
}

function canonical(sign: string): string {
  return sign === ' ' || sign === '-' ? '_' : sign.toUpperCase()
}

function isWordSign(sign: string): boolean {
  return /\w/.test(sign)
}
