import { codeValue, findAnnounced } from '../announced.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const announcement = {
  entity: 'CASE_NUMBER',
  words: wordSet([
    'case #',
    'case ref',
    'case reference',
    'file no',
    'file number',
    'civil case',
    'criminal case',
    'court no',
    'petition no',
    'matter no',
    'matter number',
    'claim form no',
    'warrant no',
    'citation number',
    'complaint no',
    'complaint number',
    ...[
      'case number',
      'case no',
      'case no.',
      'case_number',
      'casenumber',
      'case id',
      'docket',
      'docket no',
      'docket no.',
    ],
    ...[
      'docket number',
      'civil action no',
      'cause no',
      'index no',
      'court file no',
      'court case',
      'aktenzeichen',
      'az.',
    ],
    ...[
      'geschäftszeichen',
      'numéro de dossier',
      'n° de dossier',
      'número de expediente',
      'expediente',
      'nº de expediente',
      'autos nº',
    ],
    ...[
      'numero di procedimento',
      'r.g.',
      'processo nº',
      'número do processo',
      'zaaknummer',
      'rolnummer',
      'sygn. akt',
      'sygnatura akt',
    ],
    ...[
      'målnummer',
      'saksnummer',
      'sagsnummer',
      'asianumero',
      'procédure',
      'report number',
      'police report',
      'incident number',
    ],
  ]),
  vague: wordSet(['case', 'case:', 'matter', 'proceeding', 'dossier', 'procedimiento']),
  // Federal courts of the United States write office, year, kind, number and judges: `2:26-mc-01120-SCB`.
  prefixes: wordSet(['case', 'dkt', 'docket', 'cv', 'cr', 'crim', 'civ', 'fam', 'imm']),
  value: new RegExp(
    String.raw`\d{1,2}:\d{2}-[a-z]{2,3}-\d{3,6}(?:-[A-Z]{1,4}){0,3}(?![\w-])|\d{1,4} [A-Z][A-Za-z]{0,3} \d{1,6}\/\d{2,4}|${codeValue.source}`,
    'y',
  ),
  minDigits: 4,
  score: 0.75,
  accept: (value: string) => /\d{5}|[-/ ]/.test(value),
} as const

const kinds = wordSet(
  [
    ...[
      '-cv-',
      '-cr-',
      '-mc-',
      '-mj-',
      '-md-',
      '-bk-',
      '-ap-',
      '-civ-',
      '-crim-',
      '-fam-',
      '-misc-',
      '-po-',
      '-sw-',
      '-prob-',
    ],
    ...['cv-', 'cr-'].map((kind) => `:${kind}`),
  ],
  { whole: false },
)
const docket = /(?:\d{1,2}:\d{2}|\d{4}|\d{2})-[A-Za-z]{2,5}-\d{3,8}(?:-[A-Z]{1,4}){0,3}(?![\w-])/y
const longestOffice = 5

export const caseNumber: Recognizer = {
  entity: 'CASE_NUMBER',
  examples: {
    finds: [
      'Case No. ⟦7:24-cr-02729-SLA⟧\nFiled',
      'Case: ⟦2026-CR-9943⟧\nDate',
      'see ⟦2:26-mc-01120-SCB⟧ above',
      'filed as ⟦2023-CRIM-9738⟧.',
      'Aktenzeichen ⟦12 O 345/21⟧',
      'docket no. ⟦19-1392⟧',
      'número de expediente ⟦123/2020⟧',
    ],
    ignores: ['in case 2024 ends', 'case 12: break', 'test case #14', 'case: 12.5', 'use-case 4711'],
  },
  find(scan) {
    const { text } = scan
    const findings: Finding[] = findAnnounced(scan, announcement)
    for (const kindStart of scan.hits(kinds).starts) {
      for (let start = kindStart - 2; start >= kindStart - longestOffice; start -= 1) {
        if (/[\w:-]/.test(text.charAt(start - 1))) continue
        docket.lastIndex = start
        if (docket.test(text)) findings.push({ start, end: docket.lastIndex, entity: 'CASE_NUMBER', score: 0.85 })
      }
    }
    return findings
  },
}
