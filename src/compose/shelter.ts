import type { Redis } from 'ioredis'
import { Rehoming } from '../pipeline/rehome-jobs.ts'
import { readdStranded } from '../pipeline/wake-parked.ts'
import type { BullmqQueues } from '../queue/bullmq-queues.ts'
import { BullmqLaneEntries } from '../queue/lane-entries.ts'
import { readPlaces } from '../store/job-places.ts'
import { RedisGates } from '../store/redis-gates.ts'
import type { RedisJobStore } from '../store/redis-job-store.ts'
import { RedisNodeRegistry } from '../store/redis-nodes.ts'
import type { Runtime } from './runtime.ts'

/** A pool is given up after so many leases without a node: its jobs that may go elsewhere do. */
const leasesOfGrace = 2

/**
 * The part of housekeeping that looks after jobs whose dispatchers are gone: those of pools that have lost their last node,
 * and those that were woken by a process which died before it added them to their lane.
 */
export function createShelter(
  { config, log }: Runtime,
  { redis, store, queues }: { redis: Redis; store: RedisJobStore; queues: BullmqQueues },
): (nowMs: number) => Promise<void> {
  const gates = new RedisGates(redis)
  const deployments = Object.values(config.models).flatMap((model) => model.deployments)
  const ids = deployments.map(({ id }) => id)
  const pools = Object.keys(config.pools)
  const rehoming = new Rehoming({
    registry: new RedisNodeRegistry(redis, pools),
    lanes: new BullmqLaneEntries(redis),
    parkedAt: (deployment, offset, limit) => gates.parkedAt(deployment, offset, limit),
    placesOf: (jobs) => readPlaces(redis, jobs),
    store,
    queues,
    pools: new Map(pools.map((pool) => [pool, deployments.filter((each) => each.pool === pool).map(({ id }) => id)])),
    graceMs: leasesOfGrace * config.leases.duration,
    log,
  })
  return async (nowMs) => {
    await readdStranded({ gates, queues, deployments: ids, nowMs })
    await rehoming.turn(nowMs)
  }
}
