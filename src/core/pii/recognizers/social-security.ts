import { readLead } from '../announced.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const words = wordSet([
  ...[
    'ssn',
    'ssns',
    'ss#',
    'ssn#',
    's.s.n.',
    'social security',
    'social security number',
    'social security no',
    'soc sec',
  ],
  ...[
    'social security num',
    'ssn_backup',
    'socialsecuritynumber',
    'social_security_number',
    'social-security',
    'ssnumber',
  ],
  ...['social insurance number', 'sozialversicherungsnummer', 'número de seguro social', 'numero de seguro social'],
  ...['numéro de sécurité sociale', 'seguro social', 'previdenza sociale', 'segurança social', 'last four ssn'],
])

// Three, two and four digits. The areas that were never given out (000, 666, 9xx) are in texts all the same.
const written = /\d{3}([- –.])\d{2}\1\d{4}(?![\w]|[-–./]\w)/y
/** After its name, in any form; scanners and typists write letters for digits. */
const introduced =
  /(?:(?:[\dOoQlIiSBZG]{3}([- –.]{0,3})[\dOoQlIiSBZG]{2}\1[\dOoQlIiSBZG]{4})|[\dX*#]{3}[- ][\dX*#]{2}[- ]\d{4})(?![A-Za-z\d])/y

const lastFourWords = wordSet([
  ...[
    'ssn ending in',
    'ssn ending',
    'last four of ssn',
    'last 4 of ssn',
    'last four of the ssn',
    'last 4 ssn',
    'last four ssn',
  ],
  ...[
    'ssn last four',
    'ssn last 4',
    'last four digits of ssn',
    'last 4 digits of ssn',
    'last four of social',
    'ssn (last 4)',
  ],
  ...['last four digits of the social security number', 'last four digits of her ssn', 'last four digits of his ssn'],
])
const lastFour = /\d{4}(?![\w-]|[.,:/]\d)/y

export const socialSecurity: Recognizer = {
  entity: 'SSN',
  examples: {
    finds: [
      'SSN on file for Ada is ⟦441-75-9940⟧;',
      'SSN ⟦950-75-1166⟧',
      'ssn=⟦123456789⟧',
      'SSN ⟦53B-42-l397⟧, Phone',
      '<ssn>⟦271-91-9271⟧</ssn>',
      '"ssn_backup": "⟦244-64-7444⟧"',
      'ada,⟦232-37-5877⟧',
      'ID Number: ⟦482-32-7682⟧',
      'Social Security Number, for the record?\nA: ⟦950 75 1166⟧.',
      'SSN ⟦XXX-XX-6789⟧',
      'last 4 of SSN: ⟦6789⟧',
    ],
    ignores: [
      '123456789',
      '123-45-67890',
      '1123-45-6789',
      'a-123-45-6789',
      'uuid 123-45-6789-abcd',
      'SSN validation failed after 3000 ms',
      '10.123.45.6789',
    ],
  },
  find(scan) {
    const { text } = scan
    const findings: Finding[] = []
    for (const { start, end } of scan.digitGroups(3)) {
      const sign = text.charAt(end)
      if ((sign !== '-' && sign !== '–') || /[\w./–-]/.test(text.charAt(start - 1))) continue
      written.lastIndex = start
      if (written.test(text)) findings.push({ start, end: written.lastIndex, entity: 'SSN', score: 0.88 })
    }
    for (const wordEnd of scan.hits(words).ends) {
      const { end: start } = readLead(text, wordEnd)
      introduced.lastIndex = start
      const found = introduced.exec(text)?.[0]
      // Three letters for digits at most, else `SSN OIS…` and words would do.
      if (found === undefined || found.replace(/[^\d*#X]/g, '').length < 6) continue
      findings.push({ start, end: start + found.length, entity: 'SSN', score: 0.9 })
    }
    for (const wordEnd of scan.hits(lastFourWords).ends) {
      const { end: start } = readLead(text, wordEnd)
      lastFour.lastIndex = start
      if (lastFour.test(text)) findings.push({ start, end: lastFour.lastIndex, entity: 'SSN', score: 0.8 })
    }
    return findings
  },
}
