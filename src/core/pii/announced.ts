import type { Entity, Finding } from './recognizer.ts'
import type { Scan } from './scan.ts'
import type { WordSet } from './word-set.ts'

/**
 * What a kind of value looks like where words have announced it: `Account no. 12345678`, `"employee_id": "E-17"`,
 * `The patient's insurance ID is 934959076`.
 */
interface Announcement {
  readonly entity: Entity
  /** Words that are said of nothing else: the value may follow at once. */
  readonly words: WordSet
  /** Words that are said of other things too: "number", "id", "#", ":" or "=" must follow before the value. */
  readonly vague?: WordSet
  /** What the value may start with itself, before a dash and digits: `EMP-19535`. */
  readonly prefixes?: WordSet
  /** A sticky pattern of the value. */
  readonly value: RegExp
  /** Fewer digits are a count or a version. */
  readonly minDigits: number
  readonly score: number
  /** Dates are not taken for values unless the values look like them. */
  readonly mayLookLikeDate?: boolean
  readonly accept?: (value: string) => boolean
}

/** A word for number, or what is said between a label and a value; the first kind makes a vague word sure. */
const numberWords = new Set([
  ...['number', 'numbers', 'no', 'nr', 'num', 'nbr', 'id', 'ids', 'code', 'identifier', 'ref', 'reference', 'key'],
  ...['nummer', 'número', 'numero', 'numéro', 'núm', 'kenn', 'numer', 'numeris', 'číslo', 'cislo', 'nº', 'n', 'o'],
  ...['αριθμός', 'номер', 'numarası', 'numarasi', 'numărul', 'numeron', 'broj', 'szám', 'serial', 'sn'],
  ...['is', 'ist', 'lautet', 'est', 'es', 'è', 'é', 'jest', 'är', 'er', 'on', 'was'],
])
const fillers = new Set([
  ...['are', 'of', 'the', 'a', 's', 'card', 'file', 'my', 'your', 'his', 'her', 'their', 'for', 'as', 'value'],
  ...['record', 'ending', 'in', 'with', 'and', 'die', 'der', 'le', 'la', 'el', 'de', 'del'],
  ...['du', 'des', 'di', 'do', 'da', 'van', 'het', 'här', 'to', 'q', 'string', 'issued', 'holder'],
])
const word = /\p{L}{1,16}/uy
/** What may stand between a label and its value. A plus is the start of a phone number, a currency sign of a sum. */
const separator = /[\s"'“”‘’*_()[\]{}<>|/:=#№º°–—.?,;\\-]/
const marks = /[:=#№º°>|]/
const longestLead = 48
const maxWords = 5

interface Lead {
  readonly end: number
  /** Whether the words say that a number follows. */
  readonly isMarked: boolean
}

/** Where the value starts that a label ending at `from` announces, as far as can be told without knowing its form. */
export function readLead(text: string, from: number): Lead {
  let isMarked = false
  let newlines = 0
  let words = 0
  let at = from
  for (const limit = Math.min(text.length, from + longestLead); at < limit; ) {
    const sign = text.charAt(at)
    if (separator.test(sign)) {
      if (sign === '\n') newlines += 1
      // One line further is the next line of a form; two are another matter. A sentence ends with a dot and a blank.
      if (newlines > 1) break
      // `\\u2225` is a sign of its own; `\\"` is a quote in JSON within JSON.
      if (sign === '\\' && !/["'nrt]/.test(text.charAt(at + 1))) break
      if (marks.test(sign)) isMarked = true
      at += 1
      continue
    }
    word.lastIndex = at
    const found = word.exec(text)?.[0].toLowerCase()
    if (found === undefined || words === maxWords || isPartOfValue(text, at, found.length)) break
    if (numberWords.has(found)) isMarked = true
    else if (!fillers.has(found)) break
    words += 1
    at += found.length
  }
  return { end: at, isMarked }
}

/** `ID-FPH90O7Y`, `NO12345`: what goes on with a digit, or with a dash in capitals, is the value already. */
function isPartOfValue(text: string, at: number, length: number): boolean {
  codeAfterWord.lastIndex = at + length
  return codeAfterWord.test(text) && /[A-Z\d]$/.test(text.slice(at, at + length + 1).replace('-', ''))
}

const codeAfterWord = /\d|-[A-Z\d]/y

/** Words that make the value part of a date, a sum or a version. */
const otherThan =
  /^(?:\d{4}([-./])\d{1,2}\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2(?:\d{4}|\d{2})|\d{1,3}(?:\.\d{1,3}){1,3}|\d{1,3}(?:\.\d{3}){1,3})$/

/** The values that the words of an announcement lead up to. */
export function findAnnounced(scan: Scan, announcement: Announcement): Finding[] {
  const findings: Finding[] = []
  collect(scan, announcement, announcement.words, true, findings)
  if (announcement.vague) collect(scan, announcement, announcement.vague, false, findings)
  if (announcement.prefixes) collectPrefixed(scan, announcement.entity, announcement.prefixes, findings)
  return findings
}

function collect(scan: Scan, announcement: Announcement, words: WordSet, isSure: boolean, into: Finding[]): void {
  const { text } = scan
  const { entity, value, minDigits, accept, score } = announcement
  const { starts, ends } = scan.hits(words)
  for (const [index, wordEnd] of ends.entries()) {
    const lead = readLead(text, wordEnd)
    if (!isSure && !lead.isMarked) continue
    value.lastIndex = lead.end
    const found = value.exec(text)?.[0]
    if (
      found === undefined ||
      countDigits(found) < minDigits ||
      (!announcement.mayLookLikeDate && otherThan.test(found)) ||
      accept?.(found) === false
    )
      continue
    // Glued to each other, the word and the value are one code of hexadecimal digits unless the value has digits only.
    if (lead.end === wordEnd && (/\D/.test(found) || /\w/.test(text.charAt((starts[index] ?? 1) - 1)))) continue
    // `MRN-1015952`: written in one with its label, as one identifier.
    const isJoined = lead.end - wordEnd <= 1 && /^[-_]?$/.test(text.slice(wordEnd, lead.end))
    const start = isJoined ? (starts[index] ?? lead.end) : lead.end
    into.push({ start, end: lead.end + found.length, entity, score: isJoined ? Math.max(score, 0.85) : score })
  }
}

const prefixedRest = /[-_](?:[A-Z]{1,3}-?)?\d{4,16}(?:-\d{1,6}){0,2}(?![A-Za-z\d_]|[-.]\d)/y

function collectPrefixed(scan: Scan, entity: Entity, prefixes: WordSet, into: Finding[]): void {
  const { text } = scan
  const { starts, ends } = scan.hits(prefixes)
  for (const [index, prefixEnd] of ends.entries()) {
    const start = starts[index] ?? prefixEnd
    prefixedRest.lastIndex = prefixEnd
    // In capitals: `acct_12345678` is a name of software, `web-pt-12345` a host.
    const isWritten = text.slice(start, prefixEnd) === text.slice(start, prefixEnd).toUpperCase()
    if (!isWritten || /[\w.-]/.test(text.charAt(start - 1)) || !prefixedRest.test(text)) continue
    into.push({ start, end: prefixedRest.lastIndex, entity, score: 0.85 })
  }
}

function countDigits(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit >= 48 && unit <= 57) count += 1
  }
  return count
}

/**
 * A code of letters, digits and single dashes, dots or slashes, or groups of digits that start with a short one, or
 * digits after a series of letters: `P8E101798`, `2:26-mc-01120`, `28 28 20943`, `AB 123456`.
 */
export const codeValue =
  /(?:\d{2,4}(?:[ -]\d{2,12}){1,4}(?:-\d)?|[A-Z]{1,3}(?: \d{3,12}){1,3}|(?=[^\s]{0,20}\d)[A-Za-z0-9](?:[A-Za-z0-9]|[-/](?=[A-Za-z0-9])|\.(?=\d)){1,27})(?![A-Za-z0-9]|[-./:@][A-Za-z0-9])/y

/** Digits in up to five groups. */
export const digitValue = /\d{1,20}(?:[ -]\d{1,12}){0,4}(?![\w-]|[.,:/]\d)/y
