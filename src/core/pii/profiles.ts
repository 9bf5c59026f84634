import { type Entity, entities } from './entities.ts'

export const profileNames = ['default', 'logs', 'health', 'finance', 'strict', 'minimal'] as const

/** What a kind of text is looked through for. */
export type ProfileName = (typeof profileNames)[number]

export function isProfileName(name: string): name is ProfileName {
  return profileNames.some((known) => known === name)
}

/** What says who somebody is by itself, or opens a door. */
const always: readonly Entity[] = [
  ...(['USERNAME', 'PASSWORD', 'SECRET', 'EMAIL', 'PHONE', 'CREDIT_CARD', 'CVV', 'IBAN', 'BANK_ACCOUNT'] as const),
  ...([
    'ROUTING',
    'SWIFT',
    'CRYPTO',
    'SSN',
    'NATIONAL_ID',
    'TAX_ID',
    'PASSPORT',
    'DRIVER_LICENSE',
    'LICENSE_PLATE',
  ] as const),
  ...(['CASE_NUMBER', 'EMPLOYEE_ID', 'MRN', 'HEALTH_PLAN_ID', 'PROVIDER_ID', 'DEVICE_ID', 'VIN', 'CUSTOM'] as const),
]
const whereabouts: readonly Entity[] = ['IP', 'MAC', 'GEO', 'ADDRESS', 'DOB']

/**
 * Which entities each profile masks. What a text is about has to survive: `default` leaves dates, ages, places,
 * organisations, host names and plain URLs; a URL that carries credentials is masked as a SECRET all the same.
 */
export const profiles: Readonly<Record<ProfileName, ReadonlySet<Entity>>> = {
  default: new Set([...always, ...whereabouts, 'PERSON']),
  /** Timestamps, hosts and service names are what a log is read for. Persons show up in logs by their user names. */
  logs: new Set([...always, ...whereabouts]),
  /** HIPAA's safe harbor, 45 CFR 164.514(b)(2): names, places below a state, all dates and ages over 89, every number. */
  health: new Set(entities.filter((entity) => entity !== 'HOSTNAME')),
  /** Payment data and what the rules against money laundering make a bank keep of a customer. */
  finance: new Set([...always, ...whereabouts, 'PERSON', 'POSTCODE', 'ORG']),
  strict: new Set(entities),
  /** Only what does harm by itself when it gets out: keys, and the numbers of cards, accounts and states. */
  minimal: new Set([
    ...(['PASSWORD', 'SECRET', 'EMAIL', 'PHONE', 'CREDIT_CARD', 'CVV', 'IBAN', 'BANK_ACCOUNT', 'SSN'] as const),
    ...(['NATIONAL_ID', 'TAX_ID', 'PASSPORT', 'CRYPTO', 'CUSTOM'] as const),
  ]),
}
