import { poolsOf } from '../core/routing.ts'
import { nextDeliveryDelayMs } from '../core/webhook-schedule.ts'
import { createUrlGuard } from '../delivery/url-guard.ts'
import { createWebhookSender } from '../delivery/webhook-sender.ts'
import { deliverWebhook } from '../pipeline/deliver-webhook.ts'
import { expireJobs, requeueStranded } from '../pipeline/expire-jobs.ts'
import { FlightLander } from '../pipeline/land-flights.ts'
import { webhookIdOf } from '../pipeline/notify-job.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { startWebhookWorker, WebhookQueue } from '../queue/webhook-queue.ts'
import { Outbox, type OutboxRow } from '../store/outbox.ts'
import { RedisSpeeds } from '../store/speeds.ts'
import { version } from '../version.ts'
import { startAccounting } from './accounting.ts'
import { createAuditing } from './auditing.ts'
import { createCatalogue } from './catalogue.ts'
import { deadLetterObserver } from './dead-letters.ts'
import { openRecalling } from './recalling.ts'
import { connect, createStore, disconnect, type RunningRole, type Runtime, requireVaultKey } from './runtime.ts'
import { createShelter } from './shelter.ts'

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
  const recalling = openRecalling(runtime, redis)
  const lander = new FlightLander({ ...recalling, store, queues, poolsOf: (model) => poolsOf(model, catalogue) })
  const shelter = createShelter(runtime, { redis, store, queues })
  const accounting = startAccounting(runtime, {
    redis,
    store,
    queues,
    webhooks,
    vaultKey: vaultKey.current,
    observers: [deadLetterObserver(config, redis), new RedisSpeeds(redis), lander],
  })
  const worker = startWebhookWorker({
    redis,
    concurrency: webhookConcurrency,
    leaseMs: config.leases.duration,
    deliver: (entry) => deliverWebhook(entry, { store, auditing, sender, secretOf, budgetWebhookOf, telemetry, log }),
    retryDelayMs: (attempts) => nextDeliveryDelayMs(attempts, Math.random()) ?? 0,
    log,
  })

  const stopping = new AbortController()
  const pump = pumpOutbox({ webhooks, outbox }, stopping.signal, log)
  const keepHouse = async () => {
    const nowMs = Date.now()
    await expireJobs({ store, catalogue, metrics: telemetry.metrics, nowMs })
    await requeueStranded({ store, queues, log, nowMs })
    for (const row of await outbox.taken()) await handOn(row, { webhooks, outbox })
    await shelter(nowMs)
    await accounting.keepBooks()
  }
  const trim = async () => {
    const { results, dead_letters: deadLetters } = config.retention
    const keptMs = Math.max(...Object.values(config.deadlines)) + Math.max(results, deadLetters)
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
      stopping.abort()
      for (const stopChore of chores) stopChore()
      blocking.disconnect()
      await Promise.race([pump, new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
      await Promise.race([worker.close(), new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
      await accounting.stop()
      await auditing.close()
      recalling.close()
      await sender.close()
      await Promise.all([webhooks.close(), queues.close()])
      disconnect(runtime, redis)
    },
  }
}

/** Until `stopping` fires, and a moment longer: a read that waits is only ended with its connection. */
async function pumpOutbox(
  to: { webhooks: WebhookQueue; outbox: Outbox },
  stopping: AbortSignal,
  log: Runtime['log'],
): Promise<void> {
  while (!stopping.aborted) {
    try {
      const row = await to.outbox.take()
      if (row) await handOn(row, to)
    } catch (error) {
      if (!stopping.aborted) log.debug({ err: error }, 'the outbox could not be read')
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
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
