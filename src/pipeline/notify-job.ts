import type { JobId, JobRecord } from '../core/job.ts'
import type { JobStore } from '../core/ports.ts'
import { restoreResult } from './deliver-result.ts'

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
export async function composeWebhook(store: JobStore, id: JobId, type: string): Promise<WebhookMessage | null> {
  const job = await store.read(id)
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
      cost_usd: job.costUsd,
      attempts: job.attempts.length,
      error: job.error,
      url: `/v1/jobs/${id}`,
      result: await resultToSend(store, job),
    },
  }
  const { tenant, traceparent } = job.spec
  return { url: webhook.url, tenant, webhookId, type, body: JSON.stringify(event), traceparent }
}

async function resultToSend(store: JobStore, job: JobRecord): Promise<unknown> {
  if (job.status !== 'completed' || job.sensitivity === 'restricted') return null
  const stored = await store.readResult(job.id)
  if (stored === null || stored.length > maxResultBytes) return null
  const masked = Object.keys(job.masked).length > 0
  return JSON.parse(await restoreResult(store, { id: job.id, masked }, stored))
}
