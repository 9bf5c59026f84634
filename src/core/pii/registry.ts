import type { Recognizer } from './recognizer.ts'
import { apiKey } from './recognizers/api-key.ts'
import { email } from './recognizers/email.ts'
import { iban } from './recognizers/iban.ts'
import { ipAddress } from './recognizers/ip-address.ts'
import { paymentCard } from './recognizers/payment-card.ts'
import { phone } from './recognizers/phone.ts'

export const recognizers: readonly Recognizer[] = [apiKey, email, iban, ipAddress, paymentCard, phone]
