import { readLead } from '../announced.ts'
import type { Entity, Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { type WordSet, wordSet } from '../word-set.ts'
import type { IdentifierRow } from './identifier-row.ts'
import { identifierRows } from './tables.ts'

interface CompiledRow {
  readonly row: IdentifierRow
  readonly words: WordSet
  readonly at: RegExp
  readonly anywhere: RegExp
  readonly isValid: (found: string) => boolean
}

// A letter, digit or sign of a longer number beside it makes it part of something else.
const before = String.raw`(?<![\p{L}\d]|\d[.,:/-])`
const after = String.raw`(?![\p{L}\d]|[.,:/-]\d)`

const rows: readonly CompiledRow[] = identifierRows.map((row) => ({
  row,
  words: wordSet(row.words),
  at: new RegExp(`(?:${row.pattern.source})${after}`, 'uy'),
  anywhere: new RegExp(`${before}(?:${row.pattern.source})${after}`, 'gu'),
  isValid: (found) => row.isValid?.(compactForm(found)) ?? false,
}))

/** A number without the signs that part it, in capitals. */
export function compactForm(found: string): string {
  return found.replace(/[^\p{L}\d&]/gu, '').toUpperCase()
}

/** Short names are words too, unless they are in capitals: `sin`, `fin`, `pan`. */
function isSure(name: string): boolean {
  return name.length > 4 || /^[A-Z]{3,4}$/.test(name)
}

/** How far from its name a number is looked for if its check digits are right. */
const reachAfter = 90
const reachBefore = 30

/**
 * The numbers of the tables with this entity: right after their name in any state, near it if they are valid, and alone
 * if they are valid and of a form that nothing else has.
 */
export function findIdentifiers(scan: Scan, entity: Entity): Finding[] {
  let found = foundIn.get(scan)
  if (!found) {
    found = []
    for (const compiled of rows) if (scan.has(compiled.words)) findNamed(scan, compiled, found)
    findAlone(scan, found)
    foundIn.set(scan, found)
  }
  return found.filter((finding) => finding.entity === entity)
}

/** Three recognizers ask for their part of one search. */
const foundIn = new WeakMap<Scan, Finding[]>()

function findNamed(scan: Scan, { row, words, at, anywhere, isValid }: CompiledRow, into: Finding[]): void {
  const { text } = scan
  const { starts, ends } = scan.hits(words)
  // No stretch is read twice, however many names stand in it.
  let readTo = 0
  for (const [index, wordEnd] of ends.entries()) {
    const wordStart = starts[index] ?? wordEnd
    const lead = readLead(text, wordEnd)
    at.lastIndex = lead.end
    if (at.test(text)) {
      const end = at.lastIndex
      const valid = isValid(text.slice(lead.end, end))
      if (valid || lead.isMarked || isSure(text.slice(wordStart, wordEnd)))
        into.push({ start: lead.end, end, entity: row.entity, score: valid ? 0.92 : 0.75 })
    }
    const from = Math.max(readTo, wordStart - reachBefore)
    readTo = wordEnd + reachAfter
    for (const { 0: found, index: place } of text.slice(from, readTo).matchAll(anywhere)) {
      const start = from + place
      const isCut = (place === 0 && from > 0) || start + found.length === readTo
      if (!isCut && isValid(found)) into.push({ start, end: start + found.length, entity: row.entity, score: 0.85 })
    }
  }
}

const rowsByCodeLength: (CompiledRow[] | undefined)[] = []
const rowsByDigitsLength = new Map<number, { compiled: CompiledRow; after: number; sign: string | null }[]>()
for (const compiled of rows) {
  const { alone } = compiled.row
  if (!alone) continue
  if ('code' in alone) {
    for (const length of alone.code) rowsByCodeLength[length] = [...(rowsByCodeLength[length] ?? []), compiled]
    continue
  }
  for (const length of alone.digits) {
    const added = (alone.after ?? [0]).map((after) => ({
      compiled,
      after,
      sign: length < 7 || after > 0 ? (alone.sign ?? null) : null,
    }))
    rowsByDigitsLength.set(length, [...(rowsByDigitsLength.get(length) ?? []), ...added])
  }
}

function findAlone(scan: Scan, into: Finding[]): void {
  const { text } = scan
  for (const { start, end } of scan.codes) {
    const candidates = rowsByCodeLength[end - start]
    if (candidates) for (const compiled of candidates) tryAt(text, start, compiled, into)
  }
  for (const [length, candidates] of rowsByDigitsLength) {
    for (const run of scan.digitGroups(length)) {
      const signBefore = text.charAt(run.start - 1)
      const signAfter = text.charAt(run.end)
      for (const { compiled, after, sign } of candidates) {
        const beside = after === 0 ? signAfter : signBefore
        if (sign === null || sign === beside) tryAt(text, run.start - after, compiled, into)
      }
    }
  }
}

function tryAt(text: string, start: number, { row, at, isValid }: CompiledRow, into: Finding[]): void {
  at.lastIndex = start
  if (!at.test(text) || isInside(text, start)) return
  const end = at.lastIndex
  // Without a name of its own the form is all that tells: a phone number may look the same.
  const score = row.words.length > 0 ? 0.8 : 0.65
  if (isValid(text.slice(start, end))) into.push({ start, end, entity: row.entity, score })
}

/** Whether a sign before makes the number part of a longer one, an identifier or a path. */
function isInside(text: string, start: number): boolean {
  const sign = text.charAt(start - 1)
  return /[\p{L}\d_]/u.test(sign) || (/[.,:/+-]/.test(sign) && /[\p{L}\d]/u.test(text.charAt(start - 2)))
}
