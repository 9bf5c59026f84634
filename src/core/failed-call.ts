import { type ErrorCode, errorRow } from './errors.ts'
import type { JobId, JobSpec } from './job.ts'
import type { TerminalFacts } from './job-event.ts'

/**
 * How long the failure of a call is given again to whoever sends the same call, in milliseconds, from the end of its job
 * on. Some clients send a call up to three times however it failed, and wait up to 8 s in between.
 */
export const failedForMs = 15_000

/** A call that was answered with a failure that trying again does not mend. */
export interface FailedCall {
  readonly job: JobId
  /** Equal for requests that are the same call sent twice, and have as long to their deadlines. */
  readonly fingerprint: string
  /** When its job ended. */
  readonly atMs: number
  /** What the last event of the job said, as JSON text. */
  readonly factsJson: string
}

/** The calls that failed a moment ago, known to every API process. */
export interface FailedCalls {
  /** Whether there may be any: a question of memory, so that the ordinary request costs nothing. */
  readonly hasAny: boolean
  /** Whether no more are noted for now: then nobody need find out what they would be. */
  readonly isFull: boolean
  has(job: JobId): boolean
  note(call: FailedCall): Promise<void>
  find(fingerprint: string): FailedCall | null
}

/**
 * Whether a failure stands: every attempt that the job was worth has been made. Clients take its status for a reason to
 * try again. One that says when to come back does not stand, nor does one that clients leave at that.
 */
export function isLasting({ status, error }: TerminalFacts): boolean {
  if (error === null || (status !== 'failed' && status !== 'expired')) return false
  const row = errorRow(error.code as ErrorCode)
  return row.status >= 500 && row.shouldRetry === false
}

/** How much time a call had, in seconds: who sends it again with more may well get an answer. */
export function secondsToDeadline({ createdAtMs, deadlineMs }: JobSpec): number {
  return Math.ceil((deadlineMs - createdAtMs) / 1000)
}
