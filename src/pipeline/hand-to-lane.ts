import type { JobId, JobSpec } from '../core/job.ts'
import type { JobStore, Queues } from '../core/ports.ts'
import type { Permits } from '../core/rate-limit.ts'

export interface HandDeps {
  readonly store: JobStore
  readonly queues: Queues
  readonly permits: Permits
  /** How many jobs of a tenant may run at once; null for any number. */
  readonly concurrencyOf: (tenant: string) => number | null
  readonly now: () => number
}

/** Turns of audits that were put off begin at 1. */
const wakingTurn = 0

/**
 * Whether a job may enter its lane now. One that finds its tenant at its limit waits without an entry in any queue, and
 * is handed on by whoever ends another job of the tenant.
 */
export async function mayRun(id: JobId, { tenant, priority }: JobSpec, deps: HandDeps): Promise<boolean> {
  const limit = deps.concurrencyOf(tenant)
  if (limit === null) return true
  const { kind, wake } = await deps.permits.acquire({ job: id, tenant, limit, priority, nowMs: deps.now() })
  await handOn(wake, deps)
  return kind === 'granted'
}

/**
 * Queues jobs that have a permit now. An auditor finds each decided upon already and adds it to its lane. The entry is
 * another one than the job came with: that may still be in the hands of the auditor who found no permit.
 */
export async function handOn(
  ids: readonly JobId[],
  { store, queues }: Pick<HandDeps, 'store' | 'queues'>,
): Promise<void> {
  for (const id of ids) {
    const record = await store.read(id)
    if (!record) continue
    const { priority, sensitivity, traceparent } = record.spec
    await queues.addToIntake({ id, priority, sensitivity, turn: wakingTurn, traceparent })
  }
}
