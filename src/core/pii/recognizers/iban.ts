import { countrySpecs, isValidIBAN } from 'ibantools'
import { isIntroduced } from '../find-matches.ts'
import type { Finding, Recognizer } from '../recognizer.ts'

/** How many signs an IBAN has, by country. */
const lengths: ReadonlyMap<string, number> = new Map(
  Object.entries(countrySpecs).flatMap(([country, { chars }]) => (chars ? [[country, chars] as const] : [])),
)
// Digits are rarer than letters, so the search is for the check digits and looks back for the country.
const start = /\d\d(?<=([a-z]{2})\d\d)/gi
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
    ],
    ignores: ['DE89370400440532013001', 'AB12 hello world', 'GB29 NWBK', 'XX00 0000 0000 0000', 'de89 de90 de91'],
  },
  find({ text }) {
    const findings: Finding[] = []
    for (const { 1: country = '', index } of text.matchAll(start)) {
      const from = index - 2
      const end = endOfIban(text, from, country) ?? endOfIntroduced(text, from)
      if (end !== null) findings.push({ start: from, end, entity: 'IBAN', score: 0.99 })
    }
    return findings
  },
}

/** The country fixes the length, so words or digits may follow without a break. */
function endOfIban(text: string, from: number, country: string): number | null {
  const length = lengths.get(country.toUpperCase())
  if (length === undefined) return null
  let compact = ''
  let index = from
  for (; compact.length < length; index += 1) {
    const sign = text[index] ?? ''
    if (/[a-z0-9]/i.test(sign)) compact += sign
    else if ((sign !== ' ' && sign !== '-') || !/[a-z0-9]/i.test(text[index - 1] ?? '')) return null
  }
  // In small letters only as a word: hexadecimal ids would pass the checksum now and then.
  if (country !== country.toUpperCase() && /[a-z0-9]/i.test((text[from - 1] ?? '') + (text[index] ?? ''))) return null
  return isValidIBAN(compact.toUpperCase()) ? index : null
}

/** A mistyped IBAN fails its checksum and is personal all the same, if the text says that it is one. */
function endOfIntroduced(text: string, from: number): number | null {
  introducedForm.lastIndex = from
  return introducedForm.test(text) && isIntroduced(text, from, introduction) ? introducedForm.lastIndex : null
}
