import type { Config } from '../config/schema.ts'
import type { AuditorRules } from '../config/schema-auditor.ts'
import type { AuditPolicy, Operator } from '../core/audit-policy.ts'
import { type Entity, entities, healthEntities } from '../core/pii/entities.ts'
import { profiles } from '../core/pii/profiles.ts'

/** What a tenant's rules say, with those of all tenants filled in. */
export interface EffectiveRules extends AuditPolicy {
  /** Entities that are looked for. */
  readonly entities: ReadonlySet<Entity>
  readonly patterns: NonNullable<AuditorRules['patterns']>
  readonly deny: NonNullable<AuditorRules['deny']>
  readonly allow: readonly string[]
}

/** A tenant's key goes before the same one of all; lists add up. */
export function effectiveRules(all: Config['auditor'], own: AuditorRules): EffectiveRules {
  const profile = profiles[own.profile ?? all.profile ?? 'default']
  const named: Partial<Record<Entity, Operator>> = { ...all.entities, ...own.entities }
  const restrict = new Set([...(all.restrict ?? []), ...(own.restrict ?? [])])
  const patterns = [...(all.patterns ?? []), ...(own.patterns ?? [])]
  const deny = [...(all.deny ?? []), ...(own.deny ?? [])]
  const onHealthData = own.on_phi ?? all.on_phi ?? 'internal'
  // What decides about the class is looked for, whatever becomes of it otherwise.
  const decides = (entity: Entity) =>
    restrict.has(entity) || (onHealthData === 'restricted' && healthEntities.has(entity))
  // So is what somebody took the trouble to name, whatever the profile says.
  const isWanted = (entity: Entity) =>
    profile.has(entity) ||
    named[entity] !== undefined ||
    [...patterns, ...deny].some((entry) => entry.entity === entity)
  const lookedFor = new Set(
    entities.filter((entity) => decides(entity) || (named[entity] !== 'keep' && isWanted(entity))),
  )
  const operatorOf = (entity: Entity): Operator => {
    if (!lookedFor.has(entity)) return 'keep'
    const operator = named[entity] ?? 'mask'
    // What is kept is not counted. It is here because of the class, and where that is `restricted` nothing is masked.
    return operator === 'keep' ? 'mask' : operator
  }
  return {
    entities: lookedFor,
    operatorOf,
    restrict,
    onHealthData,
    media: own.media ?? all.media ?? 'restricted',
    answers: own.answers ?? all.answers ?? 'off',
    patterns,
    deny,
    allow: [...(all.allow ?? []), ...(own.allow ?? [])],
  }
}
