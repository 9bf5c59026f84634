import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import type { IdleEntry, LaneEntries } from '../core/job-place.ts'
import type { Lane } from '../core/ports.ts'
import { queuePrefix } from '../store/keys.ts'
import { translateRedisErrors } from '../store/redis-errors.ts'
import { laneName } from './lane-names.ts'

/** Reads BullMQ's lists of a lane without taking anything out of them. */
export class BullmqLaneEntries implements LaneEntries {
  readonly #redis: Redis

  constructor(redis: Redis) {
    this.#redis = redis
  }

  async page(lane: Lane, offset: number, limit: number): ReturnType<LaneEntries['page']> {
    const key = (part: string) => `${queuePrefix}:${laneName(lane)}:${part}`
    const [from, to] = [-(offset + limit), -(offset + 1)]
    const [waiting, taken, delayed] = await translateRedisErrors(
      Promise.all([
        this.#redis.lrange(key('wait'), from, to),
        this.#redis.lrange(key('active'), from, to),
        this.#redis.zrange(key('delayed'), `${offset}`, `${offset + limit - 1}`),
      ]),
    )
    const locks = taken.map((entry) => this.#redis.exists(key(`${entry}:lock`)))
    const isLocked = await translateRedisErrors(Promise.all(locks))
    const abandoned = taken.filter((_, index) => isLocked[index] === 0)
    return {
      entries: [
        ...abandoned.map((entry) => parseEntry(entry, true)),
        ...waiting.toReversed().map((entry) => parseEntry(entry, false)),
        ...delayed.map((entry) => parseEntry(entry, false)),
      ],
      isLast: [waiting, taken, delayed].every(({ length }) => length < limit),
    }
  }

  async drop(lane: Lane, { id, hop }: IdleEntry): Promise<void> {
    const queue = new Queue(laneName(lane), {
      connection: this.#redis,
      prefix: queuePrefix,
      streams: { events: { maxLen: 0 } },
      skipWaitingForReady: true,
    })
    queue.on('error', () => undefined)
    try {
      await translateRedisErrors(queue.remove(`${id}-${hop}`))
    } finally {
      await queue.close()
    }
  }
}

/** The id of an entry is the job's id and hop. */
function parseEntry(entry: string, wasTaken: boolean): IdleEntry {
  const [id = '', hop] = entry.split('-')
  return { id: id as JobId, hop: Number(hop), wasTaken }
}
