import type { Redis } from 'ioredis'
import type { DeploymentConfig } from '../config/schema-models.ts'
import type { JobId } from '../core/job.ts'
import type { Provider } from '../core/provider.ts'
import { dispatchJob, type Upstream } from '../pipeline/dispatch-job.ts'
import { createTokenCounter } from '../pricing/token-counter.ts'
import { createProvider } from '../providers/registry.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { LaneConsumer } from '../queue/lane-consumer.ts'
import { laneQueues } from '../queue/lane-names.ts'
import { channels, keys } from '../store/keys.ts'
import { connect, createStore, disconnect, presets, type RunningRole, type Runtime } from './runtime.ts'
import { Semaphore } from './semaphore.ts'
import { tariffOf } from './tariffs.ts'

export interface DispatcherOptions {
  readonly pool: string
  /** How many jobs this node works on at once; the sum over the pool's deployments unless given. */
  readonly concurrency?: number | undefined
}

/** Takes jobs from one pool's lanes and calls the pool's deployments. Needs no vault key. */
export async function startDispatcher(runtime: Runtime, options: DispatcherOptions): Promise<RunningRole> {
  const { config, telemetry, log, node } = runtime
  const pool = config.pools[options.pool]
  if (!pool) {
    const known = Object.keys(config.pools).join(', ')
    throw new Error(`There is no pool "${options.pool}" in the configuration; known: ${known}.`)
  }
  const deployments = Object.values(config.models)
    .flatMap((model) => model.deployments)
    .filter((deployment) => deployment.pool === options.pool)
  const upstreams = new Map(deployments.map((deployment) => [deployment.id, createUpstream(deployment)]))

  const redis = connect(runtime, 'worker')
  await checkRights(redis).catch((error: unknown) => {
    disconnect(runtime, redis)
    throw error
  })
  const store = createStore({ ...runtime, vaultKey: null }, redis)
  const queues = new BullmqQueues(redis, runtime.shared?.ring)
  const running = new Map<JobId, AbortController>()
  const policy = {
    maxAttempts: config.retry.max_attempts,
    baseDelayMs: config.retry.base_delay,
    maxDelayMs: config.retry.max_delay,
  }
  const deps = {
    store,
    queues,
    telemetry,
    log,
    pool: options.pool,
    node,
    policy,
    random: Math.random,
    upstreamOf: (id: string) => upstreams.get(id) ?? null,
    tokens: createTokenCounter(),
  }
  const consumer = new LaneConsumer({
    redis,
    blocking: connect(runtime, 'blocking'),
    queues: laneQueues(options.pool, pool.residency),
    concurrency: options.concurrency ?? Math.max(1, sum(deployments.map(({ concurrency }) => concurrency))),
    leaseMs: config.leases.duration,
    handle: async (entry, leaseLost) => {
      const stop = new AbortController()
      leaseLost.addEventListener('abort', () => stop.abort(), { once: true })
      running.set(entry.id, stop)
      try {
        await dispatchJob(entry, stop.signal, deps)
      } finally {
        if (running.get(entry.id) === stop) running.delete(entry.id)
      }
    },
    log,
  })
  const stops = connect(runtime, 'subscriber')
  stops.on('message', (_channel: string, id: string) => running.get(id as JobId)?.abort())
  await stops.subscribe(channels.node(node))
  await consumer.start()
  runtime.shared?.onRing(
    laneQueues(options.pool, pool.residency).map(({ name }) => name),
    (name) => consumer.ring(name),
  )
  return {
    name: `dispatcher ${options.pool}`,
    checkReady: async () => {
      await redis.ping()
    },
    async stop(graceMs) {
      await consumer.stop(graceMs)
      await Promise.all([...upstreams.values()].map(({ provider }) => provider.close()))
      await queues.close()
      stops.disconnect()
      disconnect(runtime, redis)
    },
  }
}

/**
 * A user who may not write records would break off in the middle of ending a job. Trims nothing: it asks for the right.
 * @throws Error where it is missing.
 */
async function checkRights(redis: Redis): Promise<void> {
  try {
    await redis.xtrim(keys.records, 'MAXLEN', '~', Number.MAX_SAFE_INTEGER)
  } catch (error) {
    if (!(error instanceof Error) || !/^NOPERM|No permissions/.test(error.message)) throw error
    const message = `The Redis user of this dispatcher may not write ${keys.records}: docs/operations.md, "Redis users".`
    throw new Error(message, { cause: error })
  }
}

interface OwnUpstream extends Upstream {
  readonly provider: Provider
}

function createUpstream(deployment: DeploymentConfig): OwnUpstream {
  const { connect: connectMs, first_byte: firstByteMs, idle: idleMs, total: totalMs } = deployment.timeouts
  const headers = Object.entries(deployment.headers ?? {}).map(([name, value]) => [name, value.reveal()])
  const provider = createProvider(
    { ...deployment, headers: Object.fromEntries(headers), timeouts: { connectMs, firstByteMs, idleMs, totalMs } },
    presets,
  )
  const slots = new Semaphore(deployment.concurrency)
  const { price, maxOutputTokens } = tariffOf(deployment)
  return {
    provider,
    run: (work) => slots.run(() => work(provider)),
    price,
    maxOutputTokens,
    outputLimitField: deployment.provider === 'openai' ? 'max_completion_tokens' : 'max_tokens',
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
