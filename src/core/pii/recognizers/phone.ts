import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/min'
import { findMatches } from '../find-matches.ts'
import type { Finding, Recognizer } from '../recognizer.ts'

/** Where national numbers are looked for, if a word says that a number is one. */
const regions: readonly CountryCode[] = ['US', 'GB', 'DE', 'FR', 'ES', 'IT', 'NL', 'PT', 'PL', 'SE', 'BR', 'IN', 'AU']

// `+` and a country code: up to 15 digits (ITU-T E.164) with the separators in use.
const international = /(?<![\w+])(?:\+|00(?=[1-9]))[1-9]\d{0,3}(?:[ ().\-/]{0,3}\d{1,14}){1,8}(?!\d)/g
/** Without one of these no national number is looked for. */
const phoneWord = /tel|phone|call|mobil|cell|fax|whatsapp|handy|móvil|portable/i
// North American numbers are written with their area code set off; that form alone is a sign.
const northAmerican = /(?<![\w.+-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-.])[2-9]\d{2}[-. ]\d{4}(?![\w-]|\.\d)/g
const nationalAfterWord =
  /(?<=\b(?:tele(?:ph|f)one?|tel|phone|call|mobile|cell|fax|whatsapp|handy|mobil|móvil|teléfono|portable)\b[^\d\n+]{0,20})\(?0?\d(?:[ ().\-/]{0,2}\d){5,13}(?!\d)/giu

export const phone: Recognizer = {
  entity: 'PHONE',
  examples: {
    finds: [
      '+49 30 901820',
      'call +1 (415) 555-2671 now',
      '+442079460958',
      'fax (415) 555-2671',
      'ring 415-555-2671 today',
      'Tel.: 030 901820',
      'Telefon 089/2180-0',
      'phone: 020 7946 0958',
      '0033 1 42 68 53 00',
    ],
    ignores: [
      '2026-11-21 10:15:43',
      'took 3000 ms, 20 connections, 4512 rows',
      '10.0.0.7:8080',
      'id 550e8400-e29b-41d4-a716-446655440000',
      'version 1.20.300',
      '4111111111111111',
      'block blk_-1608999687919862906',
    ],
  },
  find(text) {
    if (!/\d{2}/.test(text)) return []
    const findings: Finding[] = []
    const hasPlus = text.includes('+') || text.includes('00')
    if (hasPlus) findings.push(...findInternational(text))
    findings.push(
      ...findMatches(text, { entity: 'PHONE', pattern: northAmerican, score: 0.7, accept: isNumberIn(['US']) }),
    )
    if (phoneWord.test(text)) {
      const accept = isNumberIn(regions)
      findings.push(...findMatches(text, { entity: 'PHONE', pattern: nationalAfterWord, score: 0.7, accept }))
    }
    return findings
  },
}

/** The longest reading that is a number: what follows it after a blank may be another number. */
function findInternational(text: string): Finding[] {
  const findings: Finding[] = []
  for (const { 0: found, index } of text.matchAll(international)) {
    for (let length = found.length; length >= 8; length = lastBreak(found, length)) {
      const candidate = found.slice(0, length).replace(/^00/, '+')
      if (!parsePhoneNumberFromString(candidate)?.isPossible()) continue
      findings.push({ start: index, end: index + length, entity: 'PHONE', score: 0.85 })
      break
    }
  }
  return findings
}

/** Where the digits before the last separator end. */
function lastBreak(found: string, length: number): number {
  const shortened = found.slice(0, length).replace(/[ ().\-/]+\d+$/, '')
  return shortened.length === length ? 0 : shortened.length
}

function isNumberIn(countries: readonly CountryCode[]): (match: string) => boolean {
  return (match) => countries.some((country) => parsePhoneNumberFromString(match, country)?.isValid() === true)
}
