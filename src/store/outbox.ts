import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import { keys } from './keys.ts'

export interface OutboxRow {
  readonly id: JobId
  readonly type: string
  readonly raw: string
}

/**
 * The rows that the end of a job leaves behind for its webhook, written in the same step as the terminal status. A row
 * is moved aside when it is taken and removed when it has been handed on, so a courier that dies in between leaves it
 * where the next one finds it.
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
}

function parseRow(raw: string): OutboxRow {
  const [id = '', type = ''] = raw.split(' ')
  return { id: id as JobId, type, raw }
}
