import { countrySpecs, isValidIBAN } from 'ibantools'
import { isIntroduced } from '../find-matches.ts'
import type { Finding, Recognizer } from '../recognizer.ts'

/** How many signs an IBAN has, by country. */
const lengths: ReadonlyMap<string, number> = new Map(
  Object.entries(countrySpecs).flatMap(([country, { chars }]) => (chars ? [[country, chars] as const] : [])),
)
/** Country and check digits. */
const start = /[a-z]{2}\d\d/gi
const shapes: ReadonlyMap<string, RegExp> = new Map(
  Object.entries(countrySpecs).flatMap(([country, { bban_regexp: shape }]) =>
    shape ? [[country, new RegExp(shape)] as const] : [],
  ),
)
/** Signs in groups, with at most one blank or dash between two of them. */
const introducedForm = /[a-z]{2}\d\d(?:[a-z0-9]{10,30}|(?:[ -][a-z0-9]{4}){2,7}(?:[ -][a-z0-9]{1,3})?)(?![a-z0-9])/iy
const introduction = /\bIBAN\b[^\d\n]{0,20}$/i

export const iban: Recognizer = {
  entity: 'IBAN',
  examples: {
    finds: [
      'DE89370400440532013000',
      'IBAN GB29 NWBK 6016 1331 9268 19 please',
      'fr14 2004 1010 0505 0001 3m02 606',
      'NL91-ABNA-0417-1643-00',
      'DE89 3704 0044 0532 0130 00 and more words',
      '77DE893704004405320130004',
      'IBAN: GB95ABCD60049445',
      'from ⟦GB56HXDO88167774656118⟧ to',
    ],
    ignores: [
      'AB12 hello world',
      'GB29 NWBK',
      'XX00 0000 0000 0000',
      'DE8937040044053201300',
      'x89370400440532013001',
      'de89 de90 de91',
    ],
  },
  find({ text, codes }) {
    const findings: Finding[] = []
    for (const run of codes) {
      const code = text.slice(run.start, run.end)
      for (const { 0: found, index } of code.matchAll(start)) {
        const from = run.start + index
        const end = endOfIban(text, from, found.slice(0, 2)) ?? endOfIntroduced(text, from)
        if (end !== null) findings.push({ start: from, end, entity: 'IBAN', score: 0.99 })
        else if (index === 0 && isShapedLikeIban(code)) findings.push({ ...run, entity: 'IBAN', score: 0.6 })
      }
    }
    return findings
  },
}

/** In one piece and in capitals, of its country's length and form: made up or mistyped, but nothing else. */
function isShapedLikeIban(code: string): boolean {
  const country = code.slice(0, 2)
  return code.length === lengths.get(country) && (shapes.get(country)?.test(code.slice(4)) ?? false)
}

/** The country fixes the length, so words or digits may follow without a break. */
function endOfIban(text: string, from: number, country: string): number | null {
  const length = lengths.get(country.toUpperCase())
  if (length === undefined) return null
  let index = from
  let signs = 0
  for (; signs < length; index += 1) {
    const unit = text.charCodeAt(index)
    if (isLetterOrDigit(unit)) signs += 1
    else if ((unit !== 0x20 && unit !== 0x2d) || !isLetterOrDigit(text.charCodeAt(index - 1))) return null
  }
  // In small letters only as a word: hexadecimal ids would pass the checksum now and then.
  const isGlued = isLetterOrDigit(text.charCodeAt(from - 1)) || isLetterOrDigit(text.charCodeAt(index))
  if (isGlued && country !== country.toUpperCase()) return null
  const compact = text.slice(from, index).replace(/[ -]/g, '').toUpperCase()
  return isDivisible(compact) && isValidIBAN(compact) ? index : null
}

/** ISO/IEC 7064 MOD 97-10, before the library looks at the country's form: most stretches fail here. */
function isDivisible(compact: string): boolean {
  let rest = 0
  for (let place = 0; place < compact.length; place += 1) {
    const unit = compact.charCodeAt((place + 4) % compact.length)
    rest = (unit <= 57 ? rest * 10 + unit - 48 : rest * 100 + unit - 55) % 97
  }
  return rest === 1
}

function isLetterOrDigit(unit: number): boolean {
  return (unit >= 48 && unit <= 57) || (unit >= 65 && unit <= 90) || (unit >= 97 && unit <= 122)
}

/** A mistyped IBAN fails its checksum and is personal all the same, if the text says that it is one. */
function endOfIntroduced(text: string, from: number): number | null {
  introducedForm.lastIndex = from
  return introducedForm.test(text) && isIntroduced(text, from, introduction) ? introducedForm.lastIndex : null
}
