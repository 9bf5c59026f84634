import type { RateLimits } from './budget.ts'
import type { JobId } from './job.ts'
import type { Priority } from './vocabulary.ts'

export type { RateLimits } from './budget.ts'

/** A minute is a row of 60 seconds and the one that runs: what was admitted counts for 60 to 61 seconds. */
export const rateBuckets = { bucketMs: 1_000, count: 60 } as const

/** The longest that a client is told to wait. */
export const maxRetryAfterMs = 60_000

export type Admission =
  | { readonly allowed: true }
  | {
      readonly allowed: false
      readonly limit: 'requests' | 'tokens'
      readonly perMinute: number
      /** At most a minute; null when waiting does not help: the request alone is above the limit. */
      readonly retryAfterMs: number | null
    }

/** Requests and tokens per minute. In any 60 seconds no more is admitted than the limits say. */
export interface RateLimiter {
  /** Counts a request and the estimate of its tokens, both or neither. */
  admit(request: { job: JobId; tenant: string; limits: RateLimits; tokens: number; nowMs: number }): Promise<Admission>
  /**
   * Tokens that an attempt used come out of the estimate of its job; what is beyond it counts from now on. An attempt
   * that is reported again counts again: for a minute a tenant has less than it may have, never more.
   */
  settle(use: { job: JobId; tenant: string; tokens: number; nowMs: number }): Promise<void>
  /** At the end of a job: what is left of its estimate no longer counts. */
  release(end: { job: JobId; tenant: string; nowMs: number }): Promise<void>
}

/** What a client reads in the error `rate_limit_exceeded`. */
export function describeRateRefusal({
  limit,
  perMinute,
  retryAfterMs,
}: Extract<Admission, { allowed: false }>): string {
  const what = `${perMinute} ${perMinute === 1 ? limit.slice(0, -1) : limit} per minute`
  if (retryAfterMs === null) return `The request alone needs more than the limit of ${what}.`
  return `The limit of ${what} is reached; try again in ${Math.ceil(retryAfterMs / 1000)} s.`
}

export interface Acquired {
  /** A parked job gets its permit later: `release` or `check` of some process names it. */
  readonly kind: 'granted' | 'parked'
  /** Other jobs that got a permit in this step: whoever asked must hand them on. */
  readonly wake: readonly JobId[]
}

export interface DuePermit {
  readonly job: JobId
  readonly dueAtMs: number
}

/**
 * Permits to run, so many at a time per tenant. A job that finds none is parked, and gets the one that another gives
 * back: nobody polls. Every method is one atomic step and harmless when it is called again.
 */
export interface Permits {
  /** Who is parked goes by priority, then by time. `limit` holds for the tenant until another one is given. */
  acquire(request: { job: JobId; tenant: string; limit: number; priority: Priority; nowMs: number }): Promise<Acquired>
  /** For a job that has ended, whether it ran or was parked. Resolves with the jobs that have a permit now. */
  release(job: JobId, nowMs: number): Promise<readonly JobId[]>
  /** Permits and parked jobs that nobody has looked after for a lease, oldest first. */
  due(nowMs: number, limit: number): Promise<readonly DuePermit[]>
  /**
   * Keeps the place of a job for another lease. Resolves with the jobs to hand on: itself if it has a permit, for the
   * process that should have done so may be dead, and those that got one now. To hand a job on twice must be harmless.
   */
  check(job: JobId, nowMs: number): Promise<readonly JobId[]>
  /** How many run and how many are parked. */
  count(tenant: string): Promise<{ readonly running: number; readonly parked: number }>
}
