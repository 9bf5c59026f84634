import { findNames, nameEntities } from './names/find-names.ts'
import type { Recognizer, Tagger } from './recognizer.ts'
import { age } from './recognizers/age.ts'
import { bankAccount } from './recognizers/bank-account.ts'
import { cardDetails } from './recognizers/card-details.ts'
import { caseNumber } from './recognizers/case-number.ts'
import { coordinates } from './recognizers/coordinates.ts'
import { creditCard } from './recognizers/credit-card.ts'
import { cryptoAddress } from './recognizers/crypto-address.ts'
import { date } from './recognizers/date.ts'
import { dateOfBirth } from './recognizers/date-of-birth.ts'
import { deviceId } from './recognizers/device-id.ts'
import { driverLicense } from './recognizers/driver-license.ts'
import { email } from './recognizers/email.ts'
import { employeeId } from './recognizers/employee-id.ts'
import { healthPlan } from './recognizers/health-plan.ts'
import { hostname } from './recognizers/hostname.ts'
import { iban } from './recognizers/iban.ts'
import { ipAddress } from './recognizers/ip-address.ts'
import { licensePlate } from './recognizers/license-plate.ts'
import { macAddress } from './recognizers/mac-address.ts'
import { medicalRecord } from './recognizers/medical-record.ts'
import { nationalId } from './recognizers/national-id.ts'
import { passport } from './recognizers/passport.ts'
import { password } from './recognizers/password.ts'
import { phone } from './recognizers/phone.ts'
import { postcode } from './recognizers/postcode.ts'
import { providerId } from './recognizers/provider-id.ts'
import { routingNumber } from './recognizers/routing-number.ts'
import { secret } from './recognizers/secret.ts'
import { socialSecurity } from './recognizers/social-security.ts'
import { streetAddress } from './recognizers/street-address.ts'
import { swiftCode } from './recognizers/swift-code.ts'
import { taxId } from './recognizers/tax-id.ts'
import { url } from './recognizers/url.ts'
import { urlCredentials } from './recognizers/url-credentials.ts'
import { username } from './recognizers/username.ts'
import { vehicleNumber } from './recognizers/vehicle-number.ts'

export const recognizers: readonly Recognizer[] = [
  secret,
  urlCredentials,
  password,
  username,
  hostname,
  email,
  iban,
  ipAddress,
  creditCard,
  phone,
  macAddress,
  url,
  coordinates,
  streetAddress,
  postcode,
  dateOfBirth,
  date,
  age,
  bankAccount,
  cardDetails,
  caseNumber,
  cryptoAddress,
  deviceId,
  driverLicense,
  employeeId,
  healthPlan,
  licensePlate,
  medicalRecord,
  nationalId,
  passport,
  providerId,
  routingNumber,
  socialSecurity,
  swiftCode,
  taxId,
  vehicleNumber,
]

export const taggers: readonly Tagger[] = [{ entities: nameEntities, find: findNames }]
