import type { Finding, Recognizer } from '../recognizer.ts'

/** ISO/IEC 7812: 12 to 19 digits; the networks in use start at 13. */
const minDigits = 13
const maxDigits = 19
// A run of digits with at most one blank or dash between two of them.
const run = /\d(?:[ -]?\d){12,}/g
/**
 * Prefixes of the networks: Visa 4, Mastercard 51-55 and 2221-2720, American Express 34 and 37, Diners 300-305, 36, 38
 * and 39, Discover 6011, 644-649 and 65, JCB 3528-3589, UnionPay 62, Maestro 50 and 56-69.
 */
const issuer = /^(?:4|5[0-9]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|30[0-5]|3[689]|35(?:2[89]|[3-8])|6)/

export const paymentCard: Recognizer = {
  entity: 'PAYMENT_CARD',
  examples: {
    finds: [
      '4111111111111111',
      'card 4111 1111 1111 1111 exp 12/30',
      '5555-5555-5555-4444',
      'amex 378282246310005.',
      '94111111111111111',
    ],
    ignores: ['4111111111111112', '1234567890123', '2026-11-21 10:15:43', 'order 0000 0000 0000 0000'],
  },
  find(text) {
    const findings: Finding[] = []
    for (const { 0: found, index } of text.matchAll(run)) findings.push(...cardsIn(found, index))
    return findings
  },
}

/**
 * Every start and every length is tried, because a neighbour's digits may stand before or after the card and one
 * greedy reading of the run would fail the checksum and let the card through.
 */
function cardsIn(found: string, offset: number): Finding[] {
  const places = [...found].flatMap((sign, index) => (sign >= '0' && sign <= '9' ? [index] : []))
  const digits = places.map((place) => found[place]).join('')
  const findings: Finding[] = []
  for (let from = 0; from + minDigits <= digits.length; from += 1) {
    for (let length = minDigits; length <= maxDigits && from + length <= digits.length; length += 1) {
      const number = digits.slice(from, from + length)
      if (!issuer.test(number) || !hasIssuerLength(number) || !passesLuhn(number)) continue
      const start = offset + (places[from] ?? 0)
      const end = offset + (places[from + length - 1] ?? 0) + 1
      findings.push({ start, end, entity: 'PAYMENT_CARD', score: length >= 15 ? 0.95 : 0.7 })
    }
  }
  return findings
}

/** Only Maestro and old Visa cards have unusual lengths; without this one number in ten of any kind would be a card. */
function hasIssuerLength(number: string): boolean {
  if (/^3[47]/.test(number)) return number.length === 15
  if (/^3(?:0[0-5]|[689])/.test(number)) return number.length === 14
  if (number.startsWith('4')) return [13, 16, 19].includes(number.length)
  if (/^(?:5[1-5]|2)/.test(number)) return number.length === 16
  return number.length >= 16
}

/** ISO/IEC 7812-1 annex B. All zeros pass the sum and are no card; `issuer` has ruled them out. */
function passesLuhn(number: string): boolean {
  let sum = 0
  for (let index = 0; index < number.length; index += 1) {
    const digit = number.charCodeAt(number.length - 1 - index) - 48
    const doubled = index % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
