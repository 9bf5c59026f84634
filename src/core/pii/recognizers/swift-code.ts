import { countrySpecs } from 'ibantools'
import { findAnnounced } from '../announced.ts'
import type { Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const words = wordSet([
  'swift',
  'bic',
  'swift code',
  'bic code',
  'swift/bic',
  'bic/swift',
  'swift-code',
  'swift_code',
  'swiftcode',
])

/** ISO 9362: institution, country, location, and a branch or not. */
const announcement = {
  entity: 'SWIFT',
  words,
  value: /[A-Z]{4}[A-Z]{2}[A-Z\d]{2}(?:[A-Z\d]{3})?(?![A-Za-z\d])/y,
  minDigits: 0,
  score: 0.85,
  accept: isBankCode,
} as const
// Two digits for the location, or a digit and a letter as in New York: constants of programs end in other digits.
const alone = /^[A-Z]{6}(?:22|33|44|[23][A-Z])(?:XXX|\d{3})?$/

export const swiftCode: Recognizer = {
  entity: 'SWIFT',
  examples: {
    finds: ['SWIFT: ⟦DEUTDEFF⟧', 'BIC ⟦COBADEFFXXX⟧', 'bank ⟦CHASUS33⟧ pays', 'swift code is ⟦BNPAFRPP⟧'],
    ignores: [
      'DEUTDEFF',
      'swift SOLUTION',
      'SWIFT 5.10',
      'ERRORX12',
      'BITSET32',
      'INTEGER8',
      'taylor swift LEGENDARY',
      'CHASUS33A',
    ],
  },
  find(scan) {
    const findings = findAnnounced(scan, announcement)
    for (const { start, end } of scan.codes) {
      if (end - start !== 8 && end - start !== 11) continue
      const code = scan.text.slice(start, end)
      const isWhole = !/[\w-]/.test(scan.text.charAt(start - 1)) && !/[\w-]/.test(scan.text.charAt(end))
      if (isWhole && alone.test(code) && isBankCode(code)) findings.push({ start, end, entity: 'SWIFT', score: 0.6 })
    }
    return findings
  },
}

function isBankCode(code: string): boolean {
  return Object.hasOwn(countrySpecs, code.slice(4, 6))
}
