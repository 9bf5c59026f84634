import { BrokerError } from '../core/errors.ts'
import {
  createEndpointId,
  createWebhookSecret,
  type Delivery,
  type EndpointSettings,
  isDeliveryId,
  isEndpointId,
  type WebhookDeliveries,
  type WebhookEndpoint,
  type WebhookEndpoints,
} from '../core/webhook.ts'

export interface WebhookDeps {
  readonly endpoints: WebhookEndpoints
  readonly deliveries: Pick<WebhookDeliveries, 'read' | 'list' | 'resend' | 'forget'>
  /** @throws BrokerError `invalid_request` where webhooks may not be sent to this URL. */
  readonly checkUrl: (url: string) => void
  readonly now: () => number
}

/** Every event of a tenant is written down once for each. */
const maxEndpointsPerTenant = 20

/** Makes an endpoint with a new secret, which is shown to nobody again. @throws BrokerError `invalid_request` */
export async function createEndpoint(
  settings: EndpointSettings & { readonly tenant: string },
  { endpoints, checkUrl, now }: WebhookDeps,
): Promise<{ endpoint: WebhookEndpoint; secret: string }> {
  checkUrl(settings.url)
  const secret = createWebhookSecret()
  const endpoint: WebhookEndpoint = {
    ...settings,
    id: createEndpointId(),
    status: 'enabled',
    disabledReason: null,
    disabledAtMs: null,
    failingSinceMs: null,
    createdAtMs: now(),
  }
  if (await endpoints.create(endpoint, secret, maxEndpointsPerTenant)) return { endpoint, secret }
  throw new BrokerError('invalid_request', `A tenant has at most ${maxEndpointsPerTenant} webhook endpoints.`)
}

/** An endpoint of this tenant. @throws BrokerError `webhook_endpoint_not_found` */
export async function requireEndpoint(id: string, tenant: string, deps: WebhookDeps): Promise<WebhookEndpoint> {
  const endpoint = isEndpointId(id) ? await deps.endpoints.read(id) : null
  if (endpoint?.tenant === tenant) return endpoint
  throw new BrokerError('webhook_endpoint_not_found')
}

/** Changes what is given. Enabling forgets that the endpoint failed. @throws BrokerError */
export async function changeEndpoint(
  id: string,
  tenant: string,
  changes: Parameters<WebhookEndpoints['update']>[1],
  deps: WebhookDeps,
): Promise<WebhookEndpoint> {
  const endpoint = await requireEndpoint(id, tenant, deps)
  if (changes.url !== undefined) deps.checkUrl(changes.url)
  await deps.endpoints.update(endpoint.id, changes, deps.now())
  return requireEndpoint(id, tenant, deps)
}

/** Replaces the secret; the one before signs as well for `overlapMs`. @throws BrokerError `webhook_endpoint_not_found` */
export async function rotateSecret(
  endpoint: WebhookEndpoint,
  overlapMs: number,
  { endpoints, now }: WebhookDeps,
): Promise<{ secret: string; previousExpiresAtMs: number }> {
  const secret = createWebhookSecret()
  const nowMs = now()
  const untilMs = nowMs + overlapMs
  if (await endpoints.rotate(endpoint.id, secret, { nowMs, untilMs })) return { secret, previousExpiresAtMs: untilMs }
  throw new BrokerError('webhook_endpoint_not_found')
}

/** Sends an event once more to the endpoint that it was for, under the same webhook id. @throws BrokerError */
export async function resendDelivery(id: string, tenant: string, deps: WebhookDeps): Promise<Delivery> {
  const delivery = await requireDelivery(id, tenant, deps)
  const endpoint = delivery.endpoint && (await deps.endpoints.read(delivery.endpoint))
  if (endpoint?.status === 'disabled') {
    throw new BrokerError('webhook_not_resendable', 'The endpoint is disabled; enable it first.')
  }
  const outcome = await deps.deliveries.resend(delivery, deps.now())
  if (outcome === 'payload_expired') {
    throw new BrokerError('webhook_not_resendable', 'What was sent is no longer kept.')
  }
  return requireDelivery(id, tenant, deps)
}

/** Only deliveries to endpoints: what is sent to the URL of a job is listed nowhere. */
async function requireDelivery(id: string, tenant: string, { deliveries }: WebhookDeps): Promise<Delivery> {
  const delivery = isDeliveryId(id) ? await deliveries.read(id) : null
  if (delivery?.tenant === tenant && delivery.endpoint !== null) return delivery
  throw new BrokerError('webhook_delivery_not_found')
}
