import { findAnnounced } from '../announced.ts'
import type { Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const announcement = {
  entity: 'LICENSE_PLATE',
  words: wordSet([
    'plate',
    'plates',
    'registration number',
    'reg no',
    'reg. no.',
    'vehicle tag',
    'license tags',
    ...[
      'license plate',
      'licence plate',
      'licenseplate',
      'license_plate',
      'number plate',
      'registration plate',
      'plate number',
    ],
    ...[
      'vehicle registration',
      'registration mark',
      'car registration',
      'vehicle reg',
      'plate no',
      'license tag',
      'vrn',
    ],
    ...[
      'kennzeichen',
      'kfz-kennzeichen',
      'autokennzeichen',
      'nummernschild',
      "plaque d'immatriculation",
      'immatriculation',
    ],
    ...[
      'matrícula',
      'matricula',
      'placa',
      'placas',
      'patente',
      'targa',
      'kenteken',
      'numer rejestracyjny',
      'rekisterinumero',
    ],
    ...['registreringsnummer', 'registreringsskylt', 'nummerplade', 'rekisteritunnus', 'rendszám', 'spz', 'tablica'],
  ]),
  // Up to three groups of capitals and digits: `85-OV28`, `1C 90790`, `FID W27`, `B-MW 1234`, `AB-123-CD`.
  value: /(?=[A-ZÄÖÜ \d·-]{0,10}\d)[A-ZÄÖÜ\d]{1,8}(?:[ ·-][A-ZÄÖÜ\d]{1,7}){0,3}(?![A-Za-z\d]|-[A-Za-z\d])/y,
  minDigits: 1,
  score: 0.75,
  accept: (value: string) => {
    const signs = value.replace(/[^\p{L}\d]/gu, '')
    return signs.length >= 4 && signs.length <= 10
  },
} as const

export const licensePlate: Recognizer = {
  entity: 'LICENSE_PLATE',
  examples: {
    finds: [
      'owns license plate ⟦146786⟧.',
      'license plate ⟦85-OV28⟧.',
      'license plate ⟦FID W27⟧.',
      'Vehicle registration: ⟦JBL-2595⟧ (PA)',
      'Kennzeichen: ⟦B-MW 1234⟧',
      'matrícula ⟦1234 BCD⟧',
      'immatriculation ⟦AB-123-CD⟧',
    ],
    ignores: [
      'B-MW 1234',
      'license plate recognition with 3 cameras',
      'tectonic plate 12 km',
      'Kennzeichen des Projekts',
    ],
  },
  find: (scan) => findAnnounced(scan, announcement),
}
