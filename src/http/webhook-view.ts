import type { z } from 'zod'
import type { Delivery, WebhookEndpoint } from '../core/webhook.ts'
import type { webhookDelivery, webhookEndpoint } from './webhook-schemas.ts'

export function endpointView(endpoint: WebhookEndpoint): z.infer<typeof webhookEndpoint> {
  const { id, url, events, description, payload, status, disabledReason } = endpoint
  return {
    id,
    object: 'webhook_endpoint',
    url,
    events: [...events],
    description,
    payload,
    status,
    disabled_reason: disabledReason,
    disabled_at: toSeconds(endpoint.disabledAtMs),
    failing_since: toSeconds(endpoint.failingSinceMs),
    created_at: Math.floor(endpoint.createdAtMs / 1000),
  }
}

export function deliveryView(delivery: Delivery): z.infer<typeof webhookDelivery> {
  const { id, endpoint, eventId, type, status, abandoned, createdAtMs, nextAttemptAtMs, attempts } = delivery
  return {
    id,
    object: 'webhook_delivery',
    endpoint: endpoint ?? '',
    webhook_id: eventId,
    event_type: type,
    status,
    abandoned,
    created_at: Math.floor(createdAtMs / 1000),
    next_attempt_at: toSeconds(nextAttemptAtMs),
    attempts: attempts.map(({ number, atMs, outcome, status, latencyMs, error, response }) => ({
      attempt: number,
      at: Math.floor(atMs / 1000),
      outcome,
      status,
      latency_ms: latencyMs,
      error,
      response,
    })),
  }
}

function toSeconds(timeMs: number | null): number | null {
  return timeMs === null ? null : Math.floor(timeMs / 1000)
}
