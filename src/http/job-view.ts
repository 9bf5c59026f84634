import type { JobRecord } from '../core/job.ts'
import type { JobStatus } from '../core/job-state.ts'
import { toUsd } from '../core/pricing.ts'
import type { QueuePlace } from '../core/queue-place.ts'

/**
 * The job object of the native API as JSON text. `resultJson` is the endpoint's own body, put in as it is: an answer of
 * megabytes is not parsed to be shown.
 */
export function jobJson(job: JobRecord, resultJson: string | null, place: QueuePlace | null = null): string {
  const { spec } = job
  const head = JSON.stringify({
    id: job.id,
    object: 'job',
    status: job.status,
    stage: job.stage,
    model: spec.model,
    endpoint: spec.endpoint,
    priority: spec.priority,
    sensitivity: job.sensitivity,
    sensitivity_reason: job.sensitivityReason,
    masked: job.masked,
    created_at: toSeconds(spec.createdAtMs),
    started_at: job.startedAtMs === null ? null : toSeconds(job.startedAtMs),
    finished_at: job.finishedAtMs === null ? null : toSeconds(job.finishedAtMs),
    deadline: toSeconds(spec.deadlineMs),
    deployment: job.deployment,
    attempts: job.attempts.map(({ cost, isProbe: _, ...attempt }) => ({ ...attempt, cost_usd: toUsd(cost ?? 0) })),
    usage: job.usage,
    cache: job.cache,
    cost_usd: job.cost === null ? null : toUsd(job.cost),
    metadata: spec.metadata ?? {},
    tags: spec.tags ?? {},
    error: job.error,
    replay_of: replayOf(job),
    replayed_by: job.replayedBy,
    queue: place && { position: place.position, eta_seconds: place.etaSeconds },
    urls: jobUrls(job.id),
  })
  return `${head.slice(0, -1)},"result":${resultJson ?? 'null'}}`
}

function jobUrls(id: string): { self: string; events: string; cancel: string } {
  return { self: `/v1/jobs/${id}`, events: `/v1/jobs/${id}/events`, cancel: `/v1/jobs/${id}/cancel` }
}

/** The dead letter that a job runs again, and where in the chain it stands. */
export function replayOf({ spec: { replayOf: of } }: Pick<JobRecord, 'spec'>) {
  return of ? { id: of.previous, first: of.first, run: of.run } : null
}

/** A job that was just taken in. */
export function orderView({ id, spec }: Pick<JobRecord, 'id' | 'spec'>, status: JobStatus) {
  return {
    id,
    object: 'job' as const,
    status,
    model: spec.model,
    priority: spec.priority,
    sensitivity: spec.sensitivity,
    created_at: toSeconds(spec.createdAtMs),
    urls: jobUrls(id),
  }
}

/** A job that was taken in again. */
export function acceptedView(job: Pick<JobRecord, 'id' | 'spec'>, status: JobStatus) {
  return { ...orderView(job, status), replay_of: replayOf(job) }
}

export function toSeconds(ms: number): number {
  return Math.floor(ms / 1000)
}
