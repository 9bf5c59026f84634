import { isBirthday, isOneDigit, remainder, weightedSum } from '../check-digits.ts'
import type { IdentifierRow } from './identifier-row.ts'

/** PL, CZ, SK, HU, RO, BG, UA, RU. */
export const easternEurope: readonly IdentifierRow[] = [
  {
    name: 'PL PESEL',
    entity: 'NATIONAL_ID',
    words: ['pesel', 'nr pesel', 'numer pesel', 'pesel:'],
    pattern: /\d{11}/,
    isValid: (digits) =>
      isBirthday(digits.slice(0, 6), 'ymd', { months: [20, 40, 60, 80] }) &&
      weightedSum(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0,
    examples: ['44051401359', '02070803628'],
    counterExamples: ['44051401358'],
  },
  {
    name: 'PL dowód osobisty',
    entity: 'NATIONAL_ID',
    words: ['dowód osobisty', 'dowodu osobistego', 'dowod osobisty', 'nr dowodu', 'seria i numer'],
    pattern: /[A-Z]{3} ?\d{6}/,
    isValid: (code) => {
      const values = [...code].map((sign) => (/\d/.test(sign) ? Number(sign) : sign.charCodeAt(0) - 55))
      return [7, 3, 1, 9, 7, 3, 1, 7, 3].reduce((sum, weight, at) => sum + weight * (values[at] ?? 0), 0) % 10 === 0
    },
    examples: ['ABA300000'],
    counterExamples: ['ABA300001'],
  },
  {
    name: 'PL NIP',
    entity: 'TAX_ID',
    words: ['nip', 'nr nip', 'numer nip', 'nip:'],
    pattern: /(?:PL ?)?\d{3}[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}|\d{3}-\d{2}-\d{2}-\d{3}/,
    isValid: (code) => {
      const digits = code.replace('PL', '')
      return weightedSum(digits, [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 === Number(digits[9])
    },
    examples: ['5260001246', '526-000-12-46'],
    counterExamples: ['5260001247'],
  },
  {
    name: 'PL REGON',
    entity: 'TAX_ID',
    words: ['regon', 'nr regon', 'numer regon'],
    pattern: /\d{9}(?:\d{5})?/,
    isValid: (digits) =>
      (weightedSum(digits, [8, 9, 2, 3, 4, 5, 6, 7]) % 11) % 10 === Number(digits[8]) && !isOneDigit(digits),
    examples: ['123456785'],
    counterExamples: ['123456786'],
  },
  {
    name: 'CZ, SK rodné číslo',
    entity: 'NATIONAL_ID',
    words: ['rodné číslo', 'rodne cislo', 'rč', 'r.č.', 'rodného čísla', 'rodne_cislo'],
    pattern: /\d{6}\/?\d{3,4}/,
    isValid: (digits) =>
      isBirthday(digits.slice(0, 6), 'ymd', { months: [20, 50, 70] }) &&
      digits.length === 10 &&
      (remainder(digits, 11) === 0 || (remainder(digits.slice(0, 9), 11) === 10 && digits.endsWith('0'))),
    alone: { digits: [6], sign: '/' },
    examples: ['736028/5163', '780123/3540'],
    counterExamples: ['736028/5164'],
  },
  {
    name: 'CZ, SK IČO and DIČ',
    entity: 'TAX_ID',
    words: ['ičo', 'ič', 'dič', 'ič dph'],
    pattern: /(?:CZ|SK)?\d{8,10}/,
    isValid: (code) =>
      /^\d{8}$/.test(code) &&
      (11 - (weightedSum(code, [8, 7, 6, 5, 4, 3, 2]) % 11)) % 10 === Number(code[7]) &&
      !isOneDigit(code),
    examples: ['25596641'],
    counterExamples: ['25596642'],
  },
  {
    name: 'HU TAJ and adóazonosító',
    entity: 'NATIONAL_ID',
    words: [
      'taj',
      'taj szám',
      'taj-szám',
      'tajszám',
      'adóazonosító',
      'adóazonosító jel',
      'személyi szám',
      'személyi azonosító',
    ],
    pattern: /\d{3}[ -]?\d{3}[ -]?\d{3}|\d{10}|[1-8][ -]\d{6}[ -]\d{4}/,
    isValid: (digits) =>
      digits.length === 9
        ? weightedSum(digits, [3, 7, 3, 7, 3, 7, 3, 7]) % 10 === Number(digits[8])
        : digits.length === 10 && weightedSum(digits, [1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 === Number(digits[9]),
    examples: ['123 456 788', '8071592153'],
    counterExamples: ['123 456 789'],
  },
  {
    name: 'RO cod numeric personal',
    entity: 'NATIONAL_ID',
    words: ['cnp', 'cod numeric personal', 'codul numeric personal'],
    pattern: /[1-9]\d{12}/,
    isValid: (digits) => {
      const check = weightedSum(digits, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11
      return isBirthday(digits.slice(1, 7), 'ymd') && (check === 10 ? 1 : check) === Number(digits[12])
    },
    examples: ['1630615123457'],
    counterExamples: ['1630615123458'],
  },
  {
    name: 'BG ЕГН',
    entity: 'NATIONAL_ID',
    words: ['егн', 'egn', 'единен граждански номер', 'е.г.н.'],
    pattern: /\d{10}/,
    isValid: (digits) =>
      isBirthday(digits.slice(0, 6), 'ymd', { months: [20, 40] }) &&
      (weightedSum(digits, [2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11) % 10 === Number(digits[9]),
    examples: ['7523169263'],
    counterExamples: ['7523169264'],
  },
  {
    name: 'UA РНОКПП',
    entity: 'TAX_ID',
    words: ['рнокпп', 'іпн', 'ідентифікаційний код', 'індивідуальний податковий номер'],
    pattern: /\d{10}/,
    isValid: (digits) =>
      (((weightedSum(digits, [-1, 5, 7, 9, 4, 6, 10, 5, 7]) % 11) + 11) % 11) % 10 === Number(digits[9]),
    examples: ['1759013776'],
    counterExamples: ['1759013777'],
  },
  {
    name: 'RU ИНН',
    entity: 'TAX_ID',
    words: ['инн', 'inn', 'огрн', 'идентификационный номер налогоплательщика'],
    pattern: /\d{10}(?:\d{2}|\d{3}|\d{5})?/,
    isValid: (digits) => {
      const ten = (weightedSum(digits, [2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11) % 10
      const eleven = (weightedSum(digits, [7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11) % 10
      const twelve = (weightedSum(digits, [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11) % 10
      if (digits.length === 10) return ten === Number(digits[9])
      return digits.length === 12 && eleven === Number(digits[10]) && twelve === Number(digits[11])
    },
    examples: ['7707083893', '500100732259'],
    counterExamples: ['7707083894'],
  },
  {
    name: 'RU СНИЛС',
    entity: 'NATIONAL_ID',
    words: ['снилс', 'snils'],
    pattern: /\d{3}-\d{3}-\d{3}[ -]\d{2}|\d{11}/,
    isValid: (digits) =>
      (weightedSum(digits, [9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101) % 100 === Number(digits.slice(9)) && !isOneDigit(digits),
    alone: { digits: [3], sign: '-' },
    examples: ['112-233-445 95'],
    counterExamples: ['112-233-445 96'],
  },
]
