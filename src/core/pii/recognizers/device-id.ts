import { findAnnounced } from '../announced.ts'
import { passesLuhn } from '../check-digits.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

/** 3GPP TS 23.003: IMEI of 14 digits and a Luhn digit, IMEISV of 16, IMSI of 15, ICCID of 19 or 20. */
const subscriber = {
  entity: 'DEVICE_ID',
  words: wordSet([
    'imei',
    'imeis',
    'imei number',
    'imei no',
    'imeisv',
    'imei1',
    'imei2',
    'meid',
    'imsi',
    'iccid',
    'esn',
    'eid',
  ]),
  value: /(?:\d{2}[ -]\d{6}[ -]\d{6}[ -]\d{1,2}|[A-F\d]{14,20}|[A-F\d]{8})(?![\w-])/y,
  minDigits: 4,
  score: 0.88,
} as const

const device = {
  entity: 'DEVICE_ID',
  words: wordSet([
    ...[
      'device id',
      'device_id',
      'deviceid',
      'device identifier',
      'device serial',
      'device serial number',
      'udid',
      'idfa',
    ],
    ...[
      'idfv',
      'gaid',
      'aaid',
      'advertising id',
      'advertising_id',
      'android id',
      'android_id',
      'hardware id',
      'implant serial',
    ],
    ...[
      'implant id',
      'biometric id',
      'fingerprint id',
      'biometric identifier',
      'bio-fp',
      'pacemaker serial',
      'gerätenummer',
    ],
    ...['gerätekennung', 'seriennummer', 'numéro de série', 'número de serie', 'numero di serie', 'numer seryjny'],
  ]),
  prefixes: wordSet(['dev', 'imei', 'udid', 'device', 'bio', 'idfa']),
  value: /(?=[^\s]{0,20}\d)[A-Za-z\d](?:[A-Za-z\d]|[-:](?=[A-Za-z\d])){5,47}(?![A-Za-z\d])/y,
  minDigits: 3,
  score: 0.75,
  // `device_id=/dev/sda` and names of models are not ids of one device.
  accept: (value: string) => !/^[a-z]+\d{1,3}$/.test(value),
} as const

const printed = /\d{2}-\d{6}-\d{6}-\d(?![\w-])/y

export const deviceId: Recognizer = {
  entity: 'DEVICE_ID',
  examples: {
    finds: [
      'IMEI: ⟦490154203237518⟧',
      'imei ⟦49-015420-323751-8⟧ blocked',
      'device_id=⟦AEBE52E7-03EE-455A-B3C4-E57283966239⟧',
      'shows ⟦BIO-FP-a3f8c2e1d5⟧. Record',
      'IMSI ⟦310150123456789⟧',
      'pacemaker serial number ⟦PJN123456S⟧',
      'is ⟦49-015420-323751-8⟧ yours',
    ],
    ignores: [
      '490154203237518',
      'AEBE52E7-03EE-455A-B3C4-E57283966239',
      'device id: sda1',
      'udid unknown',
      '49-015420-323751-7',
    ],
  },
  find(scan) {
    const findings: Finding[] = [...findAnnounced(scan, subscriber), ...findAnnounced(scan, device)]
    for (const group of scan.digitGroups(6)) {
      const start = group.start - 3
      if (scan.text.charAt(start + 2) !== '-' || /[\w-]/.test(scan.text.charAt(start - 1))) continue
      printed.lastIndex = start
      const found = printed.exec(scan.text)?.[0]
      if (found !== undefined && passesLuhn(found))
        findings.push({ start, end: start + found.length, entity: 'DEVICE_ID', score: 0.85 })
    }
    return findings
  },
}
