import { isBirthday, isOneDigit, passesMod11And2, passesVerhoeff, weightedSum } from '../check-digits.ts'
import type { IdentifierRow } from './identifier-row.ts'

/** IN, PK, CN, HK, TW, KR, JP, SG, MY, TH, ID, PH, AU, NZ. */
export const asiaPacific: readonly IdentifierRow[] = [
  {
    name: 'IN Aadhaar',
    entity: 'NATIONAL_ID',
    words: ['aadhaar', 'aadhar', 'adhaar', 'uidai', 'uid number', 'aadhaar number', 'aadhaar no', 'uid no'],
    pattern: /[2-9]\d{3}([ -]?)\d{4}\1\d{4}/,
    isValid: (digits) => passesVerhoeff(digits) && !isOneDigit(digits),
    examples: ['2341 2341 2346'],
    counterExamples: ['2341 2341 2347'],
  },
  {
    name: 'IN permanent account number',
    entity: 'TAX_ID',
    words: ['permanent account number', 'pan', 'pan card', 'pan no', 'pan number'],
    pattern: /[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]/,
    alone: { code: [10] },
    isValid: (code) => !/^(.)\1{4}/.test(code),
    examples: ['ABCPE1234F'],
    counterExamples: ['AAAAA1234F'],
  },
  {
    name: 'IN GSTIN',
    entity: 'TAX_ID',
    words: ['gstin', 'gst', 'gst no', 'gst number', 'gst in'],
    pattern: /(?:0[1-9]|[1-3]\d|9[79])[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]/,
    isValid: isGstin,
    alone: { code: [15] },
    examples: ['27AAPFU0939F1ZV'],
    counterExamples: ['27AAPFU0939F1ZO'],
  },
  {
    name: 'IN voter id, PK CNIC, LK, BD, NP, ID NIK, PH, VN',
    entity: 'NATIONAL_ID',
    words: ['voter id', 'cnic', 'nic', 'nik', 'ktp', 'nid', 'cccd', 'cmnd', 'philsys', 'sss no', 'umid', 'tin no'],
    pattern:
      /[A-Z]{3}\d{7}|\d{5}-\d{7}-\d|\d{4}-\d{7}-\d|\d{2}-\d{7}-\d|\b\d{9}(?:[VXvx]|\d(?:\d{2}|\d{3}|\d{6}|\d{7})?)\b/,
    isValid: () => false,
    examples: [],
    counterExamples: ['35202-1234567-1'],
  },
  {
    name: 'CN resident identity number',
    entity: 'NATIONAL_ID',
    words: ['resident identity', 'chinese id', 'id card number', 'shenfenzheng'],
    pattern: /[1-8]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]/,
    isValid: passesMod11And2,
    alone: { digits: [18, 17] },
    examples: ['11010519491231002X', '110101199003077774'],
    counterExamples: ['110105194912310021'],
  },
  {
    name: 'HK identity card',
    entity: 'NATIONAL_ID',
    words: ['hkid', 'hong kong id', 'hong kong identity card', 'hkid number', 'hkid no'],
    pattern: /[A-Z]{1,2}\d{6}\(?[0-9A]\)?/,
    isValid: (code) => {
      const values = [...code.padStart(9, ' ')].map((sign) =>
        sign === ' ' ? 36 : /\d/.test(sign) ? Number(sign) : sign.charCodeAt(0) - 55,
      )
      return values.reduce((sum, value, place) => sum + value * (9 - place), 0) % 11 === 0
    },
    examples: ['A123456(3)', 'AB987654(3)'],
    counterExamples: ['A123456(4)'],
  },
  {
    name: 'TW national identification card',
    entity: 'NATIONAL_ID',
    words: ['taiwan id', 'national identification card'],
    pattern: /[A-Z][1289]\d{8}/,
    isValid: (code) => {
      const place = 'ABCDEFGHJKLMNPQRSTUVXYWZIO'.indexOf(code.charAt(0)) + 10
      const digits = String(place) + code.slice(1)
      return weightedSum(digits, [1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1]) % 10 === 0
    },
    alone: { code: [10] },
    examples: ['A123456789'],
    counterExamples: ['A123456788'],
  },
  {
    name: 'KR resident registration number',
    entity: 'NATIONAL_ID',
    words: ['rrn', 'resident registration number', 'alien registration'],
    pattern: /\d{6}-?[1-8]\d{6}/,
    // Numbers given out since October 2020 have no check digit.
    isValid: (digits) => isBirthday(digits.slice(0, 6), 'ymd'),
    alone: { digits: [6], sign: '-' },
    examples: ['820701-2409184'],
    counterExamples: ['821301-2409184'],
  },
  {
    name: 'JP individual number',
    entity: 'NATIONAL_ID',
    words: ['my number', 'individual number', 'mynumber'],
    pattern: /\d{4}([ -]?)\d{4}\1\d{4}/,
    isValid: (digits) => {
      const rest = weightedSum(digits, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
      return (rest < 2 ? 0 : 11 - rest) === Number(digits[11])
    },
    examples: ['123456789018'],
    counterExamples: ['123456789019'],
  },
  {
    name: 'SG NRIC and FIN',
    entity: 'NATIONAL_ID',
    words: ['nric', 'fin', 'nric/fin', 'nric no', 'fin no', 'singapore id'],
    pattern: /[STFGMstfgm]\d{7}[A-Za-z]/,
    isValid: isSingaporean,
    alone: { code: [9] },
    examples: ['S1234567D', 'G1234567X'],
    counterExamples: ['S1234567E'],
  },
  {
    name: 'MY MyKad',
    entity: 'NATIONAL_ID',
    words: ['mykad', 'nric', 'ic no', 'ic number', 'kad pengenalan', 'no. kp', 'ic:'],
    pattern: /\d{6}-\d{2}-\d{4}|\d{12}/,
    isValid: (digits) =>
      isBirthday(digits.slice(0, 6), 'ymd') && !/^(?:00|1[7-9]|[67]|8[01]|9[4-7])/.test(digits.slice(6, 8)),
    alone: { digits: [6], sign: '-' },
    examples: ['850101-14-5678'],
    counterExamples: ['851301-14-5678'],
  },
  {
    name: 'TH national id',
    entity: 'NATIONAL_ID',
    words: ['thai id', 'citizen id', 'thai national id'],
    pattern: /[1-8]([ -]?)\d{4}\1\d{5}\1\d{2}\1\d/,
    isValid: (digits) =>
      (11 - (weightedSum(digits, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 10 === Number(digits[12]),
    alone: { digits: [4], after: [2], sign: '-' },
    examples: ['1-2345-67890-12-1'],
    counterExamples: ['1-2345-67890-12-2'],
  },
  {
    name: 'AU tax file number',
    entity: 'TAX_ID',
    words: ['tfn', 'tax file number', 'tax file no'],
    pattern: /\d{3}[ -]?\d{3}[ -]?\d{2,3}/,
    isValid: (digits) => digits.length === 9 && weightedSum(digits, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0,
    examples: ['123 456 782', '876543210'],
    counterExamples: ['123 456 783'],
  },
  {
    name: 'AU Medicare',
    entity: 'HEALTH_PLAN_ID',
    words: ['medicare', 'medicare number', 'medicare card', 'medicare no', 'irn'],
    pattern: /[2-6]\d{3}[ -]?\d{5}[ -]?\d(?:[ /-]?\d)?/,
    isValid: (digits) => weightedSum(digits, [1, 3, 7, 9, 1, 3, 7, 9]) % 10 === Number(digits[8]),
    examples: ['2123 45670 1', '2123 45670 1/2'],
    counterExamples: ['2123 45671 1'],
  },
  {
    name: 'AU business number',
    entity: 'TAX_ID',
    words: ['abn', 'acn', 'australian business number', 'australian company number'],
    pattern: /\d{2} ?\d{3} ?\d{3} ?\d{3}|\d{3} ?\d{3} ?\d{3}/,
    isValid: (digits) =>
      digits.length === 11 && (weightedSum(digits, [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10) % 89 === 0,
    examples: ['51 824 753 556'],
    counterExamples: ['51 824 753 557'],
  },
  {
    name: 'NZ IRD and NHI',
    entity: 'TAX_ID',
    words: ['ird', 'ird number', 'inland revenue number', 'ird no', 'nhi', 'nhi number'],
    pattern: /\d{2,3}[ -]?\d{3}[ -]?\d{3}|[A-HJ-NP-Z]{3}\d{4}|[A-HJ-NP-Z]{3}\d{2}[A-HJ-NP-Z]{2}/,
    isValid: isNewZealandIrd,
    examples: ['49-091-850', '136410132'],
    counterExamples: ['136410133'],
  },
]

function isGstin(code: string): boolean {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'
  let sum = 0
  for (let place = 0; place < 14; place += 1) {
    const product = alphabet.indexOf(code.charAt(place)) * (1 + (place % 2))
    sum += Math.trunc(product / 36) + (product % 36)
  }
  return alphabet.charAt((36 - (sum % 36)) % 36) === code[14]
}

function isSingaporean(code: string): boolean {
  const series = code.charAt(0)
  const added = series === 'T' || series === 'G' ? 4 : series === 'M' ? 3 : 0
  const rest = (weightedSum(code.slice(1, 8), [2, 7, 6, 5, 4, 3, 2]) + added) % 11
  if (series === 'M') return 'KLJNPQRTUWX'.charAt(10 - rest) === code[8]
  return ('ST'.includes(series) ? 'JZIHGFEDCBA' : 'XWUTRQPNMLK').charAt(rest) === code[8]
}

function isNewZealandIrd(code: string): boolean {
  const digits = code.padStart(9, '0')
  if (!/^\d{9}$/.test(digits)) return false
  const check = (weights: readonly number[]) => (11 - (weightedSum(digits, weights) % 11)) % 11
  const first = check([3, 2, 7, 6, 5, 4, 3, 2])
  const last = first === 10 ? check([7, 4, 3, 2, 5, 2, 7, 6]) : first
  return last === Number(digits[8])
}
