import type { JobError } from '../core/errors.ts'
import type { Attempt, JobId, JobRecord, JobSpec, MaskedCounts } from '../core/job.ts'
import { type Stage, statusOf } from '../core/job-state.ts'
import type { TokenUsage } from '../core/provider.ts'
import type { Sensitivity } from '../core/vocabulary.ts'

/** Turns the state hash and the spec of a job into a record; null when either has expired. */
export function parseJobRecord(id: JobId, state: Record<string, string>, spec: string | null): JobRecord | null {
  if (state.stage === undefined || spec === null) return null
  const stage = state.stage as Stage
  return {
    id,
    spec: JSON.parse(spec) as JobSpec,
    stage,
    status: statusOf(stage),
    sensitivity: state.sensitivity as Sensitivity,
    sensitivityReason: state.reason ?? null,
    masked: parse<MaskedCounts>(state.masked) ?? {},
    attempts: parse<Attempt[]>(state.attempts) ?? [],
    deployment: state.deployment ?? null,
    usage: parse<TokenUsage>(state.usage),
    cost: parse<number>(state.cost),
    cache: state.cache === 'hit' || state.cache === 'shared' ? state.cache : null,
    error: parse<JobError>(state.error),
    replayedBy: (state.replayed_by as JobId | undefined) ?? null,
    isDiscarded: state.discarded !== undefined,
    isShredded: state.shredded !== undefined,
    ...(state.cache_key !== undefined && { cacheKey: state.cache_key }),
    startedAtMs: parse<number>(state.started),
    finishedAtMs: parse<number>(state.finished),
  }
}

function parse<Value>(text: string | undefined): Value | null {
  return text === undefined ? null : (JSON.parse(text) as Value)
}
