import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import { keys } from './keys.ts'

interface OutboxRow {
  readonly id: string
  readonly type: string
  readonly note: string
  readonly raw: string
}

/** Marks the row that tells the endpoints of a job's tenant; the one without tells the URL that came with the job. */
export const forEndpoints = 'endpoints'

/**
 * What ended and is to be told, written in the same step as the end. A row is moved aside when it is taken and removed
 * when it has been handed on, so a courier that dies in between leaves it where the next one finds it.
 */
export class Outbox {
  readonly #redis: Redis
  readonly #blocking: Redis

  constructor(redis: Redis, blocking: Redis) {
    this.#redis = redis
    this.#blocking = blocking
  }

  /** Waits up to two seconds for a row. */
  async take(): Promise<OutboxRow | null> {
    const raw = await this.#blocking.blmove(keys.outbox, keys.outboxTaken, 'RIGHT', 'LEFT', 2)
    return raw === null ? null : parseRow(raw)
  }

  /** What couriers took and never handed on, or are just handing on: doing that twice is one delivery. */
  async taken(): Promise<OutboxRow[]> {
    return (await this.#redis.lrange(keys.outboxTaken, 0, -1)).map(parseRow)
  }

  async handedOn(row: OutboxRow): Promise<void> {
    await this.#redis.lrem(keys.outboxTaken, 1, row.raw)
  }

  /** Ends of jobs that endpoints are to be told of. */
  async addForEndpoints(ends: readonly { readonly id: JobId; readonly type: string }[]): Promise<void> {
    if (ends.length === 0) return
    await this.#redis.lpush(keys.outbox, ...ends.map(({ id, type }) => `${id} ${type} ${forEndpoints}`))
  }
}

function parseRow(raw: string): OutboxRow {
  const [id = '', type = '', note = ''] = raw.split(' ')
  return { id, type, note, raw }
}
