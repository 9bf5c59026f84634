import { BrokerError } from '../core/errors.ts'
import type { JobId, JobRecord, JobSpec, Surface } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import { toUsd } from '../core/pricing.ts'
import type { WebhookEvent } from '../core/webhook-events.ts'
import { deliverResult } from './deliver-result.ts'
import { type NotifyDeps, notifyEndpoints, notifyUrl } from './notify-endpoints.ts'
import { describeResponseEnd } from './notify-response.ts'
import type { DeliveryDeps } from './review-answer.ts'

/** A larger result is left for the receiver to fetch. */
const maxResultBytes = 256 * 1024

/** Of jobs that came in otherwise, endpoints hear what the caller knows them as, and not that there is a job behind it. */
const toldSurfaces: readonly Surface[] = ['chat', 'jobs']

type JobEventName = `job.${'completed' | 'failed' | 'cancelled' | 'expired' | 'rejected'}`

/** The id of the one event of this type that this job has. */
export function webhookIdOf(id: JobId, type: string): string {
  return `evt_${id.slice('job_'.length)}_${type.slice('job.'.length)}`
}

/** Tells the URL that came with a job of its end, where the caller asked for this event. */
export async function notifyJobUrl(id: JobId, deps: DeliveryDeps & NotifyDeps): Promise<void> {
  const job = await deps.store.read(id)
  const webhook = job?.spec.webhook
  const event = job && describeEnd(job, deps)
  if (!webhook || !event || (webhook.events && !webhook.events.includes(event.type))) return
  await notifyUrl(webhook.url, event, deps)
}

/** Tells the endpoints of a job's tenant of its end. */
export async function notifyJobEndpoints(id: JobId, deps: DeliveryDeps & NotifyDeps): Promise<void> {
  const job = await deps.store.read(id)
  if (!job) return
  const event = await describeForEndpoints(job, deps)
  if (event) await notifyEndpoints(event, deps)
}

async function describeForEndpoints(job: JobRecord, deps: DeliveryDeps): Promise<WebhookEvent | null> {
  if (job.spec.surface === 'responses') return describeResponseEnd(job, webhookIdOf(job.id, `job.${job.status}`), deps)
  return toldSurfaces.includes(job.spec.surface) ? describeEnd(job, deps) : null
}

/** What is told of a job's end; null for one that has not ended. A restricted job's result is never pushed out. */
function describeEnd(job: JobRecord, deps: DeliveryDeps): WebhookEvent | null {
  if (!isTerminal(job.status) || job.isShredded) return null
  const type: JobEventName = `job.${job.status}`
  const { id, spec } = job
  return {
    tenant: spec.tenant,
    id: webhookIdOf(id, type),
    type,
    about: id,
    atMs: job.finishedAtMs ?? Date.now(),
    data: { id, object: 'job', status: job.status, model: spec.model, ...labelsOf(spec), ...figuresOf(job) },
    full: async () => ({ result: await resultToSend(job, deps) }),
    traceparent: spec.traceparent,
  }
}

function labelsOf({ metadata = {}, tags = {} }: JobSpec) {
  return { metadata, tags }
}

function figuresOf({ id, usage, cost, attempts, error }: JobRecord) {
  return {
    usage,
    cost_usd: cost === null ? null : toUsd(cost),
    attempts: attempts.length,
    error,
    url: `/v1/jobs/${id}`,
  }
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
