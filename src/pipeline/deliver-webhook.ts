import type { Logger, Telemetry } from '../core/telemetry.ts'
import type { AbandonReason, DueDelivery, TakenDelivery, WebhookDeliveries, WebhookEndpoints } from '../core/webhook.ts'
import { decideAfterAttempt } from '../core/webhook-schedule.ts'

/** Sends one attempt; the adapter is `delivery/webhook-sender.ts`. */
interface WebhookTransport {
  send(delivery: {
    url: string
    secrets: readonly string[]
    id: string
    type: string
    body: string
    timestamp: Date
  }): Promise<{
    outcome: 'delivered' | 'failed'
    status: number | null
    durationMs: number
    error?: string
    response: string | null
    retryAfterMs: number | null
  }>
}

export interface DeliverDeps {
  readonly deliveries: Pick<WebhookDeliveries, 'open' | 'finish' | 'abandon'>
  readonly endpoints: Pick<WebhookEndpoints, 'read' | 'secretsOf'>
  readonly sender: WebhookTransport
  /** What signs for URLs that are no endpoint's. */
  readonly secretOf: (tenant: string) => string | undefined
  readonly telemetry: Telemetry
  readonly log: Logger
  readonly now: () => number
}

interface Target {
  readonly url: string
  readonly secrets: readonly string[]
}

/** Makes one attempt at a delivery that was taken, and notes what became of it and what follows. */
export async function deliverWebhook(taken: TakenDelivery, deps: DeliverDeps): Promise<void> {
  const delivery = await deps.deliveries.open(taken)
  if (delivery === null) return deps.deliveries.abandon(taken, 'endpoint_deleted')
  if (delivery.content === null) return deps.deliveries.abandon(taken, 'payload_expired')
  const target = await targetOf(delivery, deps)
  if (typeof target === 'string') return deps.deliveries.abandon(taken, target)
  await attemptDelivery(delivery, { ...target, body: delivery.content.body }, deps)
}

async function targetOf(delivery: DueDelivery, deps: DeliverDeps): Promise<Target | AbandonReason> {
  const { endpoint: id, tenant, content } = delivery
  if (id === null) {
    const secret = deps.secretOf(tenant)
    return secret !== undefined && content?.url ? { url: content.url, secrets: [secret] } : 'secret_missing'
  }
  const endpoint = await deps.endpoints.read(id)
  if (endpoint === null) return 'endpoint_deleted'
  if (endpoint.status === 'disabled') return 'endpoint_disabled'
  return { url: endpoint.url, secrets: await deps.endpoints.secretsOf(id, deps.now()) }
}

async function attemptDelivery(
  delivery: DueDelivery,
  message: Target & { readonly body: string },
  deps: DeliverDeps,
): Promise<void> {
  const { telemetry, log, now } = deps
  const { eventId, type, failures } = delivery
  const parent = delivery.traceparent
  await telemetry.tracing.span('deliver webhook', { parent, kind: 'client' }, async (span) => {
    const atMs = now()
    const answer = await deps.sender.send({ ...message, id: eventId, type, timestamp: new Date(atMs) })
    const { outcome, status, durationMs, error = null, response, retryAfterMs } = answer
    telemetry.metrics.webhookAttempt(durationMs, { outcome })
    if (outcome === 'failed') {
      span.fail(error ?? 'failed')
      const endpoint = delivery.endpoint ?? undefined
      log.warn({ webhook_id: eventId, endpoint, status, code: error }, 'webhook not delivered')
    }
    const isDelivered = outcome === 'delivered'
    const nowMs = now()
    await deps.deliveries.finish(delivery, {
      attempt: { atMs, outcome, status, latencyMs: Math.round(durationMs), error, response },
      nowMs,
      ...decideAfterAttempt({ status, isDelivered, retryAfterMs, failures, nowMs, random: Math.random() }),
    })
  })
}
