import type { JobRecord } from './job.ts'

/** Where a job that waits stands. */
export interface QueuePlace {
  /** 1 is next. Within its own lane, or among those that wait for the same thing. */
  readonly position: number
  /** By what the lane got through lately; null where it did nothing that could be measured. */
  readonly etaSeconds: number | null
}

export interface QueuePlaces {
  /** Null for a job that does not wait. */
  placeOf(job: JobRecord): Promise<QueuePlace | null>
}

/** What a lane, or a deployment, got through: sums that are worth less the older they are. */
export interface Throughput {
  readonly atMs: number
  readonly jobs: number
  /** Time in which at least one call was under way. Idle time says nothing about how fast a lane is. */
  readonly busyMs: number
}

/** After so long what was measured counts half. */
const halfLifeMs = 5 * 60_000
/** After so long without news it is none any more. */
const forgottenMs = 15 * 60_000
/** What is left of one job by then. Calls that only fail are news, and say nothing about how long one takes that does not. */
const leastJobs = 0.5 ** (forgottenMs / halfLifeMs)

export const noThroughput: Throughput = { atMs: 0, jobs: 0, busyMs: 0 }

/** Adds work that ended at `atMs` after `ms`, and took so many jobs off. */
export function addWork(before: Throughput, work: { atMs: number; ms: number; jobs: number }): Throughput {
  const { atMs, ms, jobs } = work
  const share = 0.5 ** (Math.max(0, atMs - before.atMs) / halfLifeMs)
  // What ran at the same time shares its time.
  const newMs = Math.max(0, atMs - Math.max(before.atMs, atMs - ms))
  return {
    atMs: Math.max(before.atMs, atMs),
    jobs: before.jobs * share + jobs,
    busyMs: before.busyMs * share + newMs,
  }
}

/** Whole seconds until the job at this position begins, or null where nothing is known. */
export function etaSeconds(position: number, { atMs, jobs, busyMs }: Throughput, nowMs: number): number | null {
  if (jobs < leastJobs || nowMs - atMs > forgottenMs) return null
  return Math.ceil((position * busyMs) / jobs / 1000)
}
