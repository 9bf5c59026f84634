import type { Redis } from 'ioredis'
import type { GateSettings } from '../core/gate.ts'
import type { LeaseDesk } from '../core/lease-desk.ts'
import { type NodeIdentity, NodePasses } from '../core/node-pass.ts'
import { StopBoard } from '../delivery/stop-board.ts'
import { NodeTokens } from '../http/node-tokens.ts'
import type { NodeDeps } from '../http/routes/nodes.ts'
import { serveNodes } from '../pipeline/serve-node.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { LaneDesk } from '../queue/lane-desk.ts'
import { laneQueues } from '../queue/lane-names.ts'
import { RedisAttemptChecks } from '../store/attempt-checks.ts'
import { untilReady } from '../store/redis.ts'
import { RedisGates } from '../store/redis-gates.ts'
import { RedisNodeRegistry } from '../store/redis-nodes.ts'
import { gatesOf } from './gates.ts'
import { nodeConfigOf } from './node-config.ts'
import { connect, createStore, type Runtime, requireVaultKey } from './runtime.ts'

/** Nodes whose gates are remembered; a name more than these costs a walk over the configuration. */
const rememberedNodes = 1_000

export interface NodeGateway {
  readonly http: NodeDeps
  /** Sends away who waits, for work or for a word to stop. What nodes hold stays theirs. */
  farewell(): Promise<void>
  /** When no call is under way any more. */
  close(): Promise<void>
}

/** What an API process serves nodes with that work over HTTPS; null where no pool has tokens for them. */
export async function createNodeGateway(runtime: Runtime): Promise<NodeGateway | null> {
  const { config } = runtime
  const tokens = new NodeTokens()
  const pools = Object.entries(config.pools).filter(([, { node_tokens }]) => node_tokens.length > 0)
  if (pools.length === 0) return null
  for (const [pool, { node_tokens }] of pools) for (const token of node_tokens) tokens.add(token.reveal(), pool)

  const redis = connect(runtime, 'gateway')
  const subscriber = connect(runtime, 'subscriber')
  // A node that finds the API would be told that Redis is away while these two are still on their way.
  await Promise.all([untilReady(redis), untilReady(subscriber)])
  const queues = new BullmqQueues(redis, runtime.shared?.ring)
  const { current, previous } = requireVaultKey(runtime, 'api')
  const desks = new Desks(runtime, redis)
  const stopping = new AbortController()
  const handlers = serveNodes({
    store: createStore({ ...runtime, vaultKey: null }, redis),
    queues,
    gates: new RedisGates(redis),
    registry: new RedisNodeRegistry(redis, Object.keys(config.pools)),
    passes: new NodePasses([current, ...previous]),
    deskOf: (pool) => desks.of(pool),
    checks: new RedisAttemptChecks(redis),
    stops: new StopBoard(subscriber),
    stopping: stopping.signal,
    gateOf: rememberGates(runtime),
    poolOf: (id) =>
      Object.values(config.models)
        .flatMap(({ deployments }) => deployments)
        .find((deployment) => deployment.id === id)?.pool,
    residencyOf: (pool) => config.pools[pool]?.residency ?? 'cloud',
  })
  return {
    http: {
      tokens,
      handlers,
      configOf: (pool) => ({ leaseMs: config.leases.duration, ...nodeConfigOf(config, pool) }),
      isReady: () => redis.status === 'ready' && subscriber.status === 'ready',
    },
    async farewell() {
      stopping.abort()
      await desks.each((desk) => desk.sendAway())
    },
    async close() {
      await desks.each((desk) => desk.stop())
      await queues.close()
      subscriber.disconnect()
      redis.disconnect()
    },
  }
}

/** The desks of the pools whose nodes have called: until then nobody looks into their lanes from here. */
class Desks {
  readonly #runtime: Runtime
  readonly #redis: Redis
  readonly #desks = new Map<string, Promise<LaneDesk>>()

  constructor(runtime: Runtime, redis: Redis) {
    this.#runtime = runtime
    this.#redis = redis
  }

  of(pool: string): Promise<LeaseDesk> {
    const existing = this.#desks.get(pool)
    if (existing) return existing
    const opened = this.#open(pool)
    this.#desks.set(pool, opened)
    // Redis may be away for a moment; the next call opens it anew.
    opened.catch(() => this.#desks.delete(pool))
    return opened
  }

  async each(work: (desk: LaneDesk) => Promise<void>): Promise<void> {
    const opened = await Promise.allSettled(this.#desks.values())
    await Promise.all(opened.map((desk) => (desk.status === 'fulfilled' ? work(desk.value) : undefined)))
  }

  async #open(pool: string): Promise<LaneDesk> {
    const { config, log } = this.#runtime
    const desk = new LaneDesk({
      redis: this.#redis,
      blocking: connect(this.#runtime, 'blocking'),
      queues: laneQueues(pool, config.pools[pool]?.residency ?? 'cloud'),
      leaseMs: config.leases.duration,
      log,
    })
    try {
      await desk.start()
      return desk
    } catch (error) {
      await desk.stop()
      throw error
    }
  }
}

function rememberGates({ config }: Runtime): (deployment: string, who: NodeIdentity) => GateSettings | null {
  const remembered = new Map<string, ReadonlyMap<string, GateSettings>>()
  return (deployment, who) => {
    const name = `${who.pool} ${who.node}`
    const gates = remembered.get(name) ?? gatesOf(config, who)
    if (!remembered.has(name)) {
      if (remembered.size >= rememberedNodes) remembered.clear()
      remembered.set(name, gates)
    }
    return gates.get(deployment) ?? null
  }
}
