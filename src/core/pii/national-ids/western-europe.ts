import {
  isBirthday,
  isOneDigit,
  passesEan13,
  passesLuhn,
  passesMod11And10,
  remainder,
  weightedSum,
} from '../check-digits.ts'
import type { IdentifierRow } from './identifier-row.ts'

/** DE, AT, CH, FR, BE, NL, LU, UK, IE. Sources: the issuers' published descriptions of their check digits. */
export const westernEurope: readonly IdentifierRow[] = [
  {
    name: 'DE Steuer-Identifikationsnummer',
    entity: 'TAX_ID',
    words: [
      ...['steuer-id', 'steuerid', 'steueridentifikationsnummer', 'steuer-identifikationsnummer', 'idnr', 'id-nr'],
      ...['steuer-idnr', 'tin', 'steuernummer', 'steuer-nr', 'steuer-nr.', 'st.-nr', 'st.-nr.', 'steuernr'],
    ],
    pattern: /[1-9]\d ?\d{3} ?\d{3} ?\d{3}|\d{2,3}\/\d{3,4}\/\d{4,5}/,
    isValid: (digits) => digits.length === 11 && passesMod11And10(digits),
    examples: ['86095742719', '47 036 892 816'],
    counterExamples: ['86095742718'],
  },
  {
    name: 'DE Rentenversicherungsnummer',
    entity: 'NATIONAL_ID',
    words: [
      ...['rvnr', 'rentenversicherungsnummer', 'sozialversicherungsnummer', 'sv-nummer', 'sv-nr', 'sv-nr.', 'svnr'],
      ...['versicherungsnummer', 'sozialversicherungsnr', 'rentenversicherungsnr', 'rv-nummer'],
    ],
    pattern: /\d{2} ?\d{6} ?[A-Z] ?\d{3}/,
    isValid: isGermanPensionNumber,
    alone: { code: [12] },
    examples: ['65070539W036', '15 070649 C 103'],
    counterExamples: ['65070539W037'],
  },
  {
    name: 'DE Krankenversichertennummer',
    entity: 'HEALTH_PLAN_ID',
    words: [
      'kvnr',
      'krankenversichertennummer',
      'versichertennummer',
      'versicherten-nr',
      'versicherten-nr.',
      'egk',
      'kv-nr',
    ],
    pattern: /[A-Z]\d{9}/,
    isValid: (code) => {
      const digits = String(code.charCodeAt(0) - 64).padStart(2, '0') + code.slice(1)
      let sum = 0
      for (let place = 0; place < 10; place += 1) {
        const product = Number(digits[place]) * (1 + (place % 2))
        sum += Math.trunc(product / 10) + (product % 10)
      }
      return sum % 10 === Number(digits.at(-1))
    },
    examples: ['A123456780'],
    counterExamples: ['A123456781'],
  },
  {
    name: 'DE Personalausweis',
    entity: 'NATIONAL_ID',
    words: [
      'personalausweis',
      'personalausweisnummer',
      'ausweisnummer',
      'ausweis-nr',
      'ausweis-nr.',
      'perso',
      'ausweis',
    ],
    pattern: /[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d?D?/,
    isValid: (code) => /^.{9}\d/.test(code) && passesTravelDocument(code.slice(0, 10)),
    examples: ['T220001293', 'L01X00T471'],
    counterExamples: ['T220001294'],
  },
  {
    name: 'AT Sozialversicherungsnummer',
    entity: 'NATIONAL_ID',
    words: ['svnr', 'sv-nummer', 'sv-nr', 'sozialversicherungsnummer', 'versicherungsnummer', 'sozialversicherungsnr'],
    pattern: /[1-9]\d{3} ?\d{6}/,
    isValid: (digits) =>
      isBirthday(digits.slice(4), 'dmy', { months: [1, 2, 3] }) &&
      weightedSum(digits, [3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 === Number(digits[3]),
    examples: ['1237 010180'],
    counterExamples: ['1238 010180'],
  },
  {
    name: 'CH AHV-Nummer',
    entity: 'NATIONAL_ID',
    words: ['ahv', 'ahv-nummer', 'ahv-nr', 'ahv-nr.', 'avs', 'no avs', 'numéro avs', 'avs-nummer', 'n° avs', 'ahvn13'],
    pattern: /756(?:\.\d{4}\.\d{4}\.\d{2}|[ -]\d{4}[ -]\d{4}[ -]\d{2}|\d{10})/,
    isValid: passesEan13,
    alone: { digits: [3, 13], sign: '.' },
    examples: ['756.9217.0769.85', '7569217076985'],
    counterExamples: ['756.9217.0769.84'],
  },
  {
    name: 'FR numéro de sécurité sociale',
    entity: 'NATIONAL_ID',
    words: [
      ...['nir', 'numéro de sécurité sociale', 'numero de securite sociale', 'sécurité sociale', 'securite sociale'],
      ...[
        'n° de sécurité sociale',
        'n° sécu',
        'nº sécu',
        'numéro de sécu',
        'insee',
        'no de sécurité sociale',
        'carte vitale',
      ],
    ],
    pattern: /[12378](?: ?\d{2} ?(?:0[1-9]|1[0-2]|[2-4]\d|[5-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3}(?:[ -]{0,3}\d{2})?)/,
    isValid: (code) => {
      const digits = code.replace('2A', '19').replace('2B', '18')
      return /^\d{15}$/.test(digits) && Number(digits.slice(13)) === 97 - remainder(digits.slice(0, 13), 97)
    },
    alone: { digits: [3, 15], after: [0, 11], sign: ' ' },
    examples: ['1 85 05 78 006 084 91', '255081416802538'],
    counterExamples: ['1 85 05 78 006 084 92'],
  },
  {
    name: 'FR numéro fiscal',
    entity: 'TAX_ID',
    words: ['numéro fiscal', 'numero fiscal', 'n° fiscal', 'spi', 'référence fiscale', 'identifiant fiscal'],
    pattern: /[0-3]\d ?\d{2} ?\d{3} ?\d{3} ?\d{3}/,
    isValid: (digits) => Number(digits.slice(-3)) === remainder(digits.slice(0, -3), 511),
    examples: ['30 23 217 600 053'],
    counterExamples: ['30 23 217 600 054'],
  },
  {
    name: 'FR SIREN/SIRET',
    entity: 'TAX_ID',
    words: ['siren', 'siret', 'n° siren', 'n° siret', 'rcs', 'tva intracommunautaire'],
    pattern: /(?:FR ?\d{2} ?)?\d{3} ?\d{3} ?\d{3}(?: ?\d{5})?/,
    isValid: (code) => passesLuhn(code.replace(/^FR\d\d/, '')) && !isOneDigit(code),
    examples: ['732829320', '732 829 320 00074'],
    counterExamples: ['732829321'],
  },
  {
    name: 'BE rijksregisternummer',
    entity: 'NATIONAL_ID',
    words: [
      ...[
        'rijksregisternummer',
        'rijksregister',
        'numéro national',
        'numéro de registre national',
        'registre national',
      ],
      ...['nationaal nummer', 'insz', 'niss', 'rrn', 'national register number', 'numero de registre national'],
    ],
    pattern: /\d{2}[. ]?\d{2}[. ]?\d{2}[- ]?\d{3}[. ]?\d{2}/,
    isValid: (digits) => {
      const check = Number(digits.slice(9))
      // Those born from 2000 on have a 2 before the number when it is divided.
      const rests = [digits.slice(0, 9), `2${digits.slice(0, 9)}`].map((number) => 97 - remainder(number, 97))
      return isBirthday(digits.slice(0, 6), 'ymd', { months: [20, 40] }) && rests.includes(check)
    },
    alone: { digits: [3], after: [9], sign: '-' },
    examples: ['85.07.30-033.28', '17.07.30-033.84'],
    counterExamples: ['85.07.30-033.29'],
  },
  {
    name: 'NL burgerservicenummer',
    entity: 'NATIONAL_ID',
    words: ['bsn', 'burgerservicenummer', 'sofinummer', 'sofi-nummer', 'burger service nummer', 'bsn-nummer'],
    pattern: /\d{3}[. ]?\d{3}[. ]?\d{2,3}|\d{4}[. ]\d{2}[. ]\d{3}/,
    isValid: (digits) => {
      const nine = digits.padStart(9, '0')
      return !isOneDigit(nine) && weightedSum(nine, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0
    },
    examples: ['111222333', '123456782'],
    counterExamples: ['123456789'],
  },
  {
    name: 'LU matricule',
    entity: 'NATIONAL_ID',
    words: ['matricule', 'numéro de matricule', 'identification nationale', 'matricule national'],
    pattern: /(?:19|20)\d{6} ?\d{5}/,
    isValid: (digits) => isBirthday(digits.slice(0, 8), 'ymd') && passesLuhn(digits.slice(0, 12)),
    examples: ['1985010112354'],
    counterExamples: ['1985010112344'],
  },
  {
    name: 'UK national insurance number',
    entity: 'NATIONAL_ID',
    words: ['nino', 'national insurance', 'national insurance number', 'ni number', 'ni no', 'ni no.', 'n.i. number'],
    pattern: /(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d{2}){3} ?[A-D]/,
    // It has no check digit; the letters that are left out and the places make up for it.
    isValid: (code) => !isOneDigit(code.slice(2, 8)),
    alone: { code: [9] },
    examples: ['AB123456C', 'AA 12 34 56 C'],
    counterExamples: ['AB111111C'],
  },
  {
    name: 'UK NHS number',
    entity: 'NATIONAL_ID',
    words: ['nhs', 'nhs number', 'nhs no', 'nhs no.', 'nhs_number', 'nhsnumber', 'chi number', 'h&c number'],
    pattern: /\d{3}[ -]?\d{3}[ -]?\d{4}/,
    isValid: (digits) => {
      const check = 11 - (weightedSum(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)
      return (check === 11 ? 0 : check) === Number(digits[9])
    },
    examples: ['943 476 5919', '9434765919'],
    counterExamples: ['943 476 5918'],
  },
  {
    name: 'UK unique taxpayer reference',
    entity: 'TAX_ID',
    words: ['utr', 'unique taxpayer reference', 'utr number', 'self assessment reference', 'taxpayer reference'],
    pattern: /\d{5} ?\d{5}K?/,
    isValid: (digits) => {
      const rest = weightedSum(digits.slice(1, 10), [6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11
      return '21987654321'.charAt(rest) === digits[0]
    },
    examples: ['1955839661', '19558 39661'],
    counterExamples: ['2955839661'],
  },
  {
    name: 'IE personal public service number',
    entity: 'NATIONAL_ID',
    words: [
      'pps',
      'ppsn',
      'pps number',
      'pps no',
      'pps no.',
      'personal public service',
      'personal public service number',
    ],
    pattern: /\d{7} ?[A-W] ?[A-IW]?/,
    isValid: (code) => {
      const second = 'ABCDEFGHI'.indexOf(code.charAt(8)) + 1
      const sum = weightedSum(code.slice(0, 7), [8, 7, 6, 5, 4, 3, 2]) + (code.length > 8 ? second * 9 : 0)
      return 'WABCDEFGHIJKLMNOPQRSTUV'.charAt(sum % 23) === code[7]
    },
    examples: ['1234567T', '1234567FA'],
    counterExamples: ['1234567A'],
  },
]

function isGermanPensionNumber(code: string): boolean {
  const letter = String(code.charCodeAt(8) - 64).padStart(2, '0')
  const digits = code.slice(0, 8) + letter + code.slice(9)
  const weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]
  let sum = 0
  for (const [place, weight] of weights.entries()) {
    const product = weight * Number(digits[place])
    sum += Math.trunc(product / 10) + (product % 10)
  }
  return /^\d{12}/.test(digits) && sum % 10 === Number(code.at(-1))
}

/** ICAO 9303: weights 7, 3, 1; letters count from 10. */
export function passesTravelDocument(code: string): boolean {
  let sum = 0
  for (const [place, sign] of [...code.slice(0, -1)].entries()) {
    const value = /\d/.test(sign) ? Number(sign) : sign === '<' ? 0 : sign.charCodeAt(0) - 55
    sum += value * ([7, 3, 1][place % 3] ?? 1)
  }
  return sum % 10 === Number(code.at(-1))
}
