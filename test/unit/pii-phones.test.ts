import { describe, expect, it } from 'vitest'
import { phone } from '../../src/core/pii/recognizers/phone.ts'
import { Scan } from '../../src/core/pii/scan.ts'

function find(text: string): string[] {
  return phone.find(new Scan(text)).map(({ start, end }) => text.slice(start, end))
}

describe('phone numbers', () => {
  it.each([
    ['US', '(415) 555-2671'],
    ['US', '1-800-555-0199'],
    ['US', '800.555.0199'],
    ['CA', '416-555-0123'],
    ['UK', '020 7946 0018'],
    ['UK', '07911 123456'],
    ['DE', '0151 23456789'],
    ['DE', '089/1234567'],
    ['FR', '01 42 68 53 00'],
    ['FR', '06.12.34.56.78'],
    ['ES', '914 90 66 60'],
    ['IT', '0393 1144137'],
    ['NL', '06-12345678'],
    ['PL', '+48 22 123 45 67'],
    ['BR', '(11) 91234-5678'],
    ['IN', '+91 98765 43210'],
    ['AU', '0412 345 678'],
    ['AU', '(02) 9374 4000'],
    ['E.164', '+442079460958'],
    ['no real number', '+1 (275) 725-6175'],
  ])('are found without a word before them when their form is known: %s %s', (_country, number) => {
    expect(find(`see ${number}, or mail`)).toEqual([number])
  })

  it.each([
    'Tel.: ',
    'Telefon: ',
    'Tfno. ',
    'Tlf: ',
    'Téléphone : ',
    'Telefoon ',
    'telefone: ',
    'Cellulare: ',
    'móvil ',
    'Mobil: ',
    'Puh. ',
    'тел. ',
    'Phone:\n',
    'fax ',
  ])('are found in any form after %j', (lead) => {
    for (const number of ['450 0840', '60-56-85-91', '9472 7916', '620586301', '51 516 33 75'])
      expect(find(lead + number)).toEqual([number])
  })

  it('are found after a call to call when they have groups or a full length, and not when it is a count', () => {
    expect(find('Can someone call me on 450 0840?')).toEqual(['450 0840'])
    expect(find('reach us at 4155552671')).toEqual(['4155552671'])
    expect(find('the call took 1732184 ns')).toEqual([])
    expect(find('text 20250101 bytes')).toEqual([])
  })

  it('are found one by one when a word announces several', () => {
    expect(find('Tfno. 956 013 059 y 956 013 060.')).toEqual(['956 013 059', '956 013 060'])
  })

  it('take their extension with them', () => {
    expect(find('desk: +1-604-696-5272x565 now')).toEqual(['+1-604-696-5272x565'])
    expect(find('416-555-0123 ext. 45')).toEqual(['416-555-0123 ext. 45'])
  })

  it.each([
    '2026-11-21 10:15:43,123 +0100',
    '17/May/2015:10:05:03 +0000',
    '10.0.0.7 - - 200 6146',
    'blk_-1608999687919862906',
    'Package 6.1.7601.23505 changed',
    'Opera Mini/7.0.3/34.1244; Mobile 7.0.3.1244',
    'iPhone; CPU iPhone OS 6_0',
    '012-52-7174',
    'NHC 08 45622',
    'id 00-14-22-01-23-45',
    'size 1732184143 of 1732184144',
    'ISBN 978-3-16-148410-0',
  ])('are not seen in %j', (text) => {
    expect(find(text)).toEqual([])
  })
})
