import { findAnnounced } from '../announced.ts'
import { isVehicleNumber } from '../check-digits.ts'
import type { Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const announcement = {
  entity: 'VIN',
  words: wordSet([
    ...[
      'vin',
      'vehicle identification number',
      'vehicle identification',
      'chassis number',
      'chassis no',
      'frame number',
    ],
    ...[
      'fahrgestellnummer',
      'fin',
      'fahrzeug-identifizierungsnummer',
      'numéro de châssis',
      'número de bastidor',
      'bastidor',
    ],
    ...['numero di telaio', 'telaio', 'número do chassi', 'chassi', 'chassisnummer', 'numer vin', 'alustanumero'],
  ]),
  // Europe's manufacturers leave the check digit out.
  value: /(?=[A-Z]{0,12}\d)[A-HJ-NPR-Z\d]{17}(?![A-Za-z\d])/y,
  minDigits: 3,
  score: 0.9,
} as const

const length = 17

export const vehicleNumber: Recognizer = {
  entity: 'VIN',
  examples: {
    finds: [
      'drives ⟦1HGBH41JXMN109186⟧ daily',
      'VIN: ⟦WBA3A5C50CF256551⟧',
      'FIN ⟦WVWZZZ1JZ3W386752⟧',
      'vin=⟦1M8GDM9AXKP042788⟧',
    ],
    ignores: ['1HGBH41J0MN109186', 'WVWZZZ1JZ3W386752', '12345678901234567', 'VIN required', '11111111111111111'],
  },
  find(scan) {
    const findings = findAnnounced(scan, announcement)
    for (const { start, end } of scan.codes) {
      if (end - start !== length) continue
      const code = scan.text.slice(start, end)
      // Three letters at least: one in eleven numbers passes.
      if (/[A-Z]\d*[A-Z]\d*[A-Z]/.test(code) && isVehicleNumber(code))
        findings.push({ start, end, entity: 'VIN', score: 0.85 })
    }
    return findings
  },
}
