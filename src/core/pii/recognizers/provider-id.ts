import { codeValue, findAnnounced } from '../announced.ts'
import { digitsOf } from '../check-digits.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const announcement = {
  entity: 'PROVIDER_ID',
  words: wordSet([
    'sbn',
    'state bar no',
    'state bar number',
    'attorney number',
    'attorney no',
    'attorney id',
    'attorney registration',
    'medical license number',
    'provider npi',
    'physician id',
    'prescriber id',
    'doctor id',
    'nursing license',
    'license number',
    'licensee',
    ...[
      'npi',
      'npi number',
      'npi no',
      'npi#',
      'national provider identifier',
      'dea',
      'dea number',
      'dea no',
      'dea#',
      'upin',
    ],
    ...[
      'provider id',
      'provider number',
      'provider_id',
      'medical license',
      'medical licence',
      'license no',
      'licence no',
    ],
    ...[
      'bar no',
      'bar number',
      'bar no.',
      'bar license',
      'bar id',
      'bar #',
      'state bar',
      'gmc',
      'gmc number',
      'gmc no',
      'nmc pin',
    ],
    ...[
      'nºcol',
      'nocol',
      'n.col',
      'nº col',
      'no col',
      'nº colegiado',
      'colegiado',
      'número de colegiado',
      'núm. colegiado',
      'cias',
    ],
    ...[
      'nº de colegiado',
      'n.º colegiado',
      'no colegiado',
      'colegiada',
      'n colegiado',
      'nº col.',
      'n° col',
      'n°col',
      'num. col',
    ],
    ...[
      'lanr',
      'bsnr',
      'arztnummer',
      'betriebsstättennummer',
      'rpps',
      'adeli',
      'n° rpps',
      'finess',
      'crm',
      'ordem dos médicos',
    ],
    ...[
      'big-nummer',
      'big nummer',
      'agb-code',
      'agb code',
      'numer pwz',
      'pwz',
      'hpr-nummer',
      'legitimationskod',
      'ahpra',
    ],
    ...[
      'licensed clinical',
      'npi_number',
      'dea_number',
      'license_no',
      'cédula profesional',
      'matrícula profesional',
      'inami',
      'riziv',
    ],
  ]),
  vague: wordSet(['state bar', 'physician', 'provider', 'prescriber', 'attorney']),
  prefixes: wordSet(['npi', 'dea', 'bar', 'prv', 'prov', 'phy', 'sbn', 'md', 'rn', 'lanr']),
  value: codeValue,
  minDigits: 4,
  score: 0.82,
  accept: (value: string) => !/^(?:19|20)\d\d$/.test(value),
} as const

/** Two letters, the second of which is the registrant's initial or a 9, and seven digits: 21 CFR 1301. */
/** One code in ten passes, so that something of medicine has to stand near. */
const medicalWords = wordSet([
  ...[
    'dea',
    'prescriber',
    'prescribed',
    'physician',
    'doctor',
    'dr',
    'md',
    'm.d',
    'pharmacy',
    'medication',
    'signed',
    'rx',
  ],
])
const reach = 60
const dea = /^[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}$/i

export const providerId: Recognizer = {
  entity: 'PROVIDER_ID',
  examples: {
    finds: [
      'NPI: ⟦7837664728⟧',
      'DEA: ⟦FA9522063⟧',
      'NºCol: ⟦28 28 20943⟧.\nInforme',
      'NºCol:⟦28 28 98754⟧.',
      'Bar No. ⟦NY-447763⟧',
      '(Bar No. ⟦IL-687630⟧):',
      'signed, ⟦BB1388568⟧',
      'LANR ⟦123456601⟧',
      'Nº Colegiado: ⟦28/28/12345⟧',
    ],
    ignores: ['7837664728', 'BB1388569', 'bar no. 3', 'the DEA seized 1200 kg', 'npi 2024', 'crm 2.0.14'],
  },
  find(scan) {
    const findings: Finding[] = findAnnounced(scan, announcement)
    for (const { start, end } of scan.codes) {
      if (end - start !== 9) continue
      const code = scan.text.slice(start, end)
      if (
        dea.test(code) &&
        code === code.toUpperCase() &&
        passesDea(code) &&
        scan.isNear(medicalWords, { start, end }, reach)
      )
        findings.push({ start, end, entity: 'PROVIDER_ID', score: 0.7 })
    }
    return findings
  },
}

/** First, third and fifth digit, and twice the others: the last digit of the sum is the seventh. */
function passesDea(code: string): boolean {
  const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0, sixth = 0, check] = digitsOf(code.slice(2))
  return (first + third + fifth + 2 * (second + fourth + sixth)) % 10 === check
}
