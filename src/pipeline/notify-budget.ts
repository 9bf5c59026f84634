import { type BudgetAlert, formatUsd } from '../core/budget.ts'
import { toUsd } from '../core/pricing.ts'
import type { WebhookEvent } from '../core/webhook-events.ts'
import { type NotifyDeps, notifyEndpoints, notifyUrl } from './notify-endpoints.ts'

/** Tells a tenant that a soft limit is reached: its endpoints, and the `budget_webhook` of its configuration. */
export async function notifyBudget(alert: BudgetAlert, url: string | undefined, deps: NotifyDeps): Promise<void> {
  const event = describeAlert(alert)
  if (url !== undefined) await notifyUrl(url, event, deps)
  await notifyEndpoints(event, deps)
}

function describeAlert(alert: BudgetAlert): WebhookEvent {
  const { tenant, budget, per, window, spent, limit, softLimit, atMs } = alert
  return {
    tenant,
    // The same however often the alert is read.
    id: `evt_${Buffer.from(alert.id).toString('base64url')}`,
    type: 'budget.alert',
    atMs,
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
}
