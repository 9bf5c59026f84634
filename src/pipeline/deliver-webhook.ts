import type { JobId } from '../core/job.ts'
import type { JobStore } from '../core/ports.ts'
import type { Logger, Telemetry } from '../core/telemetry.ts'
import { composeWebhook } from './notify-job.ts'

/** Sends one attempt; the adapter is `delivery/webhook-sender.ts`. */
interface WebhookTransport {
  send(delivery: {
    url: string
    secret: string
    id: string
    type: string
    body: string
    timestamp: Date
  }): Promise<{ outcome: 'delivered' | 'failed'; status: number | null; durationMs: number; error?: string }>
}

export interface DeliverDeps {
  readonly store: JobStore
  readonly sender: WebhookTransport
  /** The signing secret of a tenant. */
  readonly secretOf: (tenant: string) => string | undefined
  readonly telemetry: Telemetry
  readonly log: Logger
}

/** Makes one attempt to deliver a job's webhook: true, false (try later), or null when there is nothing to send. */
export async function deliverWebhook(entry: { job: JobId; type: string }, deps: DeliverDeps): Promise<boolean | null> {
  const message = await composeWebhook(deps.store, entry.job, entry.type)
  const secret = message && deps.secretOf(message.tenant)
  if (!message || !secret) return null
  const { telemetry, log } = deps
  return telemetry.tracing.span('deliver webhook', { parent: message.traceparent, kind: 'client' }, async (span) => {
    const { url, webhookId, type, body } = message
    const attempt = await deps.sender.send({ url, secret, id: webhookId, type, body, timestamp: new Date() })
    telemetry.metrics.webhookAttempt(attempt.durationMs, { outcome: attempt.outcome })
    if (attempt.outcome === 'delivered') return true
    span.fail(attempt.error ?? 'failed')
    log.warn(
      { job: entry.job, webhook_id: webhookId, status: attempt.status, code: attempt.error },
      'webhook not delivered',
    )
    return false
  })
}
