import type { Redis } from 'ioredis'
import type { BatchId } from '../core/batch.ts'
import type { JobId } from '../core/job.ts'
import { keys } from './keys.ts'
import { executePipeline } from './read-jobs.ts'
import { translateRedisErrors } from './redis-errors.ts'

/** How many entries are looked at together. */
const pageSize = 500

/**
 * Takes jobs that have expired out of a tenant's index, the oldest first, up to a page of which none has expired; but all
 * that were made before `olderThanMs` are looked at, as some have a far deadline. One is there as long as anything of it.
 */
export function trimJobs(redis: Redis, tenant: string, olderThanMs: number): Promise<void> {
  return trim(redis, keys.tenantJobs(tenant), olderThanMs, (id) => [keys.job(id as JobId), keys.private(id as JobId)])
}

/** The same for batches. */
export function trimBatches(redis: Redis, tenant: string, olderThanMs: number): Promise<void> {
  return trim(redis, keys.tenantBatches(tenant), olderThanMs, (id) => [keys.batch(id as BatchId)])
}

async function trim(redis: Redis, index: string, olderThanMs: number, keysOf: (id: string) => string[]): Promise<void> {
  for (let at = 0; ; ) {
    const rows = await translateRedisErrors(redis.zrange(index, `${at}`, `${at + pageSize - 1}`, 'WITHSCORES'))
    const ids = rows.filter((_, place) => place % 2 === 0)
    if (ids.length === 0) return
    const pipeline = redis.pipeline()
    for (const id of ids) pipeline.exists(...keysOf(id))
    const found = await executePipeline(pipeline)
    const expired = ids.filter((_, place) => found[place] === 0)
    if (expired.length > 0) await translateRedisErrors(redis.zrem(index, ...expired))
    const isYoung = Number(rows.at(-1)) >= olderThanMs
    if (ids.length < pageSize || (expired.length === 0 && isYoung)) return
    at += ids.length - expired.length
  }
}
