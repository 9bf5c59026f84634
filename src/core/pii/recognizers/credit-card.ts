import { passesLuhn } from '../check-digits.ts'
import { isIntroduced } from '../find-matches.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'

/** ISO/IEC 7812 allows 12 to 19 digits; the networks in use start at 13. */
const minDigits = 13
/** Looked for first, as most texts have none. */
const cardWords = wordSet(
  [
    'card',
    'cards',
    'cc',
    'ccn',
    'visa',
    'mastercard',
    'amex',
    'maestro',
    'american express',
    'discover',
    'diners',
    'carta',
    'cartao',
    'cartão',
    'tarjeta',
    'carte',
    'karta',
    'karty',
    'kartę',
    'kaart',
    'kort',
    'luottokortti',
    'karte',
    'kreditkarte',
    'kartennummer',
    'kortnummer',
    'kaartnummer',
    'kredi kartı',
    'kártya',
  ],
  { whole: false },
)
const introduction =
  /(?:\b(?:card|cards|cc|ccn|visa|mastercard|amex|maestro|american express|discover|diners|card_?number|carta|cart[aã]o|tarjeta|carte|karta|karty|kartę|kaart|kort|luottokortti)|karte|kreditkarte|kartennummer|kortnummer|kaartnummer|kredi kartı|kártya)\b[^\d\n]{0,24}$/i
/** In one piece, this is data and not a card with neighbours. */
const longestNumber = 64
/** Hexadecimal ids of the usual sizes: UUIDs, and digests of 128, 160 and 256 bits. */
const hexadecimalId =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/i

export const creditCard: Recognizer = {
  entity: 'CREDIT_CARD',
  examples: {
    finds: [
      '4111111111111111',
      'card ⟦4111 1111 1111 1111⟧ expires soon',
      '5555-5555-5555-4444',
      'amex 3782 822463 10005.',
      '94111111111111111',
      '7 4111 1111 1111 1111 3',
      '2026-11-21 4111111111111111',
      'credit card number 4111111111111112',
      'bill ⟦4000-0000-0022-9622⟧ today',
      'swiped ⟦%B4111111111111111^DOE/JOHN^30121010000000000000?⟧ at',
      'swiped ⟦;4111111111111111=30121010000000000000?⟧ at',
    ],
    ignores: [
      '4111111111111112',
      '1234567890123',
      '2026-11-21 10:15:43',
      'order 0000 0000 0000 0000',
      'score 0.4111111111111111',
      'loads 41 11 11 11 11 11 11 11',
      'blk_-1608999687919862906',
      'blk_-5195120009388265',
      'mCardSernum(203231503833343000000000594c31304b34)',
      'sizes 4096 2048 1024 1024',
      'min -9223372036854775808',
      'trace 41111111-1111-1111-8000-00000000000a',
    ],
  },
  find(scan) {
    const { text } = scan
    const findings: Finding[] = []
    for (const { start, end } of runsIn(text)) {
      const found = text.slice(start, end)
      if (found.length > longestNumber && /^\d+$/.test(found)) continue
      for (const card of cardsIn(scan, found, start))
        findings.push(withTrack(text, card), ...expiryAfter(text, card.end))
    }
    return findings
  },
}

/** Runs of twelve digits and more with at most one blank or dash between two of them. */
function runsIn(text: string): { start: number; end: number }[] {
  const runs: { start: number; end: number }[] = []
  for (let index = 0; index < text.length; index += 1) {
    if (!isDigit(text.charCodeAt(index))) continue
    const start = index
    let digits = 1
    for (;;) {
      const next = text.charCodeAt(index + 1)
      if (isDigit(next)) index += 1
      else if ((next === 0x20 || next === 0x2d) && isDigit(text.charCodeAt(index + 2))) index += 2
      else break
      digits += 1
    }
    if (digits > 11) runs.push({ start, end: index + 1 })
  }
  return runs
}

/**
 * Every start and every length is tried, because a neighbour's digits may stand before or after the card and one
 * greedy reading of the run would fail the checksum and let the card through.
 */
