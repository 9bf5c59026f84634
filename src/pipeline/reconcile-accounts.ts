import type { Accounts, ExpiredHold } from '../core/budget.ts'
import type { JobRecord } from '../core/job.ts'
import type { JobStore } from '../core/ports.ts'
import type { Logger } from '../core/telemetry.ts'

const batchSize = 500

/** By so much the clocks of the processes that end jobs may differ from the one that dates their records. */
const clockMarginMs = 10_000

export interface ReconcileAccountsDeps {
  readonly accounts: Accounts
  readonly store: Pick<JobStore, 'read'>
  /**
   * Every attempt that ended before this was settled: the time of the oldest record that waits for the recorder, or now
   * when none waits. While the recorder is away nothing is given back that may still have to be paid for.
   */
  readonly recordedUpToMs: number
  readonly nowMs: number
  readonly log: Logger
}

/**
 * Gives back what jobs hold that will never be settled: they ended and their records are through, or they were never
 * stored because the process died that held for them. Other holds whose lease is over get another one.
 */
export async function reconcileAccounts(deps: ReconcileAccountsDeps): Promise<{ released: number; extended: number }> {
  const { accounts, store, nowMs, log } = deps
  let released = 0
  let extended = 0
  for (const hold of await accounts.expiredHolds(nowMs, batchSize)) {
    if (isOver(hold, await store.read(hold.job), deps.recordedUpToMs)) {
      const amount = await accounts.release(hold.job, nowMs)
      if (amount > 0) released += 1
    } else if (await accounts.extend(hold.job, nowMs)) {
      extended += 1
    }
  }
  if (released > 0) log.warn({ holds: released }, 'money was given back that dead processes held')
  return { released, extended }
}

function isOver(hold: ExpiredHold, job: JobRecord | null, recordedUpToMs: number): boolean {
  // A job that is gone had not ended, or had not been recorded, when the lease began: what it left was written since.
  const endedAtMs = job ? job.finishedAtMs : hold.expiredAtMs
  return endedAtMs !== null && endedAtMs + clockMarginMs < recordedUpToMs
}
