import type { BudgetAlert } from '../core/budget.ts'
import type { JobId } from '../core/job.ts'
import type { Logger, Telemetry } from '../core/telemetry.ts'
import { composeBudgetAlert } from './notify-budget.ts'
import { composeWebhook, type WebhookMessage } from './notify-job.ts'
import type { DeliveryDeps } from './review-answer.ts'

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

export interface DeliverDeps extends DeliveryDeps {
  readonly sender: WebhookTransport
  /** The signing secret of a tenant. */
  readonly secretOf: (tenant: string) => string | undefined
  /** Where a tenant wants to hear of its budgets. */
  readonly budgetWebhookOf: (tenant: string) => string | undefined
  readonly telemetry: Telemetry
  readonly log: Logger
}

type Subject = { readonly job: JobId; readonly type: string } | { readonly alert: BudgetAlert }

/** Makes one attempt to deliver a webhook: true, false (try later), or null when there is nothing to send. */
export async function deliverWebhook(entry: Subject, deps: DeliverDeps): Promise<boolean | null> {
  const message = await compose(entry, deps)
  const secret = message && deps.secretOf(message.tenant)
  if (!message || !secret) return null
  const { telemetry, log } = deps
  return telemetry.tracing.span('deliver webhook', { parent: message.traceparent, kind: 'client' }, async (span) => {
    const { url, webhookId, type, body } = message
    const attempt = await deps.sender.send({ url, secret, id: webhookId, type, body, timestamp: new Date() })
    telemetry.metrics.webhookAttempt(attempt.durationMs, { outcome: attempt.outcome })
    if (attempt.outcome === 'delivered') return true
    span.fail(attempt.error ?? 'failed')
    const { status, error: code } = attempt
    log.warn(
      { ...('job' in entry && { job: entry.job }), webhook_id: webhookId, status, code },
      'webhook not delivered',
    )
    return false
  })
}

async function compose(entry: Subject, deps: DeliverDeps): Promise<WebhookMessage | null> {
  if ('job' in entry) return composeWebhook(entry.job, entry.type, deps)
  const url = deps.budgetWebhookOf(entry.alert.tenant)
  return url === undefined ? null : composeBudgetAlert(entry.alert, url)
}
