import type { Redis } from 'ioredis'
import type { JobShredder, Shredded } from '../core/erasure.ts'
import type { JobId } from '../core/job.ts'
import { keys } from './keys.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'
import { shredScripts } from './shred-scripts.ts'

/** How many remainders one script looks at: some tenths of a millisecond. */
const sweptAtOnce = 50

/** Destroys jobs on Redis; `core/erasure.ts` says what each method promises. */
export class RedisShredder implements JobShredder {
  readonly #redis: Redis
  readonly #run: RunScript<keyof typeof shredScripts>

  constructor(redis: Redis) {
    this.#redis = redis
    this.#run = defineScripts(redis, 'shredder', shredScripts)
  }

  /** They leave in one packet, as all commands of one turn do. */
  shred(
    ids: readonly JobId[],
    tenant: string,
    { freesKey = false, record }: Parameters<JobShredder['shred']>[2] = {},
  ): Promise<readonly Shredded[]> {
    const nowMs = Date.now()
    const args = [nowMs, freesKey ? '1' : '', record ? JSON.stringify(record) : '']
    return Promise.all(
      ids.map(async (id) => {
        const reply = await this.#run('shred', [...keysOf(id), ...indexesOf(tenant)], [id, ...args])
        const [outcome, buried, cacheKey] = reply as [Shredded['outcome'], 0 | 1, string]
        return { outcome, wasDeadLetter: buried === 1, cacheKey: cacheKey === '' ? null : cacheKey }
      }),
    )
  }

  async sweep(tenant: string): Promise<number> {
    let swept = 0
    for (;;) {
      const reply = await this.#run('sweep', [keys.shredded(tenant), keys.records], [sweptAtOnce])
      const [seen, gone] = reply as [number, number]
      swept += gone
      // Those that must stay were put at the end: the next page would be others, or the same again.
      if (seen < sweptAtOnce || gone === 0) return swept
    }
  }

  countLeft(tenant: string, untilMs: number): Promise<number> {
    return translateRedisErrors(this.#redis.zcount(keys.shredded(tenant), '-inf', untilMs))
  }

  /** Lets the requests and masks of jobs that have ended expire together with their answers. */
  async retire(ids: readonly JobId[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#run('retire', [keys.job(id), keys.private(id)], [])))
  }

  /** Notes under which key the answer of a job is kept. False where the job is gone: then the answer must go as well. */
  async noteCached(id: JobId, cacheKey: string): Promise<boolean> {
    return (await this.#run('noteCached', [keys.job(id)], [cacheKey])) === 1
  }
}

/** In the order in which the script reads them. */
function keysOf(id: JobId): string[] {
  return [
    ...[keys.job(id), keys.private(id), keys.result(id), keys.events(id)],
    ...[keys.keptCall(id), keys.estimate(id), keys.hold(id)],
  ]
}

function indexesOf(tenant: string): string[] {
  return [
    ...[keys.tenantJobs(tenant), keys.deadLetters, keys.tenantDeadLetters(tenant)],
    ...[keys.shredded(tenant), keys.records],
  ]
}
