import {
  deliveryIdOf,
  laneOfUrl,
  type WebhookDeliveries,
  type WebhookEndpoint,
  type WebhookEndpoints,
} from '../core/webhook.ts'
import { matchesEvent, type WebhookEvent, writeEvent } from '../core/webhook-events.ts'

export interface NotifyDeps {
  readonly endpoints: Pick<WebhookEndpoints, 'list'>
  readonly deliveries: Pick<WebhookDeliveries, 'add'>
}

/**
 * Writes an event down for every enabled endpoint of the tenant that wants it. The same event told twice is one delivery
 * to each, so whoever tells it may begin again after a crash. Resolves with how many endpoints want it.
 */
export async function notifyEndpoints(event: WebhookEvent, { endpoints, deliveries }: NotifyDeps): Promise<number> {
  const wanting = (await endpoints.list(event.tenant)).filter((endpoint) => wants(endpoint, event))
  if (wanting.length === 0) return 0
  const full = wanting.some(({ payload }) => payload === 'full') ? ((await event.full?.()) ?? {}) : {}
  const thinBody = writeEvent(event, event.data)
  const fullBody = writeEvent(event, { ...event.data, ...full })
  const adding = wanting.map(({ id, payload }) =>
    deliveries.add({
      id: deliveryIdOf(id, event.id),
      lane: id,
      endpoint: id,
      url: null,
      body: payload === 'full' ? fullBody : thinBody,
      ...headOf(event),
    }),
  )
  await Promise.all(adding)
  return wanting.length
}

/** Writes an event down for a URL that is no endpoint's: one that came with a job, or stands in the configuration. */
export async function notifyUrl(url: string, event: WebhookEvent, deps: Pick<NotifyDeps, 'deliveries'>): Promise<void> {
  const lane = laneOfUrl(event.tenant, url)
  const body = writeEvent(event, { ...event.data, ...(await event.full?.()) })
  await deps.deliveries.add({
    id: deliveryIdOf(lane, event.id),
    lane,
    endpoint: null,
    url,
    body,
    ...headOf(event),
  })
}

function wants({ status, events }: WebhookEndpoint, { type }: WebhookEvent): boolean {
  return status === 'enabled' && matchesEvent(events, type)
}

function headOf({ tenant, id, type, atMs, traceparent, about }: WebhookEvent) {
  // By this events wait in their order, however they came here. A clock that is ahead must not hold one back.
  const createdAtMs = Math.min(atMs, Date.now())
  return { tenant, eventId: id, type, createdAtMs, traceparent, about }
}
