import { BrokerError } from '../core/errors.ts'
import type { JobId, JobRecord } from '../core/job.ts'
import { toUsd } from '../core/pricing.ts'
import { deliverResult } from './deliver-result.ts'
import type { DeliveryDeps } from './review-answer.ts'

export interface WebhookMessage {
  readonly url: string
  readonly tenant: string
  /** The same for every attempt and every courier: receivers drop repeats by it. */
  readonly webhookId: string
  readonly type: string
  readonly body: string
  readonly traceparent: string | undefined
}

/** A larger result is left for the receiver to fetch. */
const maxResultBytes = 256 * 1024

/** The id of the one event of this type that this job has. */
export function webhookIdOf(id: JobId, type: string): string {
  return `evt_${id.slice('job_'.length)}_${type.slice('job.'.length)}`
}

/**
 * What a job's webhook says, or null when nobody asked for this event or the job has expired. The payload is an event
 * in OpenAI's and in Standard Webhooks' shape at once. A restricted job's result is never pushed out: the receiver
 * fetches it.
 */
export async function composeWebhook(id: JobId, type: string, deps: DeliveryDeps): Promise<WebhookMessage | null> {
  const job = await deps.store.read(id)
  const webhook = job?.spec.webhook
  if (!job || !webhook || (webhook.events && !webhook.events.includes(type))) return null
  const webhookId = webhookIdOf(id, type)
  const finishedAtMs = job.finishedAtMs ?? Date.now()
  const event = {
    id: webhookId,
    object: 'event',
    type,
    created_at: Math.floor(finishedAtMs / 1000),
    timestamp: new Date(finishedAtMs).toISOString(),
    data: {
      id,
      object: 'job',
      status: job.status,
      model: job.spec.model,
      metadata: job.spec.metadata ?? {},
      tags: job.spec.tags ?? {},
      usage: job.usage,
      cost_usd: job.cost === null ? null : toUsd(job.cost),
      attempts: job.attempts.length,
      error: job.error,
      url: `/v1/jobs/${id}`,
      result: await resultToSend(job, deps),
    },
  }
  const { tenant, traceparent } = job.spec
  return { url: webhook.url, tenant, webhookId, type, body: JSON.stringify(event), traceparent }
}

/** Null where the receiver is to fetch it: there it is also told why it may not have it. */
async function resultToSend(job: JobRecord, deps: DeliveryDeps): Promise<unknown> {
  if (job.status !== 'completed' || job.sensitivity === 'restricted') return null
  const stored = await deps.store.readResult(job.id)
  if (stored === null || stored.length > maxResultBytes) return null
  const masked = Object.keys(job.masked).length > 0
  const { tenant, endpoint } = job.spec
  try {
    return JSON.parse(await deliverResult({ id: job.id, tenant, endpoint, masked }, stored, deps))
  } catch (error) {
    if (error instanceof BrokerError && error.code !== 'redis_unavailable') return null
    throw error
  }
}
