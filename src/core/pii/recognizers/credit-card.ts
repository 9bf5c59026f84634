import { isIntroduced } from '../find-matches.ts'
import type { Finding, Recognizer } from '../recognizer.ts'

/** ISO/IEC 7812 allows 12 to 19 digits; the networks in use start at 13. */
const minDigits = 13
// A run of digits with at most one blank or dash between two of them.
const run = /\d(?:[ -]?\d){11,}/g
const introduction =
  /(?:\b(?:card|cc|visa|mastercard|amex|maestro|american express)|karte|kreditkarte|tarjeta|carte)\b[^\d\n]{0,24}$/i
/** Hexadecimal ids of the usual sizes: UUIDs, and digests of 128, 160 and 256 bits. */
const hexadecimalId =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/i

export const creditCard: Recognizer = {
  entity: 'CREDIT_CARD',
  examples: {
    finds: [
      '4111111111111111',
      'card 4111 1111 1111 1111 exp 12/30',
      '5555-5555-5555-4444',
      'amex 3782 822463 10005.',
      '94111111111111111',
      '7 4111 1111 1111 1111 3',
      '2026-11-21 4111111111111111',
      'credit card number 4111111111111112',
    ],
    ignores: [
      '4111111111111112',
      '1234567890123',
      '2026-11-21 10:15:43',
      'order 0000 0000 0000 0000',
      'score 0.4111111111111111',
      'loads 41 11 11 11 11 11 11 11',
      'blk_-1608999687919862906',
      'min -9223372036854775808',
      'trace 41111111-1111-1111-8000-00000000000a',
    ],
  },
  find({ text }) {
    const findings: Finding[] = []
    for (const { 0: found, index } of text.matchAll(run)) findings.push(...cardsIn(text, found, index))
    return findings
  },
}

/**
 * Every start and every length is tried, because a neighbour's digits may stand before or after the card and one
 * greedy reading of the run would fail the checksum and let the card through.
 */
function cardsIn(text: string, found: string, offset: number): Finding[] {
  const places: number[] = []
  for (let index = 0; index < found.length; index += 1) if (isDigit(found.charCodeAt(index))) places.push(index)
  const digits = places.map((place) => found.charCodeAt(place) - 48)
  const findings: Finding[] = []
  const add = (from: number, length: number, score: number) => {
    const start = offset + (places[from] ?? 0)
    const end = offset + (places[from + length - 1] ?? 0) + 1
    findings.push({ start, end, entity: 'CREDIT_CARD', score })
  }
  // A mistyped card is personal all the same, if the text says that it is one.
  if (digits.length <= 19 && isIntroduced(text, offset, introduction)) add(0, digits.length, 0.6)
  for (let from = 0; from + minDigits <= digits.length; from += 1) {
    for (const length of lengthsOfIssuer(digits, from)) {
      if (from + length > digits.length || !passesLuhn(digits, from, length)) continue
      const start = places[from] ?? 0
      const end = (places[from + length - 1] ?? 0) + 1
      if (isWrittenAsCard(found, start, end) && !isPartOfNumber(text, offset + start, offset + end))
        add(from, length, 0.95)
    }
  }
  return findings
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** Groups as printed on cards: fours, and 4-6-5 and 4-6-4. */
const printedGroups =
  /^(?:\d{4}|\d{8}|\d{12})(?:[ -](?:\d{4}|\d{8}|\d{12}))*(?:[ -]?\d{3})?$|^\d{4}[ -]\d{6}[ -]\d{4,5}$/
/** Inside a longer number the rare lengths are left out: every id of twenty digits would hold a card. */
const lengthsInLongerNumber = new Set([14, 15, 16, 19])
const wideGroups = /^\d{3,}(?:[ -]\d{3,})+$/

/**
 * Whether the digits of a run stand together as those of a card do. Columns of numbers pass the checksum now and then,
 * so where groups are cut or neighbours stand beside them, only the printed form counts.
 */
function isWrittenAsCard(found: string, start: number, end: number): boolean {
  const candidate = found.slice(start, end)
  const cutsGroup = isDigit(found.charCodeAt(start - 1)) || isDigit(found.charCodeAt(end))
  if (/^\d+$/.test(candidate)) return !cutsGroup || lengthsInLongerNumber.has(candidate.length)
  return printedGroups.test(candidate) || (candidate.length === found.length && wideGroups.test(candidate))
}

/** Whether the digits belong to a fraction, an identifier such as `blk_-1608…` or a hexadecimal id. */
function isPartOfNumber(text: string, start: number, end: number): boolean {
  const group = /\d{0,40}$/.exec(text.slice(Math.max(0, start - 40), start))?.[0].length ?? 0
  const lead = text.slice(Math.max(0, start - group - longestLead), start - group)
  if (/(?<![\d.])\d{1,16}\.$/.test(lead)) return true
  if (text.startsWith(int64Limit, start - 2)) return true
  const isWhole = group === 0 && !isDigit(text.charCodeAt(end))
  if (/[a-z]_-?$/i.test(lead) && (!isWhole || end - start > longestOfMost)) return true
  const before = /[0-9a-f-]{0,64}$/i.exec(text.slice(Math.max(0, start - 64), start))?.[0] ?? ''
  const after = /^[0-9a-f-]{0,64}/i.exec(text.slice(end, end + 64))?.[0] ?? ''
  return /[a-f]/i.test(before + after) && hexadecimalId.test(before + text.slice(start, end) + after)
}

const longestOfMost = 16
/** 2⁶³ without its last digit stands in code and logs, and passes from its third digit on. */
const int64Limit = '922337203685477580'
const longestLead = 20
const visa = [13, 16, 19]
const sixteen = [16]
const amex = [15]
const diners = [14]
const sixteenUp = [16, 17, 18, 19]
const maestro = [13, 14, 15, 16, 17, 18, 19]
const maestroPrefixes = new Set([5018, 5020, 5038, 5893, 6304, 6703, 6759, 6761, 6762, 6763, 6771])
const none: readonly number[] = []

/** The lengths that the network with this prefix gives out: ISO/IEC 7812 issuer ranges as the networks publish them. */
function lengthsOfIssuer(digits: readonly number[], from: number): readonly number[] {
  const prefix = (digits[from] ?? 0) * 1000 + (digits[from + 1] ?? 0) * 100 + (digits[from + 2] ?? 0) * 10
  const four = prefix + (digits[from + 3] ?? 0)
  const two = Math.trunc(four / 100)
  const three = Math.trunc(four / 10)
  if (two >= 40 && two <= 49) return visa
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return sixteen
  if (two === 34 || two === 37) return amex
  if ((three >= 300 && three <= 305) || two === 36 || two === 38 || two === 39) return diners
  // Discover, RuPay, UnionPay, JCB, Mir.
  if (two === 60 || two === 62 || two === 65 || two === 81 || three === 508 || (three >= 644 && three <= 649))
    return sixteenUp
  if ((four >= 3528 && four <= 3589) || (four >= 2200 && four <= 2204)) return sixteenUp
  if (maestroPrefixes.has(four)) return maestro
  return none
}

/** ISO/IEC 7812-1 annex B. */
function passesLuhn(digits: readonly number[], from: number, length: number): boolean {
  let sum = 0
  for (let index = 0; index < length; index += 1) {
    const digit = digits[from + length - 1 - index] ?? 0
    const doubled = index % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
