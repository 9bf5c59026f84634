import { lengthOfInternational } from '../phones/numbering-plans.ts'
import { findInternationalStarts, findNational, isLookalike, type PhoneStretch } from '../phones/phone-forms.ts'
import { callWords, phoneWords } from '../phones/phone-words.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { joinWidest } from '../widest.ts'

const international = /(?:\+|(?<![\w.:-])00(?=[1-9]\d{0,2}[ ./-]))[ (]{0,2}[1-9](?:[ ()./-]{0,3}\d){6,19}/y
/** What may stand between a word and its number: `phone: `, `Telefon (privat): `, `Phone:\n`. */
const afterWord = /[^\d+\n]{0,24}(?:\n[^\d+\n]{0,8})?/y
const afterCallWord = /[^\d+\n]{0,24}/y
const anyForm = /\(?\d(?:[ ()./-]{0,2}\d){6,14}(?!\d)/y
const shortForm = /\d{2,3}([ -])\d{2}\1\d{2}(?!\d|[ -]\d)/y
const dialable = /\d[ ()/-]{1,2}\d|\d\.\d+\.\d|^(?:0[1-9]\d{8,10}|1?[2-9]\d{2}[2-9]\d{6}|[6-9]\d{8})$/
const furtherNumber = /(?: ?[,;/&] ?| - | (?:y|o|or|and|und|oder|et|ou|e) )/y
const extension =
  / ?(?:\(ext\.?\)|x|ext(?:ensi[oó]n)?\.?|extension|poste|durchwahl|int\.)[ :.]{0,2}\d{1,6}(?:-\d{1,4})?(?!\d)/iy
/** `cachedAt + 31536000000` */
const sum = /^\+ \d+$/

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
      'Tel.: ⟦981.33.40.00 (Ext): 138⟧ Fax',
      'Tfno. ⟦848 42 26 44⟧ e-mail',
      'hospital ⟦914 90 66 60⟧.',
      'You can call ⟦33 93 31⟧',
    ],
    ignores: [
      '2026-11-21 10:15:43',
      'took 3000 ms, 20 connections, 4512 rows',
      '10.0.0.7:8080',
      'id 550e8400-e29b-41d4-a716-446655440000',
      'version 1.20.300',
      'mobile-gws-serp.1.0.41.22321.23291.0.25794',
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
  find(scan) {
    const { text } = scan
    const findings = findInternational(scan)
    for (const stretch of findNational(scan)) findings.push({ ...stretch, entity: 'PHONE', score: 0.7 })
    const words = scan.hits(phoneWords)
    for (const end of words.ends) findings.push(...findAfter(text, end, { between: afterWord, accept: () => true }))
    for (const end of scan.hits(callWords).ends) {
      findings.push(...findAfter(text, end, { between: afterCallWord, accept: (found) => dialable.test(found) }))
    }
    return joinWidest(findings.map((finding) => withExtension(finding, text)))
  },
}

function findInternational(scan: Scan): Finding[] {
  const { text } = scan
  const findings: Finding[] = []
  let covered = 0
  for (const start of findInternationalStarts(scan)) {
    if (start < covered) continue
    international.lastIndex = start
    const found = international.exec(text)?.[0]
    if (found === undefined || isLookalike(found.slice(1)) || sum.test(found)) continue
    const length = lengthOfInternational(found)
    if (length === 0) continue
    covered = start + length
    findings.push({ start, end: covered, entity: 'PHONE', score: 0.85 })
  }
  return findings
}

/** The number that stands right after a word, and those joined to it by a comma or an "and". */
function findAfter(
  text: string,
  wordEnd: number,
  how: { between: RegExp; accept: (found: string) => boolean },
): Finding[] {
  const findings: Finding[] = []
  how.between.lastIndex = wordEnd
  how.between.test(text)
  let from: number | null = how.between.lastIndex
  if (from > wordEnd && text[from - 1] === '(') from -= 1
  while (from !== null) {
    const found = numberAt(text, from)
    if (!found || !how.accept(text.slice(found.start, found.end))) break
    findings.push({ ...found, entity: 'PHONE', score: 0.7 })
    furtherNumber.lastIndex = found.end
    from = furtherNumber.test(text) ? furtherNumber.lastIndex : null
  }
  return findings
}

function numberAt(text: string, start: number): PhoneStretch | null {
  // A letter before the digits makes them part of a name: `F1 0.18`.
  if (/\p{L}/u.test(text[start - 1] ?? '')) return null
  for (const form of [anyForm, shortForm]) {
    form.lastIndex = start
    const found = form.exec(text)?.[0]
    if (found !== undefined && !isLookalike(found)) return { start, end: start + withoutNeighbour(found).length }
  }
  return null
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
