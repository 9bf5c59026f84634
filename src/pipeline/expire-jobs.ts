import type { JobStore, Queues } from '../core/ports.ts'
import { type Catalogue, poolsOf } from '../core/routing.ts'
import type { Logger, Metrics } from '../core/telemetry.ts'

/** An accepted job is in its queue within one packet; one that is not after this long has lost its API process. */
const strandedAfterMs = 10_000
const batchSize = 500

/** Ends the jobs that are past their deadline. Returns how many. */
export async function expireJobs(deps: {
  store: JobStore
  catalogue: Catalogue
  metrics: Metrics
  nowMs: number
}): Promise<number> {
  let expired = 0
  for (const id of await deps.store.overdue(deps.nowMs, batchSize)) {
    const record = await deps.store.read(id)
    const error = { code: 'deadline_exceeded', message: 'The job passed its deadline.' } as const
    // The copies of the body that dispatchers would read go with the job.
    const pools = record ? poolsOf(record.spec.model, deps.catalogue) : []
    if (!(await deps.store.end(id, 'expire', { error, attempts: record?.attempts ?? [], pools }))) continue
    expired += 1
    if (!record) continue
    const { model, priority, createdAtMs } = record.spec
    deps.metrics.jobFinished(deps.nowMs - createdAtMs, { model, priority, status: 'expired' })
  }
  return expired
}

/**
 * Queues accepted jobs whose process died between storing and queueing them, or while it worked on them without an entry.
 * Where no process can be left of before (`isFirst`), nobody has to wait until their time has come. Returns how many were
 * looked at.
 */
export async function requeueStranded(deps: {
  store: JobStore
  queues: Queues
  log: Logger
  nowMs: number
  isFirst?: boolean
}): Promise<number> {
  const olderThanMs = deps.isFirst ? Number.MAX_SAFE_INTEGER : deps.nowMs - strandedAfterMs
  const stranded = await deps.store.untaken(olderThanMs, deps.nowMs, batchSize)
  for (const { id, spec } of stranded) {
    // A job that only waits behind others is in its queue already; adding it again changes nothing.
    const { priority, sensitivity, traceparent } = spec
    await deps.queues.addToIntake({ id, priority, sensitivity, traceparent })
  }
  if (stranded.length > 0) deps.log.debug({ jobs: stranded.length }, 'jobs without an audit were queued again')
  return stranded.length
}
