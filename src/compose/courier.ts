import type { Redis } from 'ioredis'
import type { Config } from '../config/schema.ts'
import { poolsOf } from '../core/routing.ts'
import { expireJobs, requeueStranded } from '../pipeline/expire-jobs.ts'
import { FlightLander } from '../pipeline/land-flights.ts'
import { endLeftCalls } from '../pipeline/leave-call.ts'
import { createRetirement } from '../pipeline/retire-jobs.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { LaneThroughput } from '../queue/lane-throughput.ts'
import { RedisLeftCalls } from '../store/left-calls.ts'
import type { RedisJobStore } from '../store/redis-job-store.ts'
import { RedisShredder } from '../store/redis-shredder.ts'
import { RedisTenantData } from '../store/redis-tenant-data.ts'
import { RedisSpeeds } from '../store/speeds.ts'
import { trimBatches } from '../store/trim-indexes.ts'
import { startAccounting } from './accounting.ts'
import { createAuditing } from './auditing.ts'
import { startBatches } from './batches.ts'
import { createCatalogue } from './catalogue.ts'
import { deadLetterObserver } from './dead-letters.ts'
import { openFiles } from './files.ts'
import { openRecalling } from './recalling.ts'
import { connect, createStore, disconnect, type RunningRole, type Runtime, requireVaultKey } from './runtime.ts'
import { createShelter } from './shelter.ts'
import { startWebhooks } from './webhooks.ts'

const housekeepingMs = 2_000
const usualTrimMs = 60_000

/**
 * Sends webhooks and keeps house: expires overdue jobs, finds stranded ones, trims indexes, every `trimMs` where somebody
 * cannot wait for that. `isFirst` says that no other process works with this Redis, nor will before this has resolved.
 */
export async function startCourier(
  runtime: Runtime,
  { trimMs = usualTrimMs, isFirst = false }: { trimMs?: number | undefined; isFirst?: boolean } = {},
): Promise<RunningRole> {
  const vaultKey = requireVaultKey(runtime, 'courier')
  const { config, telemetry, log } = runtime
  const redis = connect(runtime, 'worker')
  const store = createStore(runtime, redis)
  const left = new RedisLeftCalls(redis)
  const queues = new BullmqQueues(redis, runtime.shared?.ring)
  const catalogue = createCatalogue(config)
  const auditing = createAuditing(config, vaultKey.current, log)
  const webhooks = startWebhooks(runtime, { redis, store, auditing, vaultKey })
  const recalling = openRecalling(runtime, redis)
  const shredder = new RedisShredder(redis)
  const lander = new FlightLander({
    ...recalling,
    store,
    queues,
    poolsOf: (model) => poolsOf(model, catalogue),
    noteCached: (job, key) => shredder.noteCached(job, key),
  })
  const batches = startBatches(runtime, { redis, store, queues, files: await openFiles(runtime, redis) })
  const shelter = createShelter(runtime, { redis, store, queues })
  const accounting = startAccounting(runtime, {
    redis,
    store,
    queues,
    webhooks,
    vaultKey: vaultKey.current,
    observers: [
      deadLetterObserver(config, redis),
      createRetirement(shredder),
      new RedisSpeeds(redis),
      new LaneThroughput(redis),
      lander,
      webhooks.observer,
      batches.observer,
    ],
  })
  if (isFirst) await requeueStranded({ store, queues, log, nowMs: Date.now(), isFirst })
  const keepHouse = async () => {
    const nowMs = Date.now()
    await expireJobs({ store, catalogue, metrics: telemetry.metrics, nowMs })
    await endLeftCalls({ left, store, catalogue, nowMs })
    await requeueStranded({ store, queues, log, nowMs })
    await webhooks.sweep()
    await shelter(nowMs)
    await accounting.keepBooks()
  }
  const trim = createTrim(config, { redis, store, shredder, reseal: () => webhooks.reseal() })
  const every = (periodMs: number, task: () => Promise<void>) =>
    repeat(periodMs, task, (error) => {
      log.debug({ err: error }, 'housekeeping failed; it is tried again')
    })
  const chores = [
    every(housekeepingMs, keepHouse),
    // By itself: a store of files that is away must not keep jobs from expiring.
    every(housekeepingMs, () => batches.keepHouse(Date.now())),
    every(trimMs, trim),
  ]
  return {
    name: 'courier',
    checkReady: async () => {
      await redis.ping()
    },
    async stop(graceMs) {
      for (const stopChore of chores) stopChore()
      await webhooks.stop(graceMs)
      await batches.stop(graceMs)
      await accounting.stop()
      await auditing.close()
      recalling.close()
      await queues.close()
      disconnect(runtime, redis)
    },
  }
}

/** Takes what has expired out of indexes, and what was deleted out of the store. */
function createTrim(
  config: Config,
  deps: { redis: Redis; store: RedisJobStore; shredder: RedisShredder; reseal: () => Promise<void> },
): () => Promise<void> {
  const { redis, store, shredder, reseal } = deps
  const { results, dead_letters: deadLetters, files } = config.retention
  const jobsKeptMs = Math.max(...Object.values(config.deadlines)) + Math.max(results, deadLetters)
  const tenantData = new RedisTenantData(redis)
  return async () => {
    const nowMs = Date.now()
    // Those as well that are configured no more.
    const tenants = [...new Set([...Object.keys(config.tenants), ...(await tenantData.known())])]
    await store.trimIndexes(tenants, nowMs - jobsKeptMs)
    for (const tenant of tenants) {
      await trimBatches(redis, tenant, nowMs - files)
      await shredder.sweep(tenant)
    }
    await reseal()
  }
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
