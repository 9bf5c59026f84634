import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import { DarkGates } from '../pipeline/leave-dark-gates.ts'
import { Rehoming } from '../pipeline/rehome-jobs.ts'
import { readdStranded, wakeOrphans } from '../pipeline/wake-parked.ts'
import type { BullmqQueues } from '../queue/bullmq-queues.ts'
import { BullmqLaneEntries } from '../queue/lane-entries.ts'
import { readPlaces } from '../store/job-places.ts'
import { rememberPools } from '../store/known-pools.ts'
import { RedisGates } from '../store/redis-gates.ts'
import type { RedisJobStore } from '../store/redis-job-store.ts'
import { RedisNodeRegistry } from '../store/redis-nodes.ts'
import { breakerPolicyOf } from './catalogue.ts'
import { gatesOf } from './gates.ts'
import type { Runtime } from './runtime.ts'

/** A pool is given up after so many leases without a node: its jobs that may go elsewhere do. */
const leasesOfGrace = 2

/**
 * The part of housekeeping that looks after jobs whose dispatchers or upstreams are gone: those of pools that have lost
 * their last node or are not configured any more, those behind a deployment that stays away although another has come back, and those that were woken by
 * a process which died before it added them to their lane.
 */
export function createShelter(
  { config, log }: Runtime,
  { redis, store, queues }: { redis: Redis; store: RedisJobStore; queues: BullmqQueues },
): (nowMs: number) => Promise<void> {
  const gates = new RedisGates(redis)
  const deployments = Object.values(config.models).flatMap((model) => model.deployments)
  const ids = deployments.map(({ id }) => id)
  const pools = Object.keys(config.pools)
  const registry = new RedisNodeRegistry(redis, pools)
  const placesOf = (jobs: readonly JobId[]) => readPlaces(redis, jobs)
  const darkGates = new DarkGates({
    registry,
    gates,
    waitingAt: (pages, limit) => gates.waitingAt(pages, limit),
    placesOf,
    gatesOf: (at) => gatesOf(config, at),
    poolOf: new Map(deployments.map(({ id, pool }) => [id, pool])),
    log,
  })
  const createRehoming = async () => {
    const removed = await rememberPools(redis, pools)
    return new Rehoming({
      // Where this configuration is new, nodes with the one before it may still be at work.
      registry: new RedisNodeRegistry(redis, [...pools, ...removed]),
      lanes: new BullmqLaneEntries(redis),
      parkedAt: (deployment, offset, limit) => gates.parkedAt(deployment, offset, limit),
      placesOf,
      store,
      queues,
      pools: new Map(pools.map((pool) => [pool, deployments.filter((each) => each.pool === pool).map(({ id }) => id)])),
      removed,
      graceMs: leasesOfGrace * config.leases.duration,
      log,
    })
  }
  let rehoming: Rehoming | null = null
  return async (nowMs) => {
    const orphaned = (await gates.backlogs()).filter((id) => !ids.includes(id))
    await readdStranded({ gates, queues, deployments: [...ids, ...orphaned], nowMs })
    await wakeOrphans({ gates, queues, deployments: orphaned, breaker: breakerPolicyOf(config), nowMs })
    rehoming ??= await createRehoming()
    await rehoming.turn(nowMs)
    await darkGates.turn(nowMs)
  }
}
