import { BrokerError } from '../core/errors.ts'
import type { JobRecord } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import type { Tenant } from '../core/tenant.ts'
import type { Endpoint, Priority } from '../core/vocabulary.ts'
import { type AcceptDeps, type Accepted, acceptJob, type Replay } from './accept-job.ts'

export interface ReplayOptions {
  /** Another model than before. */
  readonly model?: string | undefined
  readonly priority?: Priority | undefined
  /** Without one the run gets as much time as the job had. */
  readonly deadlineMs?: number | undefined
}

export interface Replayer extends ReplayOptions {
  /** As its keys are configured now, with the key that pays. */
  readonly tenant: Tenant
  readonly by: Replay['by']
  readonly traceparent?: string | undefined
}

/**
 * Runs a dead letter again: a new job with the same request, tenant, tags, webhook and wish of the cache, taken in like any other. There is
 * one run for each dead letter: who asks again, at the same time or after a crash, gets that one; a run that fails is a
 * dead letter itself. The class is at least the one that was decided before.
 * @throws BrokerError `job_not_replayable`, and what `acceptJob` throws
 */
export async function replayJob(job: JobRecord, replayer: Replayer, deps: AcceptDeps): Promise<Accepted> {
  if (job.replayedBy !== null) return findRun(job.replayedBy, deps)
  const { endpoint, bodyJson } = await readRequest(job, deps)
  const { spec } = job
  const { tenant, by, model = spec.model, priority = spec.priority, deadlineMs, traceparent } = replayer
  return acceptJob(
    {
      tenant,
      // Nobody waits for it: its readers can be told to start over.
      surface: 'jobs',
      endpoint,
      model,
      bodyJson,
      stream: spec.stream,
      includeUsage: spec.includeUsage,
      priority,
      sensitivity: job.sensitivity,
      deadlineMs: deadlineMs ?? deps.now() + (spec.deadlineMs - spec.createdAtMs),
      metadata: spec.metadata,
      tags: spec.tags,
      cache: spec.cache,
      webhook: spec.webhook && { url: spec.webhook.url, events: spec.webhook.events && [...spec.webhook.events] },
      traceparent,
      replay: { of: placeAfter(job), by },
    },
    deps,
  )
}

/** The request of a job that may run again. @throws BrokerError `job_not_replayable` */
export async function readRequest(
  job: JobRecord,
  { store }: Pick<AcceptDeps, 'store'>,
): Promise<{ endpoint: Endpoint; bodyJson: string }> {
  if (!isReplayable(job)) throw refusal(`Only a job that failed can run again; this one is ${job.status}.`)
  const request = job.isDiscarded ? null : await store.readBody(job.id)
  if (!request) throw refusal('Its request is no longer kept: it has expired or was discarded.')
  return request
}

/** A run that did not come to its end is replayable too: it took the place of a dead letter that can run only once. */
function isReplayable({ status, spec }: JobRecord): boolean {
  return status === 'failed' || (spec.replayOf !== undefined && isTerminal(status) && status !== 'completed')
}

async function findRun(id: JobRecord['id'], { store, queues }: AcceptDeps): Promise<Accepted> {
  const run = await store.read(id)
  if (!run) throw refusal(`It was replayed as ${id}, which has expired.`)
  const { priority, sensitivity, traceparent } = run.spec
  // Whoever created it may have died before the queue; adding it again is one delivery.
  if (run.stage === 'intake') await queues.addToIntake({ id, priority, sensitivity, traceparent })
  return { id, spec: run.spec, created: false, isRejected: false }
}

function placeAfter({ id, spec: { replayOf } }: JobRecord): Replay['of'] {
  return { first: replayOf?.first ?? id, previous: id, run: (replayOf?.run ?? 1) + 1 }
}

function refusal(message: string): BrokerError {
  return new BrokerError('job_not_replayable', message, { param: 'id' })
}
