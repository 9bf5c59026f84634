import { isValidIBAN } from 'ibantools'
import type { Finding, Recognizer } from '../recognizer.ts'

// Two letters, two check digits, then groups with at most one blank or dash between signs.
const start = /(?<![a-z0-9])[a-z]{2}\d{2}(?=[ -]?[a-z0-9])/gi
const minLength = 15
const maxLength = 34

export const iban: Recognizer = {
  entity: 'IBAN',
  examples: {
    finds: [
      'DE89370400440532013000',
      'IBAN GB29 NWBK 6016 1331 9268 19 please',
      'fr14 2004 1010 0505 0001 3m02 606',
      'NL91-ABNA-0417-1643-00',
      'DE89 3704 0044 0532 0130 00 and more words',
    ],
    ignores: ['DE89370400440532013001', 'AB12 hello world', 'GB29 NWBK', 'XX00 0000 0000 0000'],
  },
  find(text) {
    const findings: Finding[] = []
    for (const { index } of text.matchAll(start)) {
      const end = endOfIban(text, index)
      if (end !== null) findings.push({ start: index, end, entity: 'IBAN', score: 0.99 })
    }
    return findings
  },
}

/** The end of the longest IBAN that starts here. Its country fixes its length, but words may follow without a break. */
function endOfIban(text: string, from: number): number | null {
  let compact = ''
  let end: number | null = null
  for (let index = from; index < text.length && compact.length < maxLength; index += 1) {
    const sign = text[index] ?? ''
    if (/[a-z0-9]/i.test(sign)) compact += sign.toUpperCase()
    else if (!/[ -]/.test(sign) || !/[a-z0-9]/i.test(text[index - 1] ?? '')) break
    if (compact.length >= minLength && isValidIBAN(compact)) end = index + 1
  }
  return end
}
