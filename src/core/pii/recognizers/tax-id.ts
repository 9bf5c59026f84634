import { codeValue, findAnnounced } from '../announced.ts'
import { findIdentifiers } from '../national-ids/find-identifiers.ts'
import type { Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

/** Names that every state's number goes by. Those of one state are in the tables. */
const announcement = {
  entity: 'TAX_ID',
  words: wordSet([
    ...[
      'tax id',
      'tax_id',
      'taxid',
      'tax number',
      'tax no',
      'tax no.',
      'tax identification number',
      'taxpayer id',
      'vat id',
    ],
    ...['taxpayer identification number', 'vat number', 'vat no', 'vat reg no', 'vat registration number', 'ust-idnr'],
    ...[
      'ust-idnr.',
      'ust-id',
      'umsatzsteuer-id',
      'steuernummer',
      'numéro de tva',
      'n° tva',
      'nif',
      'btw-nummer',
      'moms nr',
    ],
    ...[
      'identificación fiscal',
      'identificador fiscal',
      'numero fiscale',
      'número fiscal',
      'tax file number',
      'ein',
      'itin',
    ],
  ]),
  prefixes: wordSet(['tax', 'tin', 'vat', 'ein', 'nif']),
  value: codeValue,
  minDigits: 6,
  score: 0.72,
} as const

export const taxId: Recognizer = {
  entity: 'TAX_ID',
  examples: {
    finds: [
      'tax ID: ⟦43-9852897⟧.',
      'EIN: ⟦79-8092358⟧',
      'Steuer-ID ⟦86095742719⟧',
      'USt-IdNr. ⟦DE136695976⟧',
      'ITIN ⟦912-71-1234⟧',
      'P.IVA ⟦00743110157⟧',
      'CNPJ ⟦11.222.333/0001-81⟧',
      'GSTIN ⟦27AAPFU0939F1ZV⟧',
      'NIP: ⟦526-000-12-46⟧',
      'ABN ⟦51 824 753 556⟧',
    ],
    ignores: [
      '43-98528977',
      'tax of 1200 dollars',
      'rfc 7231 section 4.2',
      'RFC 2822 and 5322',
      'ein Mann von nebenan',
      '11.222.333',
      'NIP it in the bud',
    ],
  },
  find(scan) {
    return [...findIdentifiers(scan, 'TAX_ID'), ...findAnnounced(scan, announcement)]
  },
}
