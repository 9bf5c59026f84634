import type { JobId } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import type { JobStore } from '../core/ports.ts'
import { type Catalogue, poolsOf } from '../core/routing.ts'

/**
 * Cancels a job that has not ended; one that has is left as it is. Whether cancel or complete was first is decided by
 * one compare-and-set in the store, which also tells the node that works on the job to stop.
 */
export async function cancelJob(id: JobId, deps: { store: JobStore; catalogue: Catalogue }): Promise<void> {
  const record = await deps.store.read(id)
  if (record === null || isTerminal(record.status)) return
  await deps.store.end(id, 'cancel', {
    error: { code: 'job_cancelled', message: 'The job was cancelled.' },
    attempts: record.attempts,
    // The copies of the body that dispatchers would read go with the job.
    pools: poolsOf(record.spec.model, deps.catalogue),
  })
}
