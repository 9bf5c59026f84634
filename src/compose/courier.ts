import { poolsOf } from '../core/routing.ts'
import { expireJobs, requeueStranded } from '../pipeline/expire-jobs.ts'
import { FlightLander } from '../pipeline/land-flights.ts'
import { endLeftCalls } from '../pipeline/leave-call.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { LaneThroughput } from '../queue/lane-throughput.ts'
import { RedisLeftCalls } from '../store/left-calls.ts'
import { RedisSpeeds } from '../store/speeds.ts'
import { startAccounting } from './accounting.ts'
import { createAuditing } from './auditing.ts'
import { startBatches } from './batches.ts'
import { createCatalogue } from './catalogue.ts'
import { deadLetterObserver } from './dead-letters.ts'
import { openRecalling } from './recalling.ts'
import { connect, createStore, disconnect, type RunningRole, type Runtime, requireVaultKey } from './runtime.ts'
import { createShelter } from './shelter.ts'
import { startWebhooks } from './webhooks.ts'

const housekeepingMs = 2_000
const trimMs = 60_000

/** Sends webhooks and keeps house: expires overdue jobs, finds stranded ones, trims indexes. */
export async function startCourier(runtime: Runtime): Promise<RunningRole> {
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
  const lander = new FlightLander({ ...recalling, store, queues, poolsOf: (model) => poolsOf(model, catalogue) })
  const batches = startBatches(runtime, { redis, store, queues })
  const shelter = createShelter(runtime, { redis, store, queues })
  const accounting = startAccounting(runtime, {
    redis,
    store,
    queues,
    webhooks,
    vaultKey: vaultKey.current,
    observers: [
      deadLetterObserver(config, redis),
      new RedisSpeeds(redis),
      new LaneThroughput(redis),
      lander,
      webhooks.observer,
      batches.observer,
    ],
  })
  const keepHouse = async () => {
    const nowMs = Date.now()
    await expireJobs({ store, catalogue, metrics: telemetry.metrics, nowMs })
    await endLeftCalls({ left, store, catalogue, nowMs })
    await requeueStranded({ store, queues, log, nowMs })
    await webhooks.sweep()
    await batches.keepHouse(nowMs)
    await shelter(nowMs)
    await accounting.keepBooks()
  }
  const trim = async () => {
    const { results, dead_letters: deadLetters } = config.retention
    const keptMs = Math.max(...Object.values(config.deadlines)) + Math.max(results, deadLetters)
    await store.trimIndexes(Object.keys(config.tenants), Date.now() - keptMs)
    await webhooks.reseal()
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
