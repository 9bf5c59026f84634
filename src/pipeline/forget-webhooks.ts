import type { JobRecord } from '../core/job.ts'
import { deliveryIdOf, laneOfUrl, type WebhookDeliveries, type WebhookEndpoints } from '../core/webhook.ts'
import { webhookIdOf } from './notify-job.ts'

/**
 * Destroys what was sent, or is still to be sent, of an ended job: to its tenant's endpoints and to the URL that came with
 * it. Resolves with how many deliveries there were. Call it after the job itself is shredded: nothing is told of one that is.
 */
export async function forgetJobWebhooks(
  { id, status, spec }: Pick<JobRecord, 'id' | 'status' | 'spec'>,
  deps: { endpoints: Pick<WebhookEndpoints, 'list'>; deliveries: Pick<WebhookDeliveries, 'forget'> },
): Promise<number> {
  const { tenant, webhook } = spec
  const eventId = webhookIdOf(id, `job.${status}`)
  const endpoints = await deps.endpoints.list(tenant)
  const receivers = [
    ...endpoints.map((endpoint) => ({ lane: endpoint.id, endpoint: endpoint.id })),
    ...(webhook ? [{ lane: laneOfUrl(tenant, webhook.url), endpoint: null }] : []),
  ]
  const forgotten = await Promise.all(
    receivers.map(({ lane, endpoint }) =>
      deps.deliveries.forget({ id: deliveryIdOf(lane, eventId), tenant, lane, endpoint }),
    ),
  )
  return forgotten.filter(Boolean).length
}
