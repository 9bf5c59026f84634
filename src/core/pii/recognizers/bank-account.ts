import { digitValue, findAnnounced } from '../announced.ts'
import type { Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const announcement = {
  entity: 'BANK_ACCOUNT',
  words: wordSet([
    'account id',
    'brokerage account',
    'loan number',
    'loan account',
    'current account',
    'account ending',
    'bank account number',
    'iban account',
    ...[
      'account number',
      'account no',
      'account no.',
      'account num',
      'account_number',
      'accountnumber',
      'acct no',
      'acct',
    ],
    ...[
      'acct.',
      'a/c',
      'a/c no',
      'bank account',
      'checking account',
      'savings account',
      'source account',
      'bank_account',
    ],
    ...[
      'destination account',
      'beneficiary account',
      'debit account',
      'credit account',
      'deposit account',
      'bank acct',
    ],
    ...[
      'kontonummer',
      'kontonr',
      'konto-nr',
      'konto',
      'numéro de compte',
      'compte bancaire',
      'número de cuenta',
      'rib',
    ],
    ...[
      'cuenta bancaria',
      'numero di conto',
      'conto corrente',
      'conta bancária',
      'conta corrente',
      'rekeningnummer',
      'clabe',
    ],
    ...[
      'numer konta',
      'nr konta',
      'rachunek',
      'tilinumero',
      'bankkonto',
      'cuenta corriente',
      'nib',
      'numéro du compte',
    ],
  ]),
  vague: wordSet(['account', 'cuenta', 'compte', 'conta', 'conto', 'rekening']),
  prefixes: wordSet(['acct', 'acc', 'account', 'ba']),
  value: digitValue,
  minDigits: 6,
  score: 0.72,
} as const

/** Prose tells of accounts without a mark: `Investigation confirmed that account 10163241 does not belong to her`. */
const mentioned = { ...announcement, words: wordSet(['account', 'accounts']), value: /\d{8,17}(?![\w-]|[.,:/]\d)/y }
const { vague: _vague, ...mentionedOnly } = mentioned

export const bankAccount: Recognizer = {
  entity: 'BANK_ACCOUNT',
  examples: {
    finds: [
      'Source account: ⟦10080678⟧, routing',
      'Account #⟦10194155⟧ (routing',
      'that account ⟦10163241⟧ does NOT',
      'Kontonummer ⟦532013000⟧',
      'my account number is ⟦0123 4567 89⟧.',
      'CLABE ⟦032180000118359719⟧',
      '"accountNumber": "⟦000123456789⟧"',
    ],
    ignores: ['10080678', 'account 12 of 40', 'account since spring', 'accounts: 3', 'account 4.1.2'],
  },
  find: (scan) => [...findAnnounced(scan, announcement), ...findAnnounced(scan, mentionedOnly)],
}
