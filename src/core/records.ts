import type { AnswerPolicy } from './audit-policy.ts'
import type { ErrorCode } from './errors.ts'
import type { JobId, MaskedCounts } from './job.ts'
import type { TerminalStatus } from './job-state.ts'
import type { MicroUsd } from './pricing.ts'
import type { TokenUsage } from './provider.ts'
import type { Sensitivity } from './vocabulary.ts'

/**
 * What the steps of a job leave behind for the ledger and the audit trail, written to the stream `sluice:records` in the
 * same atomic step as the change that they tell of, so none is lost and none is told twice. They hold no content and no
 * name of a caller: dispatchers write them, and the recorder adds whose they are.
 */
export type JobRecordEntry = DecisionRecord | AttemptRecord | EndRecord | AnswerRecord | ActionRecord | ErasureRecord

/** An auditor's decision. */
export interface DecisionRecord {
  readonly kind: 'decision'
  readonly job: JobId
  readonly atMs: number
  readonly asked: Sensitivity
  readonly sensitivity: Sensitivity
  readonly reason: string
  /** What was found, by entity, masked or not. */
  readonly found: MaskedCounts
  readonly masked: MaskedCounts
  readonly detectors: readonly string[]
  /** The deployments that may serve, in order. */
  readonly candidates: readonly string[]
  readonly reserved: MicroUsd
}

/** One call of one deployment: a row of the ledger. */
export interface AttemptRecord {
  readonly kind: 'attempt'
  readonly job: JobId
  readonly atMs: number
  /** `<job id>.<fence>`: unique, and the same however often the row is delivered. */
  readonly attemptId: string
  readonly deployment: string
  readonly pool: string
  /** `completed`, a `ProviderFailure`, `worker_lost`, `cancelled` or `expired`. */
  readonly outcome: string
  readonly status: number | null
  readonly ms: number
  readonly firstTokenMs: number | null
  readonly usage: TokenUsage | null
  /** The provider gave no usage: tokens were counted here. */
  readonly isEstimated: boolean
  readonly cost: MicroUsd
}

/** The end of a job. */
export interface EndRecord {
  readonly kind: 'end'
  readonly job: JobId
  readonly atMs: number
  readonly status: TerminalStatus
  readonly errorCode: ErrorCode | null
  readonly attempts: number
}

/** What was found in an answer when it was first delivered. */
export interface AnswerRecord {
  readonly kind: 'answer'
  readonly job: JobId
  readonly atMs: number
  readonly found: MaskedCounts
  /** What the tenant's policy did about it. */
  readonly policy: AnswerPolicy
}

/** Somebody's decision about a dead letter, or that a job was deleted. */
export interface ActionRecord {
  readonly kind: 'action'
  /** The dead letter, or the job that was deleted. */
  readonly job: JobId
  readonly atMs: number
  readonly action: 'replay' | 'discard' | 'delete'
  readonly by: 'operator' | 'tenant'
  /** Public id of the tenant's key; null for the operator. */
  readonly byKey: string | null
  /** The job that runs it again; null for all but a replay. */
  readonly run: JobId | null
}

/** An operator had the data of a tenant erased: that it was begun, and what it came to. */
export interface ErasureRecord {
  readonly kind: 'erasure'
  /** Empty: it is about all of them. */
  readonly job: JobId
  readonly atMs: number
  readonly tenant: string
  readonly phase: 'begun' | 'ended'
  /** What was made after this time was left, in Unix milliseconds. */
  readonly beforeMs: number
  /** How much was erased in this step, by kind. */
  readonly deleted: Readonly<Record<string, number>>
  /** Whether nothing is left to be erased. */
  readonly isComplete: boolean
}
