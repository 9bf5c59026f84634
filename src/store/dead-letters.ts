import type { Redis } from 'ioredis'
import {
  type DeadLetterFilter,
  type DeadLetterPage,
  type DeadLetterQuery,
  type DeadLetters,
  decodeCursor,
  encodeCursor,
  isWanted,
} from '../core/dead-letter.ts'
import type { JobId, JobRecord } from '../core/job.ts'
import type { ActionRecord } from '../core/records.ts'
import { deadLetterScripts } from './dead-letter-scripts.ts'
import { keys } from './keys.ts'
import { readJobs } from './read-jobs.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'

export interface DeadLetterOptions {
  readonly redis: Redis
  /** How long a dead letter can be replayed, in milliseconds from its end. */
  readonly retentionMs: number
  /** How long any ended job can be seen, in milliseconds. */
  readonly resultRetentionMs: number
}

/** How many entries of an index are looked at at once. */
const chunkSize = 200

/**
 * Dead letters on Redis: two indexes of failed jobs by the time of their end, one over all tenants and one for each. What
 * a dead letter says is in the job itself. An index forgets by itself what is older than the retention.
 */
export class RedisDeadLetters implements DeadLetters {
  readonly retentionMs: number
  readonly #redis: Redis
  readonly #resultRetentionMs: number
  readonly #run: RunScript<keyof typeof deadLetterScripts>

  constructor({ redis, retentionMs, resultRetentionMs }: DeadLetterOptions) {
    this.#redis = redis
    this.retentionMs = retentionMs
    this.#resultRetentionMs = resultRetentionMs
    this.#run = defineScripts(redis, 'dead', deadLetterScripts)
  }

  async bury(id: JobId, { tenant, endedAtMs, nowMs }: { tenant: string; endedAtMs: number; nowMs: number }) {
    const indexes = [keys.deadLetters, keys.tenantDeadLetters(tenant)]
    const args = [id, endedAtMs, nowMs, this.retentionMs]
    await this.#run('bury', [keys.job(id), keys.private(id), ...indexes], args)
  }

  async list({ filter, after, limit }: DeadLetterQuery): Promise<DeadLetterPage> {
    const index = filter.tenant === undefined ? keys.deadLetters : keys.tenantDeadLetters(filter.tenant)
    const fromMs = Math.max(filter.fromMs ?? 0, Date.now() - this.retentionMs)
    const letters: JobRecord[] = []
    let rank = await this.#startOf(index, filter, after)
    // One more than is wanted tells whether there is another page.
    while (letters.length <= limit) {
      const { ids, isLast } = await this.#readIndex(index, rank, fromMs)
      for (const job of await readJobs(this.#redis, ids)) {
        if (job?.status === 'failed' && isWanted(job, filter)) letters.push(job)
      }
      if (isLast) break
      rank += chunkSize
    }
    const page = letters.slice(0, limit)
    const last = page.at(-1)
    return { letters: page, next: letters.length > limit && last ? encodeCursor(last) : null }
  }

  async canBeReplayed(id: JobId): Promise<boolean> {
    return (await translateRedisErrors(this.#redis.hexists(keys.private(id), 'body'))) === 1
  }

  async discard(id: JobId, tenant: string, record: ActionRecord): Promise<boolean> {
    const content = [keys.private(id), keys.result(id), keys.events(id)]
    const indexes = [keys.deadLetters, keys.tenantDeadLetters(tenant)]
    const args = [id, record.atMs, this.#resultRetentionMs, JSON.stringify(record)]
    return (await this.#run('discard', [keys.job(id), ...content, ...indexes], args)) === 1
  }

  /** The rank of the first entry that is wanted, counted from the newest. */
  async #startOf(index: string, { toMs }: DeadLetterFilter, after: string | undefined): Promise<number> {
    const cursor = after === undefined ? null : decodeCursor(after)
    if (cursor) {
      const rank = await translateRedisErrors(this.#redis.zrevrank(index, cursor.id))
      if (rank !== null) return rank + 1
      return translateRedisErrors(this.#redis.zcount(index, `(${cursor.atMs}`, '+inf'))
    }
    return toMs === undefined ? 0 : translateRedisErrors(this.#redis.zcount(index, toMs, '+inf'))
  }

  async #readIndex(index: string, rank: number, fromMs: number): Promise<{ ids: JobId[]; isLast: boolean }> {
    const read = this.#redis.zrevrange(index, rank, rank + chunkSize - 1, 'WITHSCORES')
    const words = await translateRedisErrors(read)
    const ids: JobId[] = []
    for (let at = 0; at < words.length; at += 2) {
      if (Number(words[at + 1]) < fromMs) return { ids, isLast: true }
      ids.push(words[at] as JobId)
    }
    return { ids, isLast: ids.length < chunkSize }
  }
}
