import type { EndpointId, WebhookEndpoints } from '../core/webhook.ts'
import { type NotifyDeps, notifyEndpoints } from './notify-endpoints.ts'

/** Tells a tenant's other endpoints that one was disabled. Its URL is left out: that may be a secret between two others. */
export async function notifyDisabled(
  id: EndpointId,
  disabledAtMs: number,
  deps: NotifyDeps & { readonly endpoints: Pick<WebhookEndpoints, 'read' | 'list'> },
): Promise<void> {
  const endpoint = await deps.endpoints.read(id)
  if (endpoint === null) return
  const { tenant, description, disabledReason, failingSinceMs } = endpoint
  await notifyEndpoints(
    {
      tenant,
      id: `evt_${id.slice('we_'.length)}_disabled_${disabledAtMs}`,
      type: 'webhook_endpoint.disabled',
      atMs: disabledAtMs,
      data: {
        id,
        object: 'webhook_endpoint',
        description,
        disabled_reason: disabledReason,
        disabled_at: Math.floor(disabledAtMs / 1000),
        failing_since: failingSinceMs === null ? null : Math.floor(failingSinceMs / 1000),
      },
    },
    deps,
  )
}
