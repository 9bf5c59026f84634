import { isBirthday, isOneDigit, passesLuhn, passesMod11And10, remainder, weightedSum } from '../check-digits.ts'
import type { IdentifierRow } from './identifier-row.ts'

/** ES, PT, IT, GR, HR, SI, RS, TR. */
export const southernEurope: readonly IdentifierRow[] = [
  {
    name: 'ES DNI',
    entity: 'NATIONAL_ID',
    words: [
      'dni',
      'nif',
      'd.n.i',
      'd.n.i.',
      'n.i.f.',
      'documento nacional de identidad',
      'documento de identidad',
      'dni/nif',
    ],
    pattern: /\d{8}[ -]?[A-HJ-NP-TV-Za-hj-np-tv-z]|\d{2}\.\d{3}\.\d{3}[ -]?[A-HJ-NP-TV-Z]/,
    isValid: (code) => 'TRWAGMYFPDXBNJZSQVHLCKE'.charAt(remainder(code.slice(0, 8), 23)) === code[8],
    alone: { code: [9] },
    examples: ['12345678Z', '12.345.678-Z'],
    counterExamples: ['12345678A'],
  },
  {
    name: 'ES NIE',
    entity: 'NATIONAL_ID',
    words: ['nie', 'n.i.e.', 'número de identidad de extranjero', 'numero de identidad de extranjero'],
    pattern: /[XYZxyz][ -]?\d{7}[ -]?[A-HJ-NP-TV-Za-hj-np-tv-z]/,
    isValid: (code) => {
      const digits = 'XYZ'.indexOf(code.charAt(0)) + code.slice(1, 8)
      return 'TRWAGMYFPDXBNJZSQVHLCKE'.charAt(remainder(digits, 23)) === code[8]
    },
    alone: { code: [9] },
    examples: ['X1234567L', 'X-1234567-L'],
    counterExamples: ['X1234567M'],
  },
  {
    name: 'ES número de la seguridad social',
    entity: 'HEALTH_PLAN_ID',
    words: [
      ...['nuss', 'nass', 'naf', 'seguridad social', 'número de la seguridad social', 'nº seguridad social', 'n.a.s.s'],
      ...[
        'número de seguridad social',
        'nº afiliación',
        'numero de afiliacion',
        'número de afiliación',
        'nº ss',
        'cip',
        'cipa',
      ],
      ...['tarjeta sanitaria', 'nº de afiliación', 'cip-sns', 'autonómico', 'afiliación'],
    ],
    pattern: /\d{2}[ /-]?\d{6,8}[ /-]?\d{2}/,
    isValid: (digits) => {
      const body = digits.slice(2, -2).replace(/^0/, '')
      return Number(digits.slice(-2)) === remainder(digits.slice(0, 2) + body, 97)
    },
    examples: ['281234567840'],
    counterExamples: ['281234567841'],
  },
  {
    name: 'ES CIF',
    entity: 'TAX_ID',
    words: ['cif', 'c.i.f.', 'nif empresa', 'nif de la empresa', 'identificación fiscal'],
    pattern: /[ABCDEFGHJNPQRSUVWabcdefghjnpqrsuvw][ -]?\d{7}[ -]?[0-9A-Ja-j]/,
    isValid: isSpanishCompany,
    examples: ['A58818501', 'P2807900B'],
    counterExamples: ['A58818502'],
  },
  {
    name: 'PT NIF',
    entity: 'TAX_ID',
    words: [
      'nif',
      'nipc',
      'contribuinte',
      'número de contribuinte',
      'nº contribuinte',
      'número fiscal',
      'n.º de contribuinte',
    ],
    pattern: /[1-35-9]\d{2} ?\d{3} ?\d{3}/,
    isValid: (digits) => {
      const rest = weightedSum(digits, [9, 8, 7, 6, 5, 4, 3, 2]) % 11
      return (rest < 2 ? 0 : 11 - rest) === Number(digits[8])
    },
    examples: ['501964843', '123 456 789'],
    counterExamples: ['501964844'],
  },
  {
    name: 'PT cartão de cidadão',
    entity: 'NATIONAL_ID',
    words: ['cartão de cidadão', 'cartao de cidadao', 'bilhete de identidade', 'número de identificação civil', 'nic'],
    pattern: /\d{8} ?\d(?: ?[A-Z0-9]{2}\d)?/,
    examples: ['12345678 9 ZZ4'],
    counterExamples: [],
  },
  {
    name: 'IT codice fiscale',
    entity: 'NATIONAL_ID',
    words: ['codice fiscale', 'cod. fisc.', 'cod.fisc.', 'cf', 'c.f.', 'fiscal code', 'codice_fiscale'],
    pattern:
      /[A-Za-z]{6}[ ]?[0-9LMNP-Vlmnp-v]{2}[A-EHLMPR-Ta-ehlmpr-t][0-9LMNP-Vlmnp-v]{2}[ ]?[A-Za-z][0-9LMNP-Vlmnp-v]{3}[A-Za-z]/,
    isValid: isItalianTaxCode,
    alone: { code: [16] },
    examples: ['RSSMRA85T10A562S', 'MRTMTT91D08F205J'],
    counterExamples: ['RSSMRA85T10A562T'],
  },
  {
    name: 'IT partita IVA',
    entity: 'TAX_ID',
    words: ['partita iva', 'p.iva', 'p. iva', 'piva', 'p.i.', 'part. iva', 'partita_iva', 'vat number'],
    pattern: /(?:IT)?\d{11}/,
    isValid: (code) => passesLuhn(code.replace('IT', '')),
    examples: ['00743110157', 'IT00743110157'],
    counterExamples: ['00743110158'],
  },
  {
    name: 'GR AMKA and AFM',
    entity: 'NATIONAL_ID',
    words: ['amka', 'αμκα', 'αφμ', 'α.φ.μ.', 'afm', 'α.μ.κ.α.', 'αριθμός μητρώου', 'αδτ', 'αριθμός ταυτότητας'],
    pattern: /\d{11}|\d{9}|[ΑΒΕΖΗΙΚΜΝΟΡΤΥΧA-Z]{1,2}[ -]?\d{6}/,
    isValid: (digits) =>
      digits.length === 11
        ? isBirthday(digits.slice(0, 6), 'dmy') && passesLuhn(digits)
        : digits.length === 9 &&
          (weightedSum(digits, [256, 128, 64, 32, 16, 8, 4, 2]) % 11) % 10 === Number(digits[8]) &&
          !isOneDigit(digits),
    examples: ['01018012342', '090000045'],
    counterExamples: ['01018012348'],
  },
  {
    name: 'HR OIB',
    entity: 'NATIONAL_ID',
    words: ['oib', 'osobni identifikacijski broj', 'porezni broj'],
    pattern: /\d{11}/,
    isValid: passesMod11And10,
    examples: ['33392005961'],
    counterExamples: ['33392005962'],
  },
  {
    name: 'SI, RS, BA, MK, ME JMBG',
    entity: 'NATIONAL_ID',
    words: ['jmbg', 'emšo', 'emso', 'matični broj', 'maticni broj', 'јмбг', 'матични број', 'embg', 'ембг'],
    pattern: /\d{13}/,
    isValid: (digits) => {
      const rest = weightedSum(digits, [7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
      return (rest < 2 ? 0 : 11 - rest) === Number(digits[12])
    },
    examples: ['0101006500006'],
    counterExamples: ['0101006500007'],
  },
  {
    name: 'SI davčna številka',
    entity: 'TAX_ID',
    words: ['davčna številka', 'davcna stevilka', 'id za ddv'],
    pattern: /(?:SI)?[1-9]\d{7}/,
    isValid: (code) => {
      const digits = code.replace('SI', '')
      return (11 - (weightedSum(digits, [8, 7, 6, 5, 4, 3, 2]) % 11)) % 10 === Number(digits[7])
    },
    examples: ['15012557'],
    counterExamples: ['15012558'],
  },
  {
    name: 'TR kimlik numarası',
    entity: 'NATIONAL_ID',
    words: [
      'tckn',
      'tc kimlik',
      't.c. kimlik',
      'kimlik no',
      'kimlik numarası',
      'kimlik numarasi',
      'tc no',
      'tc kimlik no',
    ],
    pattern: /[1-9]\d{10}/,
    isValid: (digits) => {
      const odd = weightedSum(digits, [1, 0, 1, 0, 1, 0, 1, 0, 1])
      const even = weightedSum(digits, [0, 1, 0, 1, 0, 1, 0, 1])
      const tenth = (((odd * 7 - even) % 10) + 10) % 10
      const eleventh = (odd + even + Number(digits[9])) % 10
      return tenth === Number(digits[9]) && eleventh === Number(digits[10])
    },
    examples: ['10000000146'],
    counterExamples: ['10000000147'],
  },
]

function isSpanishCompany(code: string): boolean {
  const digits = code.slice(1, 8)
  let sum = weightedSum(digits, [0, 1, 0, 1, 0, 1])
  for (const place of [0, 2, 4, 6]) {
    const doubled = Number(digits[place]) * 2
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  const check = (10 - (sum % 10)) % 10
  return code[8] === String(check) || code[8] === 'JABCDEFGHI'.charAt(check)
}

/** Signs at odd places count by this table, at even ones by their order: decree of 23 December 1976. */
const oddValues = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]

function isItalianTaxCode(code: string): boolean {
  let sum = 0
  for (let place = 0; place < 15; place += 1) {
    const unit = code.charCodeAt(place)
    const order = unit <= 57 ? unit - 48 : unit - 65
    sum += place % 2 === 1 ? order : (oddValues[order] ?? 0)
  }
  return String.fromCharCode(65 + (sum % 26)) === code[15]
}
