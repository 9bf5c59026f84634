import type { JobId } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import type { JobStore } from '../core/ports.ts'
import type { Permits } from '../core/rate-limit.ts'

const batchSize = 500

/**
 * Looks after permits and parked jobs that nobody has looked after for a lease. One whose job is over is taken back; a
 * job that is open keeps its place. Resolves with the jobs that the caller must hand on: they have a permit, and the
 * process that should have handed them on may have died.
 */
export async function reconcilePermits(deps: {
  permits: Permits
  store: Pick<JobStore, 'read'>
  nowMs: number
}): Promise<readonly JobId[]> {
  const { permits, store, nowMs } = deps
  const wake = new Set<JobId>()
  for (const { job } of await permits.due(nowMs, batchSize)) {
    const record = await store.read(job)
    const isOver = record === null || isTerminal(record.status)
    for (const each of isOver ? await permits.release(job, nowMs) : await permits.check(job, nowMs)) wake.add(each)
  }
  return [...wake]
}
