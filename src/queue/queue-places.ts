import type { Redis } from 'ioredis'
import type { JobId, JobRecord } from '../core/job.ts'
import { etaSeconds, noThroughput, type QueuePlace, type QueuePlaces } from '../core/queue-place.ts'
import { decodeLane } from '../store/attempt-arguments.ts'
import { keys, queuePrefix } from '../store/keys.ts'
import { translateRedisErrors } from '../store/redis-errors.ts'
import { defineScripts, type RunScript } from '../store/scripts.ts'
import { intakeName, laneName } from './lane-names.ts'
import { readThroughput, throughputOf } from './lane-throughput.ts'

/** How many entries of a queue are compared with one that is looked for; deeper ones are found by their order. */
const searched = 500

/**
 * KEYS wait · ARGV entry. How many entries of a queue are taken before this one, -1 when it is not there. A queue is
 * taken from its right end. Ids of jobs sort by time and so, nearly, does the queue: deep in it a binary search is as
 * good as a look at every entry, and does not hold up Redis for it.
 */
const countBefore = `
local call, wait, entry = redis.call, KEYS[1], ARGV[1]
local length = call('LLEN', wait)
local at = call('LPOS', wait, entry, 'RANK', -1, 'MAXLEN', ${searched})
if at then return length - 1 - at end
if length <= ${searched} then return -1 end
local low, high = 0, length
while low < high do
  local middle = math.floor((low + high) / 2)
  if call('LINDEX', wait, middle) < entry then high = middle else low = middle + 1 end
end
return math.max(length - low, ${searched})
`

interface Waiting {
  readonly stage: string | null
  readonly lane: string | null
  readonly hop: string | null
  /** The deployment behind which it is parked. */
  readonly parked: string | null
}

/** Looks up places in BullMQ's lists and in the sorted sets of those that wait for a place or a permit. */
export class RedisQueuePlaces implements QueuePlaces {
  readonly #redis: Redis
  readonly #run: RunScript<'countBefore'>

  constructor(redis: Redis) {
    this.#redis = redis
    this.#run = defineScripts(redis, 'places', { countBefore })
  }

  async placeOf(job: JobRecord): Promise<QueuePlace | null> {
    if (job.status !== 'queued') return null
    const waiting = await this.#read(job.id)
    const { priority, sensitivity, tenant } = job.spec
    if (waiting.stage === 'intake' || waiting.stage === 'auditing') {
      const before = await this.#countBefore(intakeName(priority, sensitivity), `${job.id}-0`)
      return { position: before + 1, etaSeconds: null }
    }
    // It has begun, or ended, since it was read.
    if (waiting.stage !== 'waiting' || !waiting.lane) return null
    const permit = await translateRedisErrors(this.#redis.zrank(keys.parked(tenant), job.id))
    // When one of the tenant's own jobs ends depends on all of its lanes.
    if (permit !== null) return { position: permit + 1, etaSeconds: null }
    return (await this.#behindDeployment(job.id, waiting.parked)) ?? (await this.#inLane(job.id, waiting))
  }

  async #behindDeployment(id: JobId, deployment: string | null): Promise<QueuePlace | null> {
    if (deployment === null) return null
    const rank = await translateRedisErrors(this.#redis.zrank(keys.backlog(deployment), id))
    return rank === null ? null : this.#estimate(rank + 1, throughputOf.deployment(deployment))
  }

  async #inLane(id: JobId, { lane, hop }: Waiting): Promise<QueuePlace> {
    const name = laneName(decodeLane(lane ?? ''))
    const before = await this.#countBefore(name, `${id}-${hop}`)
    return this.#estimate(before + 1, throughputOf.lane(name))
  }

  async #estimate(position: number, field: string): Promise<QueuePlace> {
    const measured = (await readThroughput(this.#redis, [field])).get(field) ?? noThroughput
    return { position, etaSeconds: etaSeconds(position, measured, Date.now()) }
  }

  /** None are before an entry that was just taken out, or is just being put in. */
  async #countBefore(queue: string, entry: string): Promise<number> {
    const count = await this.#run('countBefore', [`${queuePrefix}:${queue}:wait`], [entry])
    return Math.max(0, Number(count))
  }

  async #read(id: JobId): Promise<Waiting> {
    const read = this.#redis.hmget(keys.job(id), 'stage', 'lane', 'hop', 'parked')
    const [stage = null, lane = null, hop = null, parked = null] = await translateRedisErrors(read)
    return { stage, lane, hop, parked }
  }
}
