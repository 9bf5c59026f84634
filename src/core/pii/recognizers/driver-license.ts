import { codeValue, findAnnounced } from '../announced.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const announcement = {
  entity: 'DRIVER_LICENSE',
  words: wordSet([
    'cdl',
    'state id',
    "operator's license",
    'operator license',
    'licence no',
    'dmv number',
    'learner permit',
    ...[
      "driver's license",
      'driver license',
      'drivers license',
      "driver's licence",
      'driving licence',
      'driver licence',
    ],
    ...[
      'driving license',
      'driver’s license',
      'driver’s licence',
      'drivers licence',
      'driver_license',
      'driverlicense',
    ],
    ...['drivers_license', 'license number', 'licence number', 'dln', "driver's lic", 'dl no', 'dl#', 'dvla'],
    ...['führerschein', 'führerscheinnummer', 'permis de conduire', 'permiso de conducir', 'carné de conducir', 'cnh'],
    ...[
      'licencia de conducir',
      'licencia de conducción',
      'patente di guida',
      'carta de condução',
      'carteira de motorista',
    ],
    ...[
      'rijbewijs',
      'rijbewijsnummer',
      'prawo jazdy',
      'körkort',
      'førerkort',
      'kørekort',
      'ajokortti',
      'řidičský průkaz',
    ],
  ]),
  vague: wordSet(['dl', 'license', 'licence', 'permit', 'license_number']),
  prefixes: wordSet(['dl', 'lic', 'dln', 'cdl']),
  value: codeValue,
  minDigits: 5,
  score: 0.7,
  // A licence of software has a name and a version: `License: Apache-2.0`.
  accept: (value: string) => !/^[a-z]{2,}[-/]/.test(value),
} as const

/** As Illinois, Wisconsin and Florida print it. */
const printed = /[A-Z]\d{3}-\d{3,4}-(?:\d{4}(?:-\d{2})?|\d{2}-\d{3}-\d)(?![\w-])/y

export const driverLicense: Recognizer = {
  entity: 'DRIVER_LICENSE',
  examples: {
    finds: [
      'shows ⟦D123-4567-8901⟧.',
      'License: ⟦DL-X15925-25⟧ | Phone',
      'DL: ⟦D123-4567-8901⟧',
      "driver's license number is ⟦S12345678⟧",
      'Führerschein Nr. ⟦B072RRE2I55⟧',
      'driving licence ⟦MORGA657054SM9IJ⟧',
      '"driver_license": "⟦F2551234⟧"',
    ],
    ignores: [
      'License: Apache-2.0',
      'DL 12 MB in 3 s',
      'cobre 43 mg/dl (70-1600)',
      'the license expires soon',
      'license MIT 2024',
      'dl=0',
    ],
  },
  find(scan) {
    const findings: Finding[] = findAnnounced(scan, announcement)
    for (const { start, end } of scan.codes) {
      if (end - start !== 4 || scan.text.charAt(end) !== '-' || /[\w.-]/.test(scan.text.charAt(start - 1))) continue
      printed.lastIndex = start
      if (printed.test(scan.text))
        findings.push({ start, end: printed.lastIndex, entity: 'DRIVER_LICENSE', score: 0.65 })
    }
    return findings
  },
}
