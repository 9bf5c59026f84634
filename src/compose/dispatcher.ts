import type { Config } from '../config/schema.ts'
import type { DeploymentConfig } from '../config/schema-models.ts'
import type { JobId } from '../core/job.ts'
import type { Lane, QueueEntry } from '../core/ports.ts'
import { NodeWatch } from '../node/node-watch.ts'
import type { NodeDeployment } from '../node/watched-deployment.ts'
import { DirectWork, jobStopped, type Room } from '../pipeline/direct-work.ts'
import type { DispatchDeps } from '../pipeline/dispatch-deps.ts'
import { dispatchJob } from '../pipeline/dispatch-job.ts'
import { BacklogKeeper } from '../pipeline/wake-parked.ts'
import { createTokenCounter } from '../pricing/token-counter.ts'
import { laneName, priorityOf, sensitivityOf } from '../queue/lane-names.ts'
import { Turns } from '../queue/turns.ts'
import { version } from '../version.ts'
import type { DispatcherLink } from './dispatcher-link.ts'
import { gatesOf } from './gates.ts'
import { createRedisLink } from './redis-link.ts'
import type { RunningRole, Runtime } from './runtime.ts'
import { providerOf, upstreamOf } from './upstreams.ts'

export interface DispatcherOptions {
  readonly pool: string
  /** How many jobs this node works on at once; the sum over the pool's deployments unless given. */
  readonly concurrency?: number | undefined
}

/** Takes jobs from one pool's lanes and calls the pool's deployments. Needs no vault key. */
export async function startDispatcher(runtime: Runtime, options: DispatcherOptions): Promise<RunningRole> {
  requirePool(runtime.config, options.pool)
  return startLinkedDispatcher(runtime, await createRedisLink(runtime, options.pool), options)
}

/** The same by whichever way to the broker; with `stop` the link is closed too. */
export async function startLinkedDispatcher(
  runtime: LinkedRuntime,
  link: DispatcherLink,
  options: DispatcherOptions,
): Promise<RunningRole> {
  const { config } = runtime
  const { residency } = requirePool(config, options.pool)
  const work = prepareWork(runtime, link, options.pool)
  const { watch, keeper } = work
  // Some servers say how many calls they work on at once.
  await watch.look()
  const slots = () => options.concurrency ?? watch.slots()
  const turns = new Turns({ slots, maxWaitMs: config.nodes.max_wait, places: watch.places(), now: Date.now })
  const running = new Map<JobId, AbortController>()

  async function handle(entry: QueueEntry, leaseLost: AbortSignal, begin: () => void): Promise<void> {
    const { id, deployment, queue } = entry
    const turn = await turns.take({ deployment, priority: priorityOf(queue) }, leaseLost)
    // Handed back, or lost, before its turn came.
    if (!turn) return
    const stop = new AbortController()
    leaseLost.addEventListener('abort', () => stop.abort(), { once: true })
    running.set(id, stop)
    try {
      begin()
      await dispatchJob(entry, stop.signal, work.deps)
    } finally {
      if (running.get(id) === stop) running.delete(id)
      turn.end()
      keeper.freed(deployment)
    }
  }

  function takeRoom({ priority }: Lane, deployment: string): Room | null {
    const slot = link.direct?.takeSlot(priority)
    if (!slot) return null
    const turn = turns.takeNow({ deployment, priority })
    if (!turn) {
      slot.release()
      return null
    }
    const { abort } = slot
    let job: JobId | null = null
    return {
      signal: abort.signal,
      begin(id) {
        job = id
        running.set(id, abort)
      },
      leave() {
        if (job !== null && running.get(job) === abort) running.delete(job)
        turn.end()
        slot.release()
        keeper.freed(deployment)
      },
    }
  }

  const lookAhead = residency === 'onprem' ? config.nodes.look_ahead : 0
  const consumer = link.consume({ concurrency: slots(), lookAhead, handle })
  const exchange = link.shareWork(turns)
  await link.onStop((id) => running.get(id)?.abort(jobStopped))
  await watch.start({ consumer, turns })
  await consumer.start()
  await exchange?.start()
  // Half of the places ahead: the others are for what is more urgent.
  const places = () => Math.max(0, slots() + Math.floor(lookAhead / 2) - turns.running - turns.waiting)
  keeper.start(residency === 'onprem' ? places : null)
  const direct = link.direct && new DirectWork({ ...work.deps, ...link.direct, queueOf: laneName, takeRoom })
  if (direct) link.direct?.offer((lane, deployment) => direct.take(lane, deployment))
  return {
    name: `dispatcher ${options.pool}`,
    checkReady: () => link.checkReady(),
    async stop(graceMs) {
      watch.leave()
      exchange?.stop()
      await consumer.stop(graceMs)
      direct?.stop()
      await keeper.stop()
      await watch.stop()
      await work.close()
      await link.close()
    },
  }
}

