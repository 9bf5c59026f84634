import { type Entity, entities } from './entities.ts'

/** Presidio's entity types (microsoft.github.io/presidio/supported_entities) and what they are called here. */
const byType: Readonly<Record<string, Entity>> = {
  EMAIL_ADDRESS: 'EMAIL',
  PHONE_NUMBER: 'PHONE',
  DOMAIN_NAME: 'HOSTNAME',
  IP_ADDRESS: 'IP',
  MAC_ADDRESS: 'MAC',
  GPE: 'LOCATION',
  STREET_ADDRESS: 'ADDRESS',
  ZIP_CODE: 'POSTCODE',
  ORGANIZATION: 'ORG',
  DATE_TIME: 'DATE',
  DATE_OF_BIRTH: 'DOB',
  API_KEY: 'SECRET',
  IBAN_CODE: 'IBAN',
  SWIFT_CODE: 'SWIFT',
  US_BANK_NUMBER: 'BANK_ACCOUNT',
  ABA_ROUTING_NUMBER: 'ROUTING',
  US_SSN: 'SSN',
  US_ITIN: 'TAX_ID',
  MEDICAL_LICENSE: 'PROVIDER_ID',
  MEDICAL_RECORD_NUMBER: 'MRN',
  UK_NHS: 'HEALTH_PLAN_ID',
  UK_NINO: 'NATIONAL_ID',
  ES_NIF: 'NATIONAL_ID',
  ES_NIE: 'NATIONAL_ID',
  IT_FISCAL_CODE: 'NATIONAL_ID',
  IT_IDENTITY_CARD: 'NATIONAL_ID',
  IT_VAT_CODE: 'TAX_ID',
  PL_PESEL: 'NATIONAL_ID',
  SG_NRIC_FIN: 'NATIONAL_ID',
  SG_UEN: 'TAX_ID',
  AU_ABN: 'TAX_ID',
  AU_ACN: 'TAX_ID',
  AU_TFN: 'TAX_ID',
  AU_MEDICARE: 'HEALTH_PLAN_ID',
  IN_PAN: 'TAX_ID',
  IN_GSTIN: 'TAX_ID',
  IN_AADHAAR: 'NATIONAL_ID',
  IN_VOTER: 'NATIONAL_ID',
  FI_PERSONAL_IDENTITY_CODE: 'NATIONAL_ID',
  KR_RRN: 'NATIONAL_ID',
  KR_FRN: 'NATIONAL_ID',
  KR_BRN: 'TAX_ID',
  TH_TNIN: 'NATIONAL_ID',
}

/** Types that most countries have one of. */
const byEnding: readonly (readonly [ending: string, entity: Entity])[] = [
  ['_PASSPORT', 'PASSPORT'],
  ['_DRIVER_LICENSE', 'DRIVER_LICENSE'],
  ['_DRIVING_LICENCE', 'DRIVER_LICENSE'],
  ['_VEHICLE_REGISTRATION', 'LICENSE_PLATE'],
  ['_LICENSE_PLATE', 'LICENSE_PLATE'],
  ['_TAX_ID', 'TAX_ID'],
  ['_VAT_ID', 'TAX_ID'],
  ['_ID_CARD', 'NATIONAL_ID'],
  ['_NATIONAL_ID', 'NATIONAL_ID'],
]

const own: ReadonlySet<string> = new Set(entities)

/** Types of an operator's own recognizers are `CUSTOM`, unless they have one of our names. */
export function entityOfType(type: string): Entity {
  if (own.has(type)) return type as Entity
  if (Object.hasOwn(byType, type)) return byType[type] ?? 'CUSTOM'
  return byEnding.find(([ending]) => type.endsWith(ending))?.[1] ?? 'CUSTOM'
}
