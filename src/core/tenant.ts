import type { Sensitivity } from './vocabulary.ts'

/** Whose key a request came with, and what that key may do. */
export interface Tenant {
  readonly name: string
  /** Public id of the key: its name in the configuration, else `key_` and the start of its hash. */
  readonly keyId: string
  readonly sensitivity: { readonly default: Sensitivity; readonly floor: Sensitivity }
  /** Model names, or `*`. */
  readonly models: readonly string[]
  /** Whether webhooks can be signed for this tenant. */
  readonly hasWebhookSecret: boolean
}

export function mayUse(tenant: Pick<Tenant, 'models'>, model: string): boolean {
  return tenant.models.includes('*') || tenant.models.includes(model)
}