type LinkedRuntime = Pick<Runtime, 'config' | 'telemetry' | 'log' | 'node'>

interface Work {
  readonly watch: NodeWatch
  readonly keeper: BacklogKeeper
  readonly deps: DispatchDeps
  close(): Promise<void>
}

/** What it takes to serve the deployments of a pool: their providers under watch, their gates, their backlogs. */
function prepareWork({ config, telemetry, log, node }: LinkedRuntime, link: DispatcherLink, pool: string): Work {
  const { residency } = requirePool(config, pool)
  const deployments = Object.values(config.models)
    .flatMap((model) => model.deployments)
    .filter((deployment) => deployment.pool === pool)
  const watch = new NodeWatch({
    node,
    pool,
    residency,
    transport: link.transport,
    version,
    deployments: deployments.map(toNodeDeployment),
    registry: link.registry,
    heartbeatMs: config.nodes.heartbeat,
    log,
    env: process.env,
  })
  const served = deployments.map((each) => ({ each, provider: watch.watch(each.id, providerOf(each, residency)) }))
  const upstreams = new Map(served.map(({ each, provider }) => [each.id, upstreamOf(each, provider)]))
  const gates = gatesOf(config, { pool, node })
  const keeper = new BacklogKeeper({
    gates: link.gates,
    queues: link.queues,
    settings: deployments.flatMap(({ id }) => gates.get(id) ?? []),
    isReady: (deployment, sensitivity) => watch.refusalOf(deployment, sensitivity) === null,
    log,
    now: Date.now,
  })
  const { max_attempts: maxAttempts, base_delay: baseDelayMs, max_delay: maxDelayMs } = config.retry
  const deps: DispatchDeps = {
    store: link.store,
    queues: link.queues,
    gates: keeper.watching(link.gates),
    gateOf: (deployment) => gates.get(deployment) ?? null,
    upstreamOf: (deployment) => upstreams.get(deployment) ?? null,
    refusalOf: (deployment, sensitivity, isUnmasked) => {
      const mayLeave = sensitivity !== 'restricted' && !isUnmasked
      if (residency === 'cloud' && !mayLeave) return { kind: 'forbidden', reason: `${pool} is a cloud pool` }
      return watch.refusalOf(deployment, sensitivity)
    },
    sensitivityOf,
    telemetry,
    log,
    pool,
    node,
    policy: { maxAttempts, baseDelayMs, maxDelayMs },
    tokens: createTokenCounter(),
    random: Math.random,
  }
  const close = async () => {
    await Promise.all(served.map(({ provider }) => provider.close()))
  }
  return { watch, keeper, deps, close }
}

/** Told to the operator as it is. */
class UnknownPoolError extends Error {
  override readonly name = 'UnknownPoolError'
}

/** @throws UnknownPoolError where there is none of this name. */
function requirePool({ pools }: Config, name: string): Config['pools'][string] {
  const pool = pools[name]
  if (pool) return pool
  throw new UnknownPoolError(
    `There is no pool "${name}" in the configuration; known: ${Object.keys(pools).join(', ')}.`,
  )
}

function toNodeDeployment(deployment: DeploymentConfig): NodeDeployment {
  const { id, provider, model, base_url: baseUrl, per_node: perNode, concurrency, api_key: key } = deployment
  const headers = Object.entries(deployment.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value.reveal()])
  const authorization = key ? { authorization: `Bearer ${key.reveal()}` } : {}
  return {
    id,
    provider,
    model,
    baseUrl,
    headers: { ...Object.fromEntries(headers), ...authorization },
    perNode,
    concurrency,
  }
}
