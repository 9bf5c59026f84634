import { readLead } from '../announced.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

/** PCI DSS forbids to keep it at all. */
const words = wordSet([
  ...[
    'cvv',
    'cvv2',
    'cvc',
    'cvc2',
    'cav2',
    'card verification',
    'card verification value',
    'card security code',
    'cvn',
  ],
  ...[
    'card verification code',
    'security code',
    'kartenprüfnummer',
    'prüfnummer',
    'cryptogramme',
    'cryptogramme visuel',
  ],
  ...['código de seguridad', 'codigo de seguridad', 'codice di sicurezza', 'código de segurança', 'kod cvv', 'kod cvc'],
])
const value = /\d{3,4}(?![\w-]|[.,:/]\d)/y

export const cardDetails: Recognizer = {
  entity: 'CVV',
  examples: {
    finds: ['CVV: ⟦123⟧', 'cvv=⟦4521⟧', 'the security code is ⟦737⟧.', '"cvc": "⟦123⟧"', 'Kartenprüfnummer ⟦123⟧'],
    ignores: ['123', 'cvv 12345', 'security code review of 12 files', 'cvc-complex-type.2.4', 'CVV check took 3 s'],
  },
  find(scan) {
    const findings: Finding[] = []
    for (const wordEnd of scan.hits(words).ends) {
      const { end: start } = readLead(scan.text, wordEnd)
      value.lastIndex = start
      if (value.test(scan.text)) findings.push({ start, end: value.lastIndex, entity: 'CVV', score: 0.85 })
    }
    return findings
  },
}
