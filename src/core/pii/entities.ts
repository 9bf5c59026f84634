/**
 * Every kind of personal data and secret that a finding can be; the placeholder shows it: `<EMAIL_1>`. The words are
 * those of the public evaluation sets, so that results can be compared.
 */
export const entities = [
  // Who
  'PERSON',
  'USERNAME',
  'PASSWORD',
  'SECRET',
  // Where to reach
  'EMAIL',
  'PHONE',
  'URL',
  'IP',
  'MAC',
  'HOSTNAME',
  'ADDRESS',
  'POSTCODE',
  'LOCATION',
  'GEO',
  'ORG',
  // When
  'DOB',
  'DATE',
  'AGE',
  // Money
  'CREDIT_CARD',
  'CVV',
  'IBAN',
  'BANK_ACCOUNT',
  'ROUTING',
  'SWIFT',
  'CRYPTO',
  // Given out by states
  'SSN',
  'NATIONAL_ID',
  'TAX_ID',
  'PASSPORT',
  'DRIVER_LICENSE',
  'LICENSE_PLATE',
  'CASE_NUMBER',
  // Given out by others
  'EMPLOYEE_ID',
  'MRN',
  'HEALTH_PLAN_ID',
  'PROVIDER_ID',
  'DEVICE_ID',
  'VIN',
  /** What a deny list or a pattern of the operator's names without an entity of its own. */
  'CUSTOM',
] as const

export type Entity = (typeof entities)[number]

/** Identifiers that exist only where somebody is treated or insured: each says by itself that a text is health data. */
export const healthEntities: ReadonlySet<Entity> = new Set(['MRN', 'HEALTH_PLAN_ID'])
