import { isBirthday, isOneDigit, passesLuhn, weightedSum } from '../check-digits.ts'
import type { IdentifierRow } from './identifier-row.ts'

/** US, CA, MX, BR, AR, CL, CO, PE, EC, UY, VE. The SSN of the United States has a recognizer of its own. */
export const americas: readonly IdentifierRow[] = [
  {
    name: 'US taxpayer numbers: EIN, ITIN, ATIN, PTIN',
    entity: 'TAX_ID',
    words: [
      ...[
        'ein',
        'fein',
        'employer identification number',
        'employer id',
        'federal tax id',
        'tax id',
        'taxid',
        'tax_id',
      ],
      ...['tax identification number', 'taxpayer identification number', 'taxpayer id', 'tin', 'tax number', 'tax no'],
      ...['itin', 'individual taxpayer identification number', 'atin', 'ptin', 'tax ref', 'tax reference', 'vat id'],
    ],
    pattern: /\d{2}[- ]\d{7}|9\d{2}[- ]\d{2}[- ]\d{4}|\d{9}|P\d{8}/,
    isValid: (code) => /^9\d{2}(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\d{4}$/.test(code),
    examples: ['912-71-1234'],
    counterExamples: ['12-3456789'],
  },
  {
    name: 'US employer identification number',
    entity: 'TAX_ID',
    words: [],
    pattern: /\d{2}-\d{7}/,
    // The campuses of the revenue service that give out each prefix, as it publishes them.
    isValid: (digits) =>
      !/^(?:00|0[789]|1[789]|2[89]|49|69|[78]9|70|96|97)/.test(digits) && !isOneDigit(digits.slice(2)),
    alone: { digits: [7], after: [3], sign: '-' },
    examples: ['12-3456789'],
    counterExamples: ['00-3456789'],
  },
  {
    name: 'US Medicare beneficiary identifier',
    entity: 'HEALTH_PLAN_ID',
    words: ['mbi', 'medicare beneficiary', 'medicare beneficiary identifier', 'medicare number', 'medicare id'],
    pattern:
      /[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y\d]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y\d]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}/,
    isValid: (code) => code.length === 11,
    alone: { code: [4, 11] },
    examples: ['1EG4-TE5-MK73', '1EG4TE5MK72'],
    counterExamples: [],
  },
  {
    name: 'CA social insurance number',
    entity: 'NATIONAL_ID',
    words: [
      'sin',
      'social insurance number',
      'social insurance',
      'nas',
      "numéro d'assurance sociale",
      'assurance sociale',
    ],
    pattern: /\d{3}[ -]\d{3}[ -]\d{3}|\d{9}/,
    isValid: (digits) => passesLuhn(digits) && !isOneDigit(digits),
    examples: ['046 454 286', '130-692-544'],
    counterExamples: ['046 454 287'],
  },
  {
    name: 'MX CURP',
    entity: 'NATIONAL_ID',
    words: ['curp', 'clave única', 'clave unica de registro de población'],
    pattern: /[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[A-Z0-9]\d/,
    isValid: (code) => {
      let sum = 0
      const alphabet = '0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ'
      for (let place = 0; place < 17; place += 1) sum += alphabet.indexOf(code.charAt(place)) * (18 - place)
      return (10 - (sum % 10)) % 10 === Number(code[17])
    },
    alone: { code: [18] },
    examples: ['BOXW310820HNERXN09'],
    counterExamples: ['BOXW310820HNERXN08'],
  },
  {
    name: 'MX RFC',
    entity: 'TAX_ID',
    words: ['rfc', 'r.f.c.', 'registro federal de contribuyentes'],
    pattern: /[A-ZÑ&]{3,4}[ -]?\d{6}[ -]?[A-Z0-9]{2}[0-9A]/,
    isValid: (code) => isBirthday(code.slice(-9, -3), 'ymd') && /^[A-Z][AEIOUX]/.test(code) && code.length === 13,
    alone: { code: [13] },
    examples: ['GODE561231GR8'],
    counterExamples: ['GODE561331GR8'],
  },
  {
    name: 'BR CPF',
    entity: 'NATIONAL_ID',
    words: ['cpf', 'c.p.f.', 'cadastro de pessoas físicas', 'nº cpf'],
    pattern: /\d{3}\.\d{3}\.\d{3}-\d{2}|\d{9}-?\d{2}/,
    isValid: (digits) => !isOneDigit(digits) && [9, 10].every((length) => passesBrazilian(digits, length, 12)),
    alone: { digits: [3], sign: '.' },
    examples: ['529.982.247-25', '52998224725'],
    counterExamples: ['529.982.247-26'],
  },
  {
    name: 'BR CNPJ',
    entity: 'TAX_ID',
    words: ['cnpj', 'c.n.p.j.', 'cadastro nacional da pessoa jurídica'],
    pattern: /\d{2}\.\d{3}\.\d{3}\/\d{4}-\d{2}|\d{14}/,
    isValid: (digits) => !isOneDigit(digits) && [12, 13].every((length) => passesBrazilian(digits, length, 9)),
    alone: { digits: [3], after: [3], sign: '.' },
    examples: ['11.222.333/0001-81', '11222333000181'],
    counterExamples: ['11.222.333/0001-82'],
  },
  {
    name: 'BR RG, PIS, CNH',
    entity: 'NATIONAL_ID',
    words: [
      'rg',
      'r.g.',
      'registro geral',
      'carteira de identidade',
      'pis',
      'pasep',
      'nis',
      'pis/pasep',
      'título de eleitor',
    ],
    pattern: /\d{1,2}\.\d{3}\.\d{3}-?[\dX]|\d{3}\.\d{5}\.\d{2}-?\d|\d{7,12}[\dX]?/,
    isValid: (digits) =>
      /^\d{11}$/.test(digits) &&
      ((11 - (weightedSum(digits, [3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11) % 10 === Number(digits[10]),
    examples: ['120.12345.67-2'],
    counterExamples: ['120.12345.67-1'],
  },
  {
    name: 'AR CUIT/CUIL',
    entity: 'TAX_ID',
    words: ['cuit', 'cuil', 'c.u.i.t.', 'c.u.i.l.'],
    pattern: /(?:20|2[3-7]|3[034])[- ]?\d{8}[- ]?\d/,
    isValid: (digits) => {
      const check = 11 - (weightedSum(digits, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11)
      return (check === 11 ? 0 : check) === Number(digits[10])
    },
    examples: ['20-05536168-2'],
    counterExamples: ['20-05536168-3'],
  },
  {
    name: 'Identity documents without check digits: AR, CO, PE, UY, VE, PY, BO and others',
    entity: 'NATIONAL_ID',
    words: [
      ...[
        'cédula',
        'cedula',
        'cédula de ciudadanía',
        'cedula de ciudadania',
        'c.c.',
        'cédula de identidad',
        'c.i.',
        'dni',
      ],
      ...[
        'cedula de identidad',
        'documento',
        'documento de identidad',
        'número de documento',
        'd.n.i.',
        'tarjeta de identidad',
      ],
    ],
    pattern: /(?:V-?|E-?)?\d{1,3}(?:\.\d{3}){2}(?:-\d)?|(?:V-?|E-?)?\d{6,10}(?:-\d)?/,
    isValid: () => false,
    examples: [],
    counterExamples: ['12.345.678'],
  },
  {
    name: 'CL RUT',
    entity: 'NATIONAL_ID',
    words: ['rut', 'r.u.t.', 'rol único tributario', 'rol unico tributario'],
    pattern: /\d{1,2}\.\d{3}\.\d{3}-[\dkK]|\d{7,8}-[\dkK]/,
    isValid: (code) => {
      const digits = code.slice(0, -1).padStart(8, '0')
      const check = 11 - (weightedSum(digits, [3, 2, 7, 6, 5, 4, 3, 2]) % 11)
      return (check === 11 ? '0' : check === 10 ? 'K' : String(check)) === code.at(-1)
    },
    alone: { digits: [3], after: [2, 3], sign: '.' },
    examples: ['12.345.678-5', '30686957-4'],
    counterExamples: ['12.345.678-6'],
  },
  {
    name: 'CO NIT',
    entity: 'TAX_ID',
    words: ['nit', 'n.i.t.'],
    pattern: /\d{3}\.\d{3}\.\d{3}-\d|\d{9}-\d/,
    isValid: (digits) => {
      const rest = weightedSum(digits, [41, 37, 29, 23, 19, 17, 13, 7, 3]) % 11
      return (rest < 2 ? rest : 11 - rest) === Number(digits[9])
    },
    examples: ['860.034.313-7'],
    counterExamples: ['860.034.313-8'],
  },
  {
    name: 'PE RUC',
    entity: 'TAX_ID',
    words: ['ruc', 'r.u.c.', 'registro único de contribuyentes'],
    pattern: /(?:10|15|17|20)\d{9}|\d{13}/,
    isValid: (digits) => {
      const check = 11 - (weightedSum(digits, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11)
      return digits.length === 11 && check % 10 === Number(digits[10])
    },
    examples: ['20100070970'],
    counterExamples: ['20100070971'],
  },
  {
    name: 'EC cédula',
    entity: 'NATIONAL_ID',
    words: ['cédula', 'cedula', 'cédula de identidad', 'cedula de identidad'],
    pattern: /(?:[01]\d|2[0-4]|30)\d{8}|(?:[01]\d|2[0-4]|30)\d{7}-\d/,
    isValid: (digits) => passesLuhn(digits) && Number(digits[2]) < 6 && !isOneDigit(digits),
    examples: ['1714616123'],
    counterExamples: ['1714616124'],
  },
]

/** Both check digits are sums by eleven whose weights fall towards 2 and start again at the highest. */
function passesBrazilian(digits: string, length: number, highest: number): boolean {
  const weights = Array.from({ length }, (_, place) => 2 + ((length - 1 - place) % (highest - 1)))
  const rest = weightedSum(digits, weights) % 11
  return (rest < 2 ? 0 : 11 - rest) === Number(digits[length])
}
