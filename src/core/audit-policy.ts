import type { Entity } from './pii/entities.ts'
import type { Sensitivity } from './vocabulary.ts'

/**
 * What becomes of a finding before a cloud pool may see it. `mask`: a placeholder that the reader's side turns back.
 * `redact`: a placeholder that nothing turns back. `hash`: the same, but equal values of a tenant have equal words.
 * `keep`: left as it is, not counted. `block`: the job is rejected.
 */
export const operators = ['mask', 'redact', 'hash', 'keep', 'block'] as const
export type Operator = (typeof operators)[number]

/** Pictures, sound and files, which no detector reads. */
export const mediaPolicies = ['restricted', 'block', 'pass'] as const
type MediaPolicy = (typeof mediaPolicies)[number]

/** What is done about secrets and new personal data in an answer. */
export const answerPolicies = ['off', 'report', 'redact', 'block'] as const
export type AnswerPolicy = (typeof answerPolicies)[number]

/** A tenant's rules for the auditor, defaults filled in. */
export interface AuditPolicy {
  readonly operatorOf: (entity: Entity) => Operator
  /** Entities that make a job `restricted`. */
  readonly restrict: ReadonlySet<Entity>
  /** The class that health data raises a job to. */
  readonly onHealthData: Sensitivity
  readonly media: MediaPolicy
  readonly answers: AnswerPolicy
}
