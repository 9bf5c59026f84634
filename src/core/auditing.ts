import type { AuditPolicy } from './audit-policy.ts'
import type { Detector } from './pii/detector.ts'
import type { Entity } from './pii/entities.ts'

/** How one tenant's requests are examined. */
export interface TenantAuditing {
  readonly policy: AuditPolicy
  readonly detector: Detector
  /** The word that stands for a value in all jobs of the tenant, for the operator `hash`. */
  readonly hashOf: (entity: Entity, value: string) => string
}

export interface Auditing {
  of(tenant: string): TenantAuditing
}
