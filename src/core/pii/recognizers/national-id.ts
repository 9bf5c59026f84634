import { codeValue, findAnnounced } from '../announced.ts'
import { findIdentifiers } from '../national-ids/find-identifiers.ts'
import type { Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

/** Names that every state's number goes by. Those of one state are in the tables. */
const announcement = {
  entity: 'NATIONAL_ID',
  words: wordSet([
    'identification number',
    'identification no',
    'citizenship number',
    'personal code',
    'civil id',
    'id no',
    'id no.',
    'id#',
    'identity no',
    'identity card number',
    'national insurance',
    'resident number',
    ...[
      'national id',
      'national identity',
      'national identification',
      'national_id',
      'nationalid',

      'citizen id',
    ],
    ...[
      'id card',
      'idcard',
      'id_card',
      'identity card',
      'identity number',
      'identity document',
      'personal id',
      'ni number',
    ],
    ...['personal identification number', 'personal number', 'resident id', 'government id', 'id number', 'id-number'],
    ...['ausweisnummer', 'personalausweisnummer', 'identitätsnummer', "carte d'identité", "pièce d'identité", 'cni'],
    ...[
      'documento de identidad',
      'carnet de identidad',
      'cédula',
      "carta d'identità",
      'identiteitskaart',
      'identiteitsnummer',
    ],
    ...['documento de identidade', 'cartão de cidadão', 'numer dowodu', 'henkilökortti', 'identitetskort', 'id-kort'],
  ]),
  prefixes: wordSet(['nid', 'natid', 'nin', 'cid', 'idn', 'gov']),
  value: new RegExp(`ID-[A-Z0-9]{6,16}(?![A-Za-z0-9])|${codeValue.source}`, 'y'),
  minDigits: 0,
  score: 0.75,
  accept: (value: string) => value.startsWith('ID-') || value.replace(/\D/g, '').length >= 5,
} as const

export const nationalId: Recognizer = {
  entity: 'NATIONAL_ID',
  examples: {
    finds: [
      'DNI: ⟦12345678Z⟧.',
      'mi número es ⟦X1234567L⟧, gracias',
      'PESEL ⟦44051401359⟧',
      'BSN: ⟦123456789⟧',
      'CPF ⟦529.982.247-25⟧ confirmado',
      'AHV ⟦756.9217.0769.85⟧',
      'hetu ⟦131052-308T⟧',
      'codice fiscale ⟦RSSMRA85T10A562S⟧',
      'NHS number: ⟦943 476 5919⟧',
      'Aadhaar ⟦2341 2341 2346⟧ verified',
      'Employee ID card ⟦ID-FPH90O7Y⟧ grants access',
      'Insurance: ⟦NID-900198093⟧.',
      'National ID: ⟦1234 5678 9012⟧',
      'her number, ⟦1 85 05 78 006 084 91⟧',
    ],
    ignores: [
      '123456789',
      '12345678A',
      'blk_-1608999687919862906',
      'id 44051401359',
      'sin 0.5 and pan 12',
      'took 120174-3399 ms',
      'the ID card reader 3000 is broken',
      '2026-11-21 10:15:43',
      'version 529.982.247',
    ],
  },
  find(scan) {
    return [...findIdentifiers(scan, 'NATIONAL_ID'), ...findAnnounced(scan, announcement)]
  },
}
