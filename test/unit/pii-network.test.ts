import { describe, expect, it } from 'vitest'
import type { Recognizer } from '../../src/core/pii/recognizer.ts'
import { email } from '../../src/core/pii/recognizers/email.ts'
import { ipAddress } from '../../src/core/pii/recognizers/ip-address.ts'
import { macAddress } from '../../src/core/pii/recognizers/mac-address.ts'
import { url } from '../../src/core/pii/recognizers/url.ts'
import { recognizers } from '../../src/core/pii/registry.ts'
import { Scan } from '../../src/core/pii/scan.ts'

function find(recognizer: Recognizer, text: string): string[] {
  return recognizer.find(new Scan(text)).map(({ start, end }) => text.slice(start, end))
}

describe('network addresses', () => {
  it('leave port, prefix and zone outside', () => {
    expect(find(ipAddress, '203.0.113.9:443 10.1.0.0/16 [2001:db8::1]:80 fe80::1%eth0')).toEqual([
      '203.0.113.9',
      '10.1.0.0',
      '2001:db8::1',
      'fe80::1',
    ])
  })

  it('of version 6 that end in version 4 are one', () => {
    expect(find(ipAddress, 'from ::ffff:203.0.113.9 port')).toEqual(['::ffff:203.0.113.9'])
  })

  it.each([
    'Package_for_KB2719857~31bf3856ad364e35~amd64~~6.1.1.0',
    'Applicable state 6.1.7601.23505',
    'rv:1.9.0.19) Gecko',
    'Firefox/3.0.0.1',
    'openssl-1.0.2.1-5.el6.x86_64',
    'connection from 0:0:0:0:0:0:0:0:2181',
    '10:15:43.123',
    'std::cout',
    '1.2.3.4.5',
  ])('are not versions, times or names of code: %j', (text) => {
    expect(find(ipAddress, text)).toEqual([])
  })

  it('of network cards are found with each separator, and a longer chain is a serial number', () => {
    expect(find(macAddress, '00:11:43:e3:ba:c3 00-11-43-E3-BA-C3 0011.43e3.bac3')).toHaveLength(3)
    expect(find(macAddress, '00:07:e9:00:00:00:00:00:01:47:4b:18')).toEqual([])
  })
})

describe('addresses of mail and web', () => {
  it('are found inside of one another', () => {
    const text = 'GET https://example.com/u?mail=ada%40example.com HTTP/1.1'
    expect(find(url, text)).toEqual(['https://example.com/u?mail=ada%40example.com'])
    expect(find(email, text)).toEqual(['ada%40example.com'])
  })

  it('leave the punctuation around a URL outside, and keep the brackets that it opened', () => {
    expect(find(url, '(see http://example.com/a.) and https://example.org/Ada_(name).')).toEqual([
      'http://example.com/a',
      'https://example.org/Ada_(name)',
    ])
  })
})

// It ends by the time limit of the suite when a pattern backtracks without bound.
describe('places, times and numbers', () => {
  const anchors = ['12 Main ', '1 Street ', 'Calle A ', 'C/ A ', '12 rue de ', 'Astraße 5 ', 'Apt 5 ', 'Address: a 1 ']
  anchors.push('lives at 1 ', 'IL 62701 ', '12345 Ab ', 'zip 1', '1° N ', 'aa:', '1234.', 'the corner of A ', 'A, ')
  anchors.push('12/', '12/12/', '1 may ', 'dob ', '45 years ', 'de 45 años ', '0049 ', '(0', 'http://', '::', '1 1 ')
  const kinds = new Set(['PHONE', 'IP', 'MAC', 'URL', 'GEO', 'ADDRESS', 'POSTCODE', 'DOB', 'DATE', 'AGE'])

  it.each(anchors)('are looked for in time that grows with the text only: %j', (anchor) => {
    for (const filler of ['', 'a', '1', 'A ']) {
      const scan = new Scan(filler === '' ? anchor.repeat(10_000) : anchor + filler.repeat(50_000))
      for (const recognizer of recognizers) if (kinds.has(recognizer.entity)) recognizer.find(scan)
    }
  })
})
