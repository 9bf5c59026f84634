import type { JobId, JobSpec } from './job.ts'

/** How long an answer that nobody took waits for the same request to come again, in milliseconds. */
export const leftForMs = 60_000

/** A call whose connection closed before its answer was delivered. */
export interface LeftCall {
  readonly job: JobId
  /** Equal for requests that are the same call sent twice. */
  readonly fingerprint: string
  /** Its job is ended when nobody has come back for it. */
  readonly endsJob: boolean
}

/** Calls that were left, known to every API process. */
export interface LeftCalls {
  /** Whether there are any: a question of memory, so that the ordinary request asks nobody. */
  readonly hasAny: boolean
  note(call: LeftCall): Promise<void>
  /** The job of a left call, for one caller and no other. */
  take(fingerprint: string): Promise<JobId | null>
  /** Somebody reads this job again by its id: it is left no more. */
  returnTo(job: JobId): void
  /** The job has a reader more than the one that it was made for, and does not end with either. */
  keep(job: JobId): Promise<void>
  isKept(job: JobId): Promise<boolean>
}

/** What the courier needs to end the jobs of calls that nobody came back for. */
export interface LeftCallSweep {
  /** Calls that were left before, the oldest first. */
  leftBefore(beforeMs: number, limit: number): Promise<readonly LeftCall[]>
  /** False when somebody else has taken it. */
  claim(call: LeftCall): Promise<boolean>
}

/** What a call must have in common with another, its body apart, to be that one sent again. */
export function callFacts(spec: JobSpec): string {
  const { tenant, keyId, surface, endpoint, model, stream, includeUsage, priority, sensitivity, tags, cache } = spec
  const { response, metadata } = spec
  return JSON.stringify([
    ...[tenant, keyId, surface, endpoint, model, stream, includeUsage, priority, sensitivity, tags, cache],
    ...[response, metadata],
  ])
}
