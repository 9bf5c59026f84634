import { isBirthday, isOneDigit, passesLuhn } from '../check-digits.ts'
import type { IdentifierRow } from './identifier-row.ts'

/** ZA, NG, EG, KE, IL, AE, SA. */
export const africaMiddleEast: readonly IdentifierRow[] = [
  {
    name: 'ZA identity number',
    entity: 'NATIONAL_ID',
    words: ['south african id', 'sa id', 'rsa id', 'id number', 'id no', 'identity number', 'id-nommer'],
    pattern: /\d{6} ?\d{4} ?[01]\d{2}/,
    isValid: (digits) => isBirthday(digits.slice(0, 6), 'ymd') && passesLuhn(digits),
    examples: ['8001015009087', '800101 5009 087'],
    counterExamples: ['8001015009088'],
  },
  {
    name: 'NG, KE, GH national identity numbers',
    entity: 'NATIONAL_ID',
    words: ['nin', 'bvn', 'national identification number', 'huduma', 'ghana card', 'bank verification number'],
    pattern: /\d{11}|\d{8}|GHA-\d{9}-\d/,
    isValid: () => false,
    examples: [],
    counterExamples: ['12345678901'],
  },
  {
    name: 'EG national id',
    entity: 'NATIONAL_ID',
    words: ['egyptian id', 'egypt national id'],
    pattern: /[23]\d{13}/,
    isValid: (digits) => isBirthday(digits.slice(1, 7), 'ymd'),
    examples: ['29001011234567'],
    counterExamples: ['29013011234567'],
  },
  {
    name: 'IL teudat zehut',
    entity: 'NATIONAL_ID',
    words: ['teudat zehut', 'israeli id'],
    pattern: /\d{8}-?\d/,
    isValid: (digits) => passesLuhn(digits) && !isOneDigit(digits),
    examples: ['123456782'],
    counterExamples: ['123456789'],
  },
  {
    name: 'AE Emirates ID',
    entity: 'NATIONAL_ID',
    words: ['emirates id', 'eid'],
    pattern: /784-?(?:19|20)\d{2}-?\d{7}-?\d/,
    isValid: (digits) => passesLuhn(digits),
    alone: { digits: [3], sign: '-' },
    examples: ['784-1985-1234567-3'],
    counterExamples: ['784-1985-1234567-2'],
  },
  {
    name: 'SA national id and iqama',
    entity: 'NATIONAL_ID',
    words: ['iqama', 'saudi id', 'national id number'],
    pattern: /[12]\d{9}/,
    isValid: (digits) => passesLuhn(digits),
    examples: ['1101798278'],
    counterExamples: ['1101798279'],
  },
]
