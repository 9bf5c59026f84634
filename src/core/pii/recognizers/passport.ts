import { codeValue, findAnnounced } from '../announced.ts'
import { passesTravelDocument } from '../national-ids/western-europe.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const announcement = {
  entity: 'PASSPORT',
  words: wordSet([
    ...['passport', 'passports', 'passport no', 'passport number', 'passport_number', 'passportnumber', 'passport_no'],
    ...['reisepass', 'reisepassnummer', 'pass-nr', 'passnummer', 'passeport', 'pasaporte', 'passaporto', 'passaporte'],
    ...[
      'paspoort',
      'paspoortnummer',
      'paszport',
      'paszportu',
      'passi',
      'passinumero',
      'útlevél',
      'pašaport',
      'pașaport',
    ],
    ...[
      'visa number',
      'visa no',
      'visa no.',
      'green card number',
      'alien number',
      'alien registration number',
      'паспорт',
    ],
    ...['travel document', 'διαβατήριο', 'pasaport', 'putovnica', 'cestovní pas', 'pas', 'uscis number'],
  ]),
  prefixes: wordSet(['pp', 'pass', 'psp', 'passport', 'visa']),
  value: codeValue,
  minDigits: 5,
  score: 0.8,
} as const

/** Second line of a machine-readable zone, ICAO 9303 part 4: number, check, state, birth, check, sex, expiry, check. */
const machineReadable = /[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14,16}/y
const longestZoneLine = 60
const zoneStart = wordSet(['p<', 'i<', 'v<', 'id<', 'ac<'], { whole: false })

export const passport: Recognizer = {
  entity: 'PASSPORT',
  examples: {
    finds: [
      'Passport number ⟦H28728463⟧ issued',
      'Passport: ⟦P2A117342⟧; DL',
      'identity via passport ⟦P5J101595⟧. Attorney',
      'Pasaporte nº ⟦AAA123456⟧',
      'Reisepass ⟦C01X00T47⟧',
      '"passport_number": "⟦123456789⟧"',
      'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n⟦L898902C36UTO7408122F1204159ZE184226B<<<<<10⟧',
    ],
    ignores: ['H28728463', 'passport-jwt 4.0.1', 'passport control at gate 12', 'the passport expires soon'],
  },
  find(scan) {
    const findings = findAnnounced(scan, announcement)
    for (const start of scan.hits(zoneStart).starts) findings.push(...readZone(scan.text, start))
    return findings
  },
}

function readZone(text: string, start: number): Finding[] {
  const newline = text.slice(start, start + longestZoneLine).indexOf('\n')
  if (newline === -1) return []
  machineReadable.lastIndex = start + newline + 1
  const found = machineReadable.exec(text)?.[0]
  if (found === undefined || !passesTravelDocument(found.slice(0, 10))) return []
  return [{ start: start + newline + 1, end: machineReadable.lastIndex, entity: 'PASSPORT', score: 0.95 }]
}
