import { type BudgetAlert, formatUsd } from '../core/budget.ts'
import { toUsd } from '../core/pricing.ts'
import type { WebhookMessage } from './notify-job.ts'

const type = 'budget.alert'

/** What a tenant is told when a soft limit is reached, in the shape of all webhooks. */
export function composeBudgetAlert(alert: BudgetAlert, url: string): WebhookMessage {
  const webhookId = alertWebhookId(alert)
  const { budget, per, window, spent, limit, softLimit } = alert
  const event = {
    id: webhookId,
    object: 'event',
    type,
    created_at: Math.floor(alert.atMs / 1000),
    timestamp: new Date(alert.atMs).toISOString(),
    data: {
      budget,
      per,
      window,
      spent_usd: toUsd(spent),
      soft_usd: toUsd(softLimit),
      limit_usd: toUsd(limit),
      message: `${formatUsd(spent)} of ${formatUsd(limit)} are spent; the soft limit is ${formatUsd(softLimit)}.`,
    },
  }
  return { url, tenant: alert.tenant, webhookId, type, body: JSON.stringify(event), traceparent: undefined }
}

/** The same however often the alert is read, and without the signs that BullMQ refuses in ids. */
export function alertWebhookId(alert: BudgetAlert): string {
  return `evt_${Buffer.from(alert.id).toString('base64url')}`
}
