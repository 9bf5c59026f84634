import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Config } from '../config/schema.ts'
import type { Auditing } from '../core/auditing.ts'
import type { BudgetAlert } from '../core/budget.ts'
import { BrokerError } from '../core/errors.ts'
import type { JobId } from '../core/job.ts'
import type { JobStore } from '../core/ports.ts'
import type { RecordObserver } from '../core/record-archive.ts'
import type { EndpointId } from '../core/webhook.ts'
import { createUrlGuard, UrlGuardError } from '../delivery/url-guard.ts'
import { createWebhookSender } from '../delivery/webhook-sender.ts'
import { deliverWebhook } from '../pipeline/deliver-webhook.ts'
import { notifyBatch } from '../pipeline/notify-batch.ts'
import { notifyBudget } from '../pipeline/notify-budget.ts'
import { notifyDisabled } from '../pipeline/notify-disabled.ts'
import type { NotifyDeps } from '../pipeline/notify-endpoints.ts'
import { notifyJobEndpoints, notifyJobUrl } from '../pipeline/notify-job.ts'
import { OutboxPump, type Tellers } from '../pipeline/pump-outbox.ts'
import { WebhookSending } from '../pipeline/send-webhooks.ts'
import { createEndpointTeller } from '../pipeline/tell-endpoints.ts'
import { forEndpoints, Outbox } from '../store/outbox.ts'
import { RedisBatches } from '../store/redis-batches.ts'
import { createSealer, type VaultKeys, vaultKeyId } from '../store/sealing.ts'
import { RedisWebhookDeliveries } from '../store/webhook-deliveries.ts'
import { RedisWebhookEndpoints } from '../store/webhook-endpoints.ts'
import { version } from '../version.ts'
import { connect, type Runtime } from './runtime.ts'

export interface WebhookStores {
  readonly endpoints: RedisWebhookEndpoints
  readonly deliveries: RedisWebhookDeliveries
}

/** The courier's part that tells receivers what happened. */
export interface Webhooks {
  /** To be told of what the recorder archives. */
  readonly observer: RecordObserver
  notifyBudget(alert: BudgetAlert): Promise<void>
  /** Hands on what a courier that died had in hand. */
  sweep(): Promise<void>
  /** Seals with the current vault key what another one has sealed. */
  reseal(): Promise<void>
  stop(graceMs: number): Promise<void>
}

export function openWebhookStores(config: Config, redis: Redis, vaultKey: VaultKeys): WebhookStores {
  const sealer = createSealer(vaultKey)
  return {
    endpoints: new RedisWebhookEndpoints({ redis, sealer }),
    deliveries: new RedisWebhookDeliveries({
      redis,
      sealer,
      logRetentionMs: config.retention.deliveries,
      contentRetentionMs: config.retention.results,
      disableAfterMs: config.webhooks.disable_after,
    }),
  }
}

/** Who is told of what stands in the outbox, by what the id of a row begins with. */
export function createTellers(
  deps: Pick<WebhookStores, 'endpoints'> & NotifyDeps & { store: JobStore; auditing: Auditing },
): Tellers {
  return {
    job: ({ id, note }) =>
      note === forEndpoints ? notifyJobEndpoints(id as JobId, deps) : notifyJobUrl(id as JobId, deps),
    we: ({ id, note }) => notifyDisabled(id as EndpointId, Number(note), deps),
  }
}

export function startWebhooks(
  runtime: Runtime,
  deps: { redis: Redis; store: JobStore; auditing: Auditing; vaultKey: VaultKeys },
): Webhooks {
  const { config, telemetry, log } = runtime
  const { redis, vaultKey } = deps
  const { endpoints, deliveries } = openWebhookStores(config, redis, vaultKey)
  const sender = createWebhookSender({ guard: createGuard(config.webhooks), userAgent: `Sluice/${version}` })
  const secretOf = (tenant: string) => config.tenants[tenant]?.webhook_secret?.reveal()
  const deliverDeps = { deliveries, endpoints, sender, secretOf, telemetry, log, now: Date.now }
  const sending = new WebhookSending({
    deliveries,
    deliver: (taken) => deliverWebhook(taken, deliverDeps),
    leaseMs: config.leases.duration,
    log,
  })
  sending.start()
  const blocking = connect(runtime, 'blocking')
  const outbox = new Outbox(redis, blocking)
  const notifying = { endpoints, deliveries: wakingUp(deliveries, () => sending.wake()) }
  const batches = new RedisBatches(redis)
  const tellers: Tellers = {
    ...createTellers({ ...deps, ...notifying }),
    batch: ({ id }) => notifyBatch(id, { ...notifying, batches }),
  }
  const pump = new OutboxPump({ outbox, tellers, log })
  const stopping = new AbortController()
  const pumping = pump.run(stopping.signal)
  const currentPrefix = `:${vaultKeyId(vaultKey.current)}:`
  return {
    observer: createEndpointTeller(endpoints, outbox),
    notifyBudget: (alert) => notifyBudget(alert, config.tenants[alert.tenant]?.budget_webhook, notifying),
    sweep: () => pump.sweep(),
    async reseal() {
      for (const tenant of Object.keys(config.tenants)) {
        await endpoints.reseal(tenant, (sealed) => sealed.includes(currentPrefix))
      }
    },
    async stop(graceMs) {
      stopping.abort()
      blocking.disconnect()
      await Promise.race([pumping, sleep(graceMs, null, { ref: false })])
      await sending.stop(graceMs)
      // Attempts that still hang are another courier's when their leases are over.
      await Promise.race([sender.close(), sleep(graceMs, null, { ref: false })])
    },
  }
}

/** What is written down here is sent at once instead of with the next look. */
function wakingUp(deliveries: NotifyDeps['deliveries'], wake: () => void): NotifyDeps['deliveries'] {
  return {
    async add(delivery) {
      const added = await deliveries.add(delivery)
      if (added) wake()
      return added
    },
  }
}

/** Refuses URLs that webhooks may not be sent to, by their shape; addresses of names are judged when they are called. */
export function createWebhookUrlCheck(webhooks: Config['webhooks']): (url: string, param: string) => void {
  const guard = createGuard(webhooks)
  return (url, param) => {
    try {
      guard.check(url)
    } catch (error) {
      if (!(error instanceof UrlGuardError)) throw error
      throw new BrokerError('invalid_request', error.message, { param, cause: error })
    }
  }
}

function createGuard({ allow_networks: allowNetworks, allow_http: allowHttp }: Config['webhooks']) {
  return createUrlGuard({ allowNetworks, allowHttp })
}
