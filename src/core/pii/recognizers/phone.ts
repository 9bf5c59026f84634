import { getCountries, getCountryCallingCode, Metadata } from 'libphonenumber-js/min'
import { findMatches } from '../find-matches.ts'
import type { Finding, Recognizer } from '../recognizer.ts'

/** Seven digits with the separators in use: without them a text has no phone number, and most texts have none. */
const digitRun = /\d(?:[ ()./-]{0,3}\d){6}/
const international = /(?:\+|(?<![\w.:-])00(?=[1-9]\d{0,2}[ ./-]))[ (]{0,2}[1-9](?:[ ()./-]{0,3}\d){6,19}/g
// The form alone is a sign. North American: three groups. Others: an area code in parentheses, Spanish groups, or a trunk
// zero and groups.
const nationalForms = [
  /(?<![\w.-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?!\d)/g,
  /(?<![\w)])\(0?[1-9]\d{0,3}\)[ -]?\d{2,4}(?:[ ./-]\d{2,4}){1,3}(?!\d)/g,
  /(?<![\w.,:/-] ?)[6-9]\d{2} \d{2} \d{2} \d{2}(?! ?\d)/g,
  /(?<![\w.,:/-])0[1-9]\d{0,3}(?:[ /-]\d{5,8}|([ .-])\d{2,4}(?:\1\d{2,4}){1,3})(?!\d|[:./-]\d)/g,
]
/** After these words a number is a phone number in any form. */
const announced =
  /(?<![a-z])(?:tel(?:e(?:ph|f)[oó]n[eo]?)?|tél(?:éphone)?|tfno|tlfn?|telef|phone|mobile?|m[oó]vil|telem[oó]vel|cell(?:phone)?|cellulare|fax|whats ?app|handy|rufnummer|hotline|portable|msisdn)(?:nummer|number)?(?![a-z]{3})[^\d+]{0,20}/giu
/** These are also said of other numbers: a phone number has groups after them, or a national prefix and full length. */
const mentioned = /(?<![a-z])(?:call|calling|ring|dial|reach|text|contact|answering)(?![a-z]{2})[^\d+\n]{0,20}/giu
const anyForm = /\(?\d(?:[ ()./-]{0,2}\d){6,14}(?!\d)/y
const dialable = /\d[ ()-]{1,2}\d|^(?:0[1-9]\d{8,10}|1?[2-9]\d{2}[2-9]\d{6}|[6-9]\d{8})$/
const furtherNumber = /(?: ?[,;/&] ?| - | (?:y|o|or|and|und|oder|et|ou|e) )/y
const extension = / ?(?:x|ext\.?|extension) ?\d{1,6}(?!\d)/iy
/** Dates and addresses of four numbers have separators too. */
const lookalike =
  /^\(?(?:\d{4}([-./])\d{1,2}\1\d{1,2}(?!\d)|\d{1,2}([-./])\d{1,2}\2(?:\d{4}(?!\d)|\d{2}(?!\d|\2))|\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d))/

/** `cachedAt + 31536000000` */
const sum = /^\+ \d+$/

/** The lengths that the numbers of a country calling code can have, the code itself not counted. */
const lengthsByCallingCode = readNumberingPlans()

export const phone: Recognizer = {
  entity: 'PHONE',
  examples: {
    finds: [
      '+49 30 901820',
      '+49 (0)30 901820',
      'call +1 (415) 555-2671 now',
      '+442079460958',
      '12+44 7700 900123-7',
      '0033 1 42 68 53 00',
      'fax (415) 555-2671 x12',
      'ring 415-555-2671 today',
      '(022) 0793-176',
      '020 7946 0958',
      '06.12.34.56.78',
      'Telefon 089/2180-0',
      'phone: 02079460958',
      'Teléfono: 620586301',
      'Telefonnummer: 03090182034',
      '{"phoneNumber": "4155552671"}',
      'Can someone call me on 450 0840',
      'phone 4155552671',
    ],
    ignores: [
      '2026-11-21 10:15:43',
      'took 3000 ms, 20 connections, 4512 rows',
      '10.0.0.7:8080',
      'id 550e8400-e29b-41d4-a716-446655440000',
      'version 1.20.300',
      '4111111111111111',
      'block blk_-1608999687919862906',
      '+2026-11-21 10:15',
      'expires = now + 31536000000',
      'calls at F1 0.18-0.65',
      'telemetry 1732184143123 sent',
      'the call took 1732184 ns',
      '03-06-2005-15',
    ],
  },
  find({ text }) {
    if (!digitRun.test(text)) return []
    const findings = findInternational(text)
    for (const pattern of nationalForms) {
      const accept = (match: string) => !lookalike.test(match)
      findings.push(...findMatches(text, { entity: 'PHONE', pattern, score: 0.7, accept }))
    }
    findings.push(...findAfter(announced, text, () => true), ...findAfter(mentioned, text, (at) => dialable.test(at)))
    return findings.map((finding) => withExtension(finding, text))
  },
}

function findInternational(text: string): Finding[] {
  const findings: Finding[] = []
  for (const { 0: found, index } of text.matchAll(international)) {
    if (lookalike.test(found.slice(1)) || sum.test(found)) continue
    const length = lengthOfInternational(found)
    if (length > 0) findings.push({ start: index, end: index + length, entity: 'PHONE', score: 0.85 })
  }
  return findings
}

/**
 * How much of the text is a number of its country, 0 if none is. The longest reading wins, and one that ends where a
 * group of digits ends wins over one that does not: what follows may be another number.
 */
function lengthOfInternational(found: string): number {
  // A trunk zero in parentheses is written for callers at home and belongs to no plan.
  const places = [...found.replace(/^00/, '++').replace(/\(0\)/, '(o)').matchAll(/\d/g)].map(({ index }) => index)
  const digits = places.map((place) => found[place]).join('')
  const code = [1, 2, 3].map((length) => digits.slice(0, length)).find((prefix) => lengthsByCallingCode.has(prefix))
  let longest = 0
  for (const length of lengthsByCallingCode.get(code ?? '') ?? []) {
    const end = (places[(code ?? '').length + length - 1] ?? -1) + 1
    if (end > 0 && rank(found, end) > rank(found, longest)) longest = end
  }
  // Mistyped and made-up numbers are personal all the same, if they are written as one.
  const isWritten = code !== undefined && digits.length <= 15 && /\d[ .-]\d+[ .-]\d/.test(found)
  return isWritten && !endsGroup(found, longest) ? found.length : longest
}

function rank(found: string, end: number): number {
  return endsGroup(found, end) ? end + found.length : end
}

function endsGroup(found: string, end: number): boolean {
  return end > 0 && !/\d/.test(found[end] ?? '')
}

/** The numbers that stand right after a word, and those joined to them by a comma or an "and". */
function findAfter(word: RegExp, text: string, accept: (number: string) => boolean): Finding[] {
  const findings: Finding[] = []
  for (const { 0: words, index } of text.matchAll(word)) {
    for (let from: number | null = index + words.length; from !== null; ) {
      if (words.endsWith('(') && text[from] !== '(') from -= 1
      anyForm.lastIndex = from
      const found: string | undefined = anyForm.exec(text)?.[0]
      // A letter before the digits makes them part of a name: `F1 0.18`.
      if (found === undefined || /\p{L}/u.test(text[from - 1] ?? '') || lookalike.test(found) || !accept(found)) break
      const end: number = from + withoutNeighbour(found).length
      findings.push({ start: from, end, entity: 'PHONE', score: 0.7 })
      furtherNumber.lastIndex = end
      from = furtherNumber.test(text) ? furtherNumber.lastIndex : null
    }
  }
  return findings
}

/** A postcode or a year may follow after a blank: no national number has more than twelve digits. */
function withoutNeighbour(found: string): string {
  let number = found
  while (number.replace(/\D/g, '').length > 12 && number.includes(' '))
    number = number.slice(0, number.lastIndexOf(' '))
  return number
}

function withExtension(finding: Finding, text: string): Finding {
  extension.lastIndex = finding.end
  return extension.test(text) ? { ...finding, end: extension.lastIndex } : finding
}

function readNumberingPlans(): ReadonlyMap<string, ReadonlySet<number>> {
  const metadata = new Metadata()
  const plans = new Map<string, Set<number>>()
  for (const country of getCountries()) {
    metadata.selectNumberingPlan(country)
    const code = getCountryCallingCode(country)
    const known = plans.get(code) ?? new Set()
    plans.set(code, new Set([...known, ...(metadata.numberingPlan?.possibleLengths() ?? [])]))
  }
  return plans
}
