import { z } from 'zod'
import { deadLetterKindOf, deadLetterKinds } from '../core/dead-letter.ts'
import type { JobRecord } from '../core/job.ts'
import { toUsd } from '../core/pricing.ts'
import { endpoints, priorities, sensitivities } from '../core/vocabulary.ts'
import type { ReplayQuote } from '../pipeline/quote-replay.ts'
import { replayOf, toSeconds } from './job-view.ts'
import { jobObject } from './schemas.ts'

export const deadLetterObject = z
  .object({
    id: z.string(),
    object: z.literal('dead_letter'),
    kind: z.enum(deadLetterKinds).describe('Attempts used up, or a request that nobody could process.'),
    tenant: z.string(),
    key: z.string(),
    model: z.string(),
    endpoint: z.enum(endpoints),
    priority: z.enum(priorities),
    sensitivity: z.enum(sensitivities),
    tags: z.record(z.string(), z.string()),
    created_at: z.number().describe('Unix seconds.'),
    failed_at: z.number(),
    expires_at: z.number().describe('When it is forgotten.'),
    error: jobObject.shape.error,
    attempts: jobObject.shape.attempts,
    cost_usd: z.number().nullable(),
    replay_of: jobObject.shape.replay_of,
    replayed_by: jobObject.shape.replayed_by,
  })
  .meta({ id: 'DeadLetter' })

export type DeadLetterView = z.output<typeof deadLetterObject>

/** A dead letter as operators see it: what was tried and how it went, nothing of what was asked. */
export function toDeadLetter(job: JobRecord, retentionMs: number): DeadLetterView {
  const { id, spec, error } = job
  const failedAtMs = job.finishedAtMs ?? spec.createdAtMs
  return {
    id,
    object: 'dead_letter',
    kind: deadLetterKindOf(error?.code ?? null),
    tenant: spec.tenant,
    key: spec.keyId,
    model: spec.model,
    endpoint: spec.endpoint,
    priority: spec.priority,
    sensitivity: job.sensitivity,
    tags: { ...spec.tags },
    created_at: toSeconds(spec.createdAtMs),
    failed_at: toSeconds(failedAtMs),
    expires_at: toSeconds(failedAtMs + retentionMs),
    error,
    attempts: job.attempts.map(({ deployment, outcome, status, ms }) => ({ deployment, outcome, status, ms })),
    cost_usd: job.cost === null ? null : toUsd(job.cost),
    replay_of: replayOf(job),
    replayed_by: job.replayedBy,
  }
}

export const quoteObject = z
  .object({
    model: z.string(),
    deployments: z.array(z.object({ deployment: z.string(), pool: z.string(), cost_usd: z.number() })),
    cost_usd: z.number().describe('At most, at the first deployment.'),
    most_usd: z.number().describe('At most, at the dearest deployment.'),
  })
  .meta({ id: 'ReplayQuote' })

export function toQuote({ model, deployments, cost, costAtMost }: ReplayQuote): z.output<typeof quoteObject> {
  return {
    model,
    deployments: deployments.map(({ deployment, pool, cost: each }) => ({ deployment, pool, cost_usd: toUsd(each) })),
    cost_usd: toUsd(cost),
    most_usd: toUsd(costAtMost),
  }
}
