import assert from 'node:assert/strict'
import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { LaneConsumer } from '../queue/lane-consumer.ts'
import { laneQueues } from '../queue/lane-names.ts'
import { WorkSharing } from '../queue/work-sharing.ts'
import { channels, keys } from '../store/keys.ts'
import { RedisGates } from '../store/redis-gates.ts'
import { RedisNodeRegistry } from '../store/redis-nodes.ts'
import type { DispatcherLink } from './dispatcher-link.ts'
import { connect, createStore, disconnect, type Runtime } from './runtime.ts'

/** A dispatcher's way to the broker where it can reach Redis. @throws Error where its Redis user lacks rights. */
export async function createRedisLink(runtime: Runtime, pool: string): Promise<DispatcherLink> {
  const { config, log, node, shared } = runtime
  const residency = config.pools[pool]?.residency ?? 'cloud'
  const redis = connect(runtime, 'worker')
  await checkRights(redis).catch((error: unknown) => {
    disconnect(runtime, redis)
    throw error
  })
  const subscriber = connect(runtime, 'subscriber')
  const lanes = laneQueues(pool, residency)
  const ownLanes = new Set(lanes.map(({ name }) => name))
  let consumer: LaneConsumer | null = null
  // What a node adds to its own pool's lanes was waiting for this node.
  const queues = new BullmqQueues(redis, (name) => {
    if (ownLanes.has(name)) consumer?.claim(name)
    else shared?.ring(name)
  })
  const store = createStore({ ...runtime, vaultKey: null }, redis)
  return {
    transport: 'redis',
    store,
    queues,
    gates: new RedisGates(redis),
    registry: new RedisNodeRegistry(redis, [pool]),
    consume(options) {
      const own = new LaneConsumer({
        redis,
        blocking: connect(runtime, 'blocking'),
        queues: lanes,
        leaseMs: config.leases.duration,
        log,
        ...options,
      })
      consumer = own
      shared?.onRing(
        lanes.map(({ name }) => name),
        (name) => own.ring(name),
      )
      return own
    },
    direct: shared
      ? {
          keeper: store,
          leaseMs: config.leases.duration,
          takeSlot: (priority) => consumer?.takeSlot(priority) ?? null,
          offer: (takePlace) => shared.onTakePlace(pool, takePlace),
        }
      : null,
    shareWork(turns) {
      if (residency === 'cloud' || config.nodes.look_ahead === 0) return null
      assert.ok(consumer, 'work is shared of what is consumed')
      return new WorkSharing({ redis, subscriber, pool, node, consumer, turns, log })
    },
    async onStop(listener) {
      const channel = channels.node(node)
      subscriber.on('message', (from: string, id: string) => {
        if (from === channel) listener(id as JobId)
      })
      await subscriber.subscribe(channel)
    },
    async checkReady() {
      await redis.ping()
    },
    async close() {
      await queues.close()
      subscriber.disconnect()
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
