import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import { keys } from './keys.ts'
import { executePipeline } from './read-jobs.ts'

/** Looks at claims without taking part in them, for a broker that serves nodes which can't look for themselves. */
export class RedisAttemptChecks {
  readonly #redis: Redis

  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Of each attempt whether it counts no more: its job was ended by others, or claimed by others. */
  async lost(attempts: readonly { job: JobId; fence: number }[]): Promise<readonly boolean[]> {
    const states = await this.#read(attempts, 'fence')
    return attempts.map(({ fence }, index) => {
      const [stage = null, current] = states[index] ?? []
      return stage === null || stage === 'cancelled' || stage === 'expired' || Number(current) !== fence
    })
  }

  /** Of each hand-over whether its job runs by somebody's claim of this very hand-over. */
  async running(entries: readonly { job: JobId; hop: number }[]): Promise<readonly boolean[]> {
    const states = await this.#read(entries, 'hop')
    return entries.map(({ hop }, index) => {
      const [stage, current] = states[index] ?? []
      return stage === 'running' && Number(current) === hop
    })
  }

  async #read(jobs: readonly { job: JobId }[], field: 'fence' | 'hop'): Promise<(readonly (string | null)[])[]> {
    if (jobs.length === 0) return []
    const pipeline = this.#redis.pipeline()
    for (const { job } of jobs) pipeline.hmget(keys.job(job), 'stage', field)
    return (await executePipeline(pipeline)) as (string | null)[][]
  }
}
