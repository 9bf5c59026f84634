import type { Entity } from './recognizer.ts'

/** `<EMAIL_1>`: short, says what it stands for, and models copy it. */
export function writePlaceholder(entity: Entity, number: number): string {
  return `<${entity}_${number}>`
}

/**
 * The placeholders of one vault as a model may write them. Models change case, put blanks inside and drop the brackets,
 * and serialisers escape the brackets: `<EMAIL_1>` is also known as `<email_1>`, `< EMAIL 1 >`, `\u003cEMAIL_1\u003e`,
 * `&lt;EMAIL_1&gt;` and, as a whole word in capitals, `EMAIL_1`.
 */
export class PlaceholderReader {
  readonly #originals: ReadonlyMap<string, string>
  /** Every beginning of every name, whole names included. */
  readonly #beginnings = new Set<string>()
  readonly #hint: RegExp | null

  constructor(vault: ReadonlyMap<string, string>) {
    this.#originals = new Map([...vault].map(([placeholder, original]) => [placeholder.slice(1, -1), original]))
    for (const name of this.#originals.keys()) {
      for (let length = 1; length <= name.length; length += 1) this.#beginnings.add(name.slice(0, length))
    }
    const entities = new Set(
      [...this.#originals.keys()].map((name) => name.replace(/\d+$/, '').replaceAll('_', '[_ -]')),
    )
    this.#hint = entities.size === 0 ? null : new RegExp(`(?:${[...entities].join('|')})\\d`, 'i')
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
    const opened = readOneOf(text, at, openings)
    if (opened === 'open') return opened
    if (opened === null) return this.#readBare(text, at, before)
    const from = skipBlanks(text, opened)
    const name = this.#readName(text, from, false)
    if (name === null || name === 'open') return name
    const closingAt = skipBlanks(text, name.end)
    const closed = closingAt === text.length ? 'open' : readOneOf(text, closingAt, closings)
    if (closed === null || closed === 'open') return closed
    const original = this.#originals.get(name.name)
    return original === undefined ? null : { end: closed, original }
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
    for (; index < text.length; index += 1) {
      const sign = text[index] ?? ''
      const longer = name + (exact ? sign : canonical(sign))
      if (!this.#beginnings.has(longer)) break
      name = longer
    }
    if (index === text.length) return 'open'
    return name === '' ? null : { name, end: index }
  }
}

/** What stands at a place: a placeholder up to `end`, nothing, or what only more text can tell. */
type Reading = { readonly end: number; readonly original: string } | 'open' | null

/** Where a placeholder can start; most texts have few such signs. */
export const placeholderStart = /[<\\&A-Z]/g

const openings = ['<', '\\u003c', '\\\\u003c', '&lt;', '\\u0026lt;']
const closings = ['>', '\\u003e', '\\\\u003e', '&gt;', '\\u0026gt;']
const maxBlanks = 2

function readOneOf(text: string, at: number, forms: readonly string[]): number | 'open' | null {
  const rest = text.slice(at, at + longestForm).toLowerCase()
  const form = forms.find((candidate) => rest.startsWith(candidate))
  if (form !== undefined) return at + form.length
  return forms.some((candidate) => candidate.startsWith(rest)) ? 'open' : null
}

const longestForm = 9

function skipBlanks(text: string, from: number): number {
  let index = from
  while (index < from + maxBlanks && text[index] === ' ') index += 1
  return index
}

function canonical(sign: string): string {
  return sign === ' ' || sign === '-' ? '_' : sign.toUpperCase()
}

function isWordSign(sign: string): boolean {
  return /\w/.test(sign)
}