function cardsIn(scan: Scan, found: string, offset: number): Finding[] {
  const { text } = scan
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
  if (digits.length <= 19 && scan.isAfter(cardWords, offset) && isIntroduced(text, offset, introduction))
    add(0, digits.length, 0.6)
  // Four groups with dashes, mistyped or made up. With blanks they may be columns of numbers.
  else if (
    printedCard.test(found) &&
    lengthsOfIssuer(digits, 0).includes(16) &&
    !isPartOfNumber(text, offset, offset + found.length)
  )
    add(0, digits.length, 0.65)
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

const printedCard = /^\d{4}(?:-\d{4}){3}$/
/** Groups as printed on cards, of at most nineteen digits: fours, and 4-6-5 and 4-6-4. */
const printedGroups =
  /^(?:\d{4}|\d{8}|\d{12})(?:[ -](?:\d{4}|\d{8}|\d{12})){0,4}(?:[ -]?\d{3})?$|^\d{4}[ -]\d{6}[ -]\d{4,5}$/
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
  let group = 0
  while (group < longestGroup && isDigit(text.charCodeAt(start - group - 1))) group += 1
  const lead = text.slice(Math.max(0, start - group - longestLead), start - group)
  if (/(?<![\d.])\d{1,16}\.$/.test(lead)) return true
  if (text.startsWith(int64Limit, start - 2)) return true
  const isWhole = group === 0 && !isDigit(text.charCodeAt(end))
  if (/[a-z]_-$/i.test(lead)) return true
  if (/[a-z]_$/i.test(lead) && (!isWhole || end - start > longestOfMost)) return true
  return isInHexadecimal(text, start, end)
}

/** Whether the signs around make it one of the usual ids, or a long code. */
function isInHexadecimal(text: string, start: number, end: number): boolean {
  let from = start
  let to = end
  while (start - from < longestId && isHexadecimalOrDash(text.charCodeAt(from - 1))) from -= 1
  while (to - end < longestId && isHexadecimalOrDash(text.charCodeAt(to))) to += 1
  const around = text.slice(from, start) + text.slice(end, to)
  if (!/[a-f]/i.test(around)) return false
  return (around.length >= longestHexNeighbours && !around.includes('-')) || hexadecimalId.test(text.slice(from, to))
}

function isHexadecimalOrDash(unit: number): boolean {
  return isDigit(unit) || unit === 0x2d || (unit >= 65 && unit <= 70) || (unit >= 97 && unit <= 102)
}

const longestGroup = 40
const longestId = 64
const longestOfMost = 16
/** Beyond this a card with letters around it is part of a serial number in hexadecimal. */
const longestHexNeighbours = 12
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

/** ISO/IEC 7813: what a magnetic stripe holds around the number, in its first and its second track. */
const firstTrack = /\^[^^\n?]{2,26}\^[\d^][^?\n]{0,60}\??/y
const secondTrack = /[=D]\d{7}[^?\s]{0,24}\??/y

function withTrack(text: string, card: Finding): Finding {
  const track = text.charAt(card.end) === '^' ? firstTrack : secondTrack
  track.lastIndex = card.end
  if (!track.test(text)) return card
  const lead = text.slice(Math.max(0, card.start - 2), card.start)
  const start = card.start - (/%?B$/i.exec(lead) ?? /;$/.exec(lead) ?? [''])[0].length
  return { ...card, start, end: track.lastIndex, score: 0.97 }
}

/** The month of expiry behind a card, and the verification value behind that, as forms and dumps have them. */
const expiry =
  /(?:[\s|,;:/)"']{1,4}|[^\d\n]{0,20}(?:exp|valid|vence|caduc|venc|gültig|scad|geldig|ważn)[^\d\n]{0,20})((?:0[1-9]|1[0-2]) ?[/-] ?(?:20)?[2-4]\d)(?![\d/-])(?:[|,; ]{1,2}(\d{3,4})(?![\d-]))?/iy

function expiryAfter(text: string, cardEnd: number): Finding[] {
  expiry.lastIndex = cardEnd
  const match = expiry.exec(text)
  const [found = '', month = '', verification] = match ?? []
  if (!match) return []
  const start = cardEnd + found.lastIndexOf(month)
  const findings: Finding[] = [{ start, end: start + month.length, entity: 'CREDIT_CARD', score: 0.8 }]
  const end = expiry.lastIndex
  if (verification !== undefined) findings.push({ start: end - verification.length, end, entity: 'CVV', score: 0.8 })
  return findings
}
