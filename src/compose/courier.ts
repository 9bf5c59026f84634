import { nextDeliveryDelayMs } from '../core/webhook-schedule.ts'
import { createUrlGuard } from '../delivery/url-guard.ts'
import { createWebhookSender } from '../delivery/webhook-sender.ts'
import { deliverWebhook } from '../pipeline/deliver-webhook.ts'
import { expireJobs, requeueStranded } from '../pipeline/expire-jobs.ts'
import { webhookIdOf } from '../pipeline/notify-job.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { startWebhookWorker, WebhookQueue } from '../queue/webhook-queue.ts'
import { Outbox, type OutboxRow } from '../store/outbox.ts'
import { version } from '../version.ts'
import { startAccounting } from './accounting.ts'
import { createAuditing } from './auditing.ts'
import {
  connect,
  createCatalogue,
  createStore,
  disconnect,
  type RunningRole,
  type Runtime,
  requireVaultKey,
} from './runtime.ts'

const housekeepingMs = 2_000
const trimMs = 60_000
/** Slow receivers wait on the network, not on a core. */
const webhookConcurrency = 50
const maxDeliveryAttempts = 10

/** Sends webhooks and keeps house: expires overdue jobs, finds stranded ones, trims indexes. */
export async function startCourier(runtime: Runtime): Promise<RunningRole> {
  const vaultKey = requireVaultKey(runtime, 'courier')
  const { config, telemetry, log } = runtime
  const redis = connect(runtime, 'worker')
  const blocking = connect(runtime, 'blocking')
  const store = createStore(runtime, redis)
  const queues = new BullmqQueues(redis, runtime.shared?.ring)
  const webhooks = new WebhookQueue(redis)
  const outbox = new Outbox(redis, blocking)
  const catalogue = createCatalogue(config)
  const { allow_networks: allowNetworks, allow_http: allowHttp } = config.webhooks
  const sender = createWebhookSender({
    guard: createUrlGuard({ allowNetworks, allowHttp }),
    userAgent: `Sluice/${version}`,
  })
  const secretOf = (tenant: string) => config.tenants[tenant]?.webhook_secret?.reveal()
  const auditing = createAuditing(config, vaultKey.current, log)
  const budgetWebhookOf = (tenant: string) => config.tenants[tenant]?.budget_webhook
  const accounting = startAccounting(runtime, { redis, store, queues, webhooks, vaultKey: vaultKey.current })
  const worker = startWebhookWorker({
    redis,
    concurrency: webhookConcurrency,
    leaseMs: config.leases.duration,
    deliver: (entry) => deliverWebhook(entry, { store, auditing, sender, secretOf, budgetWebhookOf, telemetry, log }),
    retryDelayMs: (attempts) => nextDeliveryDelayMs(attempts, Math.random()) ?? 0,
    log,
  })

  let stopping = false
  const pump = (async () => {
    while (!stopping) {
      try {
        const row = await outbox.take()
        if (row) await handOn(row, { webhooks, outbox })
      } catch (error) {
        if (!stopping) log.debug({ err: error }, 'the outbox could not be read')
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    }
  })()
  const keepHouse = async () => {
    const nowMs = Date.now()
    await expireJobs({ store, catalogue, metrics: telemetry.metrics, nowMs })
    await requeueStranded({ store, queues, log, nowMs })
    for (const row of await outbox.taken()) await handOn(row, { webhooks, outbox })
    await accounting.keepBooks()
  }
  const trim = async () => {
    const keptMs = Math.max(...Object.values(config.deadlines)) + config.retention.results
    await store.trimIndexes(Object.keys(config.tenants), Date.now() - keptMs)
  }
  const every = (periodMs: number, task: () => Promise<void>) =>
    repeat(periodMs, task, (error) => {
      log.debug({ err: error }, 'housekeeping failed; it is tried again')
    })
  const chores = [every(housekeepingMs, keepHouse), every(trimMs, trim)]
  return {
    name: 'courier',
    checkReady: async () => {
      await redis.ping()
    },
    async stop(graceMs) {
      stopping = true
      for (const stopChore of chores) stopChore()
      blocking.disconnect()
      await Promise.race([pump, new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
      await Promise.race([worker.close(), new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
      await accounting.stop()
      await auditing.close()
      await sender.close()
      await Promise.all([webhooks.close(), queues.close()])
      disconnect(runtime, redis)
    },
  }
}

/** Hands an event on to the queue of webhooks. A courier that dies in the middle leaves its row to the next one. */
export async function handOn(row: OutboxRow, to: { webhooks: WebhookQueue; outbox: Outbox }): Promise<void> {
  const { id, type } = row
  await to.webhooks.add(webhookIdOf(id, type), { job: id, type }, maxDeliveryAttempts)
  await to.outbox.handedOn(row)
}

/** Runs `task` now and `periodMs` after each of its ends, never twice at once. Returns what stops it. */
function repeat(periodMs: number, task: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const turn = async () => {
    await task().catch(onError)
    if (!stopped) timer = setTimeout(() => void turn(), periodMs)
  }
  void turn()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
