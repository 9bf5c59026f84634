import type { Recognizer } from './recognizer.ts'
import { secret } from './recognizers/secret.ts'
import { email } from './recognizers/email.ts'
import { iban } from './recognizers/iban.ts'
import { ipAddress } from './recognizers/ip-address.ts'
import { creditCard } from './recognizers/credit-card.ts'
import { phone } from './recognizers/phone.ts'

export const recognizers: readonly Recognizer[] = [secret, email, iban, ipAddress, creditCard, phone]
