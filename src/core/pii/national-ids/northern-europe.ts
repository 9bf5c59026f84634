import { isBirthday, passesLuhn, remainder, weightedSum } from '../check-digits.ts'
import type { IdentifierRow } from './identifier-row.ts'

/** SE, NO, DK, FI, IS, EE, LT, LV. */
export const northernEurope: readonly IdentifierRow[] = [
  {
    name: 'SE personnummer',
    entity: 'NATIONAL_ID',
    words: [
      'personnummer',
      'personnr',
      'personnr.',
      'pnr',
      'samordningsnummer',
      'organisationsnummer',
      'org.nr',
      'orgnr',
    ],
    pattern: /(?:19|20)?\d{6}[-+]?\d{4}/,
    isValid: (digits) => {
      const ten = digits.slice(-10)
      return isBirthday(ten.slice(0, 6), 'ymd', { days: [60] }) && passesLuhn(ten)
    },
    examples: ['811228-9874', '198112289874'],
    counterExamples: ['811228-9875'],
  },
  {
    name: 'NO fødselsnummer',
    entity: 'NATIONAL_ID',
    words: ['fødselsnummer', 'fodselsnummer', 'fnr', 'personnummer', 'd-nummer', 'fødselsnr', 'norwegian national id'],
    pattern: /\d{6} ?\d{5}/,
    isValid: (digits) =>
      isBirthday(digits.slice(0, 6), 'dmy', { days: [40], months: [40, 80] }) &&
      weightedSum(digits, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 === 0 &&
      weightedSum(digits, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0,
    examples: ['15108695088'],
    counterExamples: ['15108695089'],
  },
  {
    name: 'DK CPR-nummer',
    entity: 'NATIONAL_ID',
    words: ['cpr', 'cpr-nummer', 'cpr-nr', 'cpr-nr.', 'cpr nr', 'cpr nummer', 'personnummer'],
    pattern: /\d{6}[- ]?\d{4}/,
    // The sum by eleven no longer holds for all numbers given out since 2007.
    isValid: (digits) => isBirthday(digits.slice(0, 6), 'dmy'),
    examples: ['070761-4285'],
    counterExamples: ['991361-4285'],
  },
  {
    name: 'FI henkilötunnus',
    entity: 'NATIONAL_ID',
    words: ['hetu', 'henkilötunnus', 'henkilotunnus', 'sosiaaliturvatunnus', 'sotu', 'personbeteckning'],
    pattern: /\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]/,
    isValid: (code) => {
      // The sign of the century is left out when it is a dash.
      const digits = code.slice(0, 6) + code.slice(-4, -1)
      const check = '0123456789ABCDEFHJKLMNPRSTUVWXY'.charAt(remainder(digits, 31))
      return isBirthday(digits.slice(0, 6), 'dmy') && check === code.at(-1)
    },
    alone: { digits: [6] },
    examples: ['131052-308T', '131052A308T'],
    counterExamples: ['131052-308U'],
  },
  {
    name: 'IS kennitala',
    entity: 'NATIONAL_ID',
    words: ['kennitala', 'kt.', 'kt'],
    pattern: /\d{6}-?\d{4}/,
    isValid: (digits) =>
      isBirthday(digits.slice(0, 6), 'dmy', { days: [40] }) &&
      weightedSum(digits, [3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0,
    examples: ['120174-3399'],
    counterExamples: ['120174-3389'],
  },
  {
    name: 'EE isikukood, LT asmens kodas',
    entity: 'NATIONAL_ID',
    words: ['isikukood', 'asmens kodas', 'isikukoodi', 'asmens kodą', 'a.k.', 'ik:'],
    pattern: /[1-8]\d{10}/,
    isValid: (digits) => {
      const first = weightedSum(digits, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11
      const second = weightedSum(digits, [3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11
      return isBirthday(digits.slice(1, 7), 'ymd') && (first < 10 ? first : second % 10) === Number(digits[10])
    },
    examples: ['37605030299', '33309240064'],
    counterExamples: ['37605030298'],
  },
  {
    name: 'LV personas kods',
    entity: 'NATIONAL_ID',
    words: ['personas kods', 'personas kodu', 'p.k.'],
    pattern: /\d{6}-?\d{5}/,
    isValid: (digits) => {
      const check = (1101 - weightedSum(digits, [1, 6, 3, 7, 9, 10, 5, 8, 4, 2])) % 11
      return /^3[2-9]/.test(digits) || check === Number(digits[10])
    },
    examples: ['161175-19997'],
    counterExamples: ['161175-19998'],
  },
]
