import { describe, expect, it } from 'vitest'
import { detect, detectNamed } from '../../src/core/pii/detect.ts'
import { compactForm, findIdentifiers } from '../../src/core/pii/national-ids/find-identifiers.ts'
import { identifierRows } from '../../src/core/pii/national-ids/tables.ts'
import { Scan } from '../../src/core/pii/scan.ts'

describe.each(identifierRows.map((row) => [row.name, row] as const))('%s', (_name, row) => {
  const [word] = row.words
  const stretches = (text: string) =>
    findIdentifiers(new Scan(text), row.entity).map(({ start, end }) => text.slice(start, end))

  it('has check digits that its examples pass and its counter-examples fail', () => {
    expect(row.examples.filter((example) => row.isValid && !row.isValid(compactForm(example)))).toEqual([])
    expect(row.counterExamples.filter((example) => row.isValid?.(compactForm(example)))).toEqual([])
  })

  it('is found after its name, in any state', () => {
    const numbers = word === undefined ? [] : [...row.examples, ...row.counterExamples]
    expect(numbers.filter((number) => !stretches(`${word}: ${number}`).includes(number))).toEqual([])
  })

  it('is found further from its name if its check digits are right', () => {
    const numbers = row.isValid && word !== undefined ? row.examples : []
    expect(
      numbers.filter((number) => !stretches(`the ${word} that she gave us was ${number}.`).includes(number)),
    ).toEqual([])
  })

  it('is found alone only if its form is distinctive', () => {
    const alone = row.examples.filter((example) => stretches(`we got ${example} today`).includes(example))
    if (row.alone) expect(alone.length).toBeGreaterThan(0)
    const digitsOnly = row.examples.filter((example) => /^\d{9,11}$/.test(example))
    expect(alone.filter((example) => digitsOnly.includes(example))).toEqual([])
  })
})

/** What logs and prose are full of. */
const ordinary = [
  'blk_-1608999687919862906 terminating',
  'blk_-5195120009388265 of size 67108864',
  'mCardSernum(203231503833343000000000594c31304b34)',
  'request 3f9a1c7be2d84056a1b9c3d7e5f60248 took 1732184143123 ns',
  'Package_for_KB3086255~31bf3856ad364e35~amd64~~6.1.1.0',
  '1123262593 2005.08.05 R25-M1-N2 2005-08-05-10.23.13.029850',
  'pid 16563 uid 1000 session 4711',
  'rows 123456789, 1234567890, 12345678901',
  'case 12: break; policy: retain 30d; account: 42',
  'glucosa 92 mg/dl (60-100), cobre 43 mcg/dl (80-160)',
  'order 2026-11-21 / 17:04 / 4 of 1200 in 3.5 s',
  'v4.18.0-305.el8 build 20210824, sha 0123456789abcdef0123456789abcdef01234567',
]
const identifiers = new Set([
  ...['SSN', 'NATIONAL_ID', 'TAX_ID', 'PASSPORT', 'DRIVER_LICENSE', 'LICENSE_PLATE', 'VIN', 'DEVICE_ID', 'CREDIT_CARD'],
  ...['CVV', 'IBAN', 'BANK_ACCOUNT', 'ROUTING', 'SWIFT', 'CRYPTO', 'MRN', 'HEALTH_PLAN_ID', 'PROVIDER_ID'],
  ...['EMPLOYEE_ID', 'CASE_NUMBER'],
])

it.each(ordinary)('finds no identifier in %j', (text) => {
  expect(detect(text).filter(({ entity }) => identifiers.has(entity))).toEqual([])
})

it.each([
  ['ssn', '123456789', 'SSN'],
  ['accountNumber', '10080678', 'BANK_ACCOUNT'],
  ['patient_id', 'A-77812', 'MRN'],
  ['memberId', 'XYZ123456789', 'HEALTH_PLAN_ID'],
  ['employee_id', '36681', 'EMPLOYEE_ID'],
  ['passport_number', '123456789', 'PASSPORT'],
  ['cpf', '12345678900', 'NATIONAL_ID'],
])('reads the name of a field: %s', (name, value, entity) => {
  expect(detectNamed(name, value)).toMatchObject([{ start: 0, end: value.length, entity }])
})

it('finds the expiry date and the verification value behind a card', () => {
  const text = 'card 4111 1111 1111 1111, exp 12/30, cvv 123'
  expect(detect(text).map(({ start, end, entity }) => `${entity} ${text.slice(start, end)}`)).toEqual([
    'CREDIT_CARD 4111 1111 1111 1111',
    'CREDIT_CARD 12/30',
    'CVV 123',
  ])
})
