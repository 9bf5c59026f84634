import type { Redis } from 'ioredis'
import { addWork, noThroughput, type Throughput } from '../core/queue-place.ts'
import type { OwnedRecord, RecordObserver } from '../core/record-archive.ts'
import { keys } from '../store/keys.ts'
import { translateRedisErrors } from '../store/redis-errors.ts'
import { formatThroughput, parseThroughput } from '../store/throughput.ts'
import { laneName } from './lane-names.ts'

/** Fields of the hash. */
export const throughputOf = {
  lane: (name: string) => `lane ${name}`,
  deployment: (id: string) => `deployment ${id}`,
} as const

/**
 * What each lane and each deployment gets through, in one hash for all processes. The recorder writes it, once per batch;
 * a record that is told twice changes a sum a little, and time mends it.
 */
export class LaneThroughput implements RecordObserver {
  readonly #redis: Redis

  constructor(redis: Redis) {
    this.#redis = redis
  }

  async observe(batch: readonly OwnedRecord[]): Promise<void> {
    const calls = batch.flatMap(({ record, owner }) => {
      if (record.kind !== 'attempt' || !owner) return []
      const { pool, deployment, atMs, ms, outcome } = record
      const lane = laneName({ pool, sensitivity: owner.sensitivity, priority: owner.priority })
      const call = { atMs, ms, jobs: outcome === 'completed' ? 1 : 0 }
      return [throughputOf.lane(lane), throughputOf.deployment(deployment)].map((field) => ({ field, call }))
    })
    if (calls.length === 0) return
    const fields = [...new Set(calls.map(({ field }) => field))]
    const sums = await readThroughput(this.#redis, fields)
    for (const { field, call } of calls) sums.set(field, addWork(sums.get(field) ?? noThroughput, call))
    const texts = [...sums].flatMap(([field, sum]) => [field, formatThroughput(sum)])
    await this.#redis.hset(keys.throughput, ...texts)
  }
}

/** By field; what was never measured has no throughput. */
export async function readThroughput(redis: Redis, fields: readonly string[]): Promise<Map<string, Throughput>> {
  const texts = await translateRedisErrors(redis.hmget(keys.throughput, ...fields))
  return new Map(fields.map((field, index) => [field, parseThroughput(texts[index])]))
}
