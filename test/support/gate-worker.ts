import type { GateClaim, GateLimits } from '../../src/core/gate.ts'
import { type Provider, ProviderError } from '../../src/core/provider.ts'
import { dispatchJob } from '../../src/pipeline/dispatch-job.ts'
import { BacklogKeeper } from '../../src/pipeline/wake-parked.ts'
import { BullmqQueues } from '../../src/queue/bullmq-queues.ts'
import { LaneConsumer } from '../../src/queue/lane-consumer.ts'
import { laneQueues } from '../../src/queue/lane-names.ts'
import type { GateTiming } from '../../src/store/attempt-arguments.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisGates } from '../../src/store/redis-gates.ts'
import { breaker, createStore, pool } from './gates.ts'
import { freeUpstream, noTelemetry, noTokens, silentLog } from './mortal.ts'

/**
 * A process that dispatches jobs of one deployment through its gate, and may be killed at any moment: run with what
 * `GateWorkerOptions` says, as JSON.
 */
export interface GateWorkerOptions {
  readonly redisUrl: string
  readonly upstreamUrl: string
  readonly node: string
  readonly limits: GateLimits
  readonly timing: GateTiming
  readonly leaseMs: number
  readonly concurrency: number
}

async function main(options: GateWorkerOptions): Promise<void> {
  const { redisUrl, node, limits, timing, leaseMs, concurrency } = options
  const redis = connectRedis(redisUrl, 'worker')
  const store = createStore(redis, timing)
  const queues = new BullmqQueues(redis)
  const gates = new RedisGates(redis, timing)
  const gate: Omit<GateClaim, 'tokens'> = { gate: 'gpt', deployment: 'gpt', limits, breaker }
  const settings = { gates, queues, settings: [gate], isReady: () => true, log: silentLog, now: Date.now }
  const keeper = new BacklogKeeper(settings)
  const deps = {
    store,
    queues,
    gates: keeper.watching(gates),
    gateOf: () => gate,
    upstreamOf: () => freeUpstream(providerAt(options.upstreamUrl)),
    telemetry: noTelemetry,
    log: silentLog,
    pool,
    node,
    policy: { maxAttempts: 50, baseDelayMs: 10, maxDelayMs: 10 },
    tokens: noTokens,
    random: Math.random,
  }
  const consumer = new LaneConsumer({
    redis,
    blocking: connectRedis(redisUrl, 'blocking'),
    queues: laneQueues(pool, 'cloud'),
    concurrency,
    lookAhead: 0,
    leaseMs,
    handle: async (entry, signal) => {
      await dispatchJob(entry, signal, deps)
      keeper.freed(entry.deployment)
    },
    log: silentLog,
  })
  await consumer.start()
  keeper.start()
  console.log('ready')
}

function providerAt(url: string): Provider {
  return {
    async complete({ signal }) {
      try {
        const response = await fetch(url, { method: 'POST', signal })
        const bodyJson = await response.text()
        return { bodyJson, usage: JSON.parse(bodyJson).usage }
      } catch {
        throw new ProviderError('connection', 'no answer')
      }
    },
    async *stream() {},
    embed: () => Promise.reject(new ProviderError('unsupported', 'no embeddings here')),
    close: async () => {},
  }
}

if (import.meta.main) await main(JSON.parse(process.argv[2] ?? '{}') as GateWorkerOptions)
