import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import { encodeEntry } from '../core/job-event.ts'
import type { QueuePlace } from '../core/queue-place.ts'
import type { ResponseStore } from '../core/responses/response-store.ts'
import { keys } from './keys.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { RedisShredder } from './redis-shredder.ts'
import { responseScripts } from './response-scripts.ts'
import { defineScripts, type RunScript } from './scripts.ts'
import type { Sealer } from './sealing.ts'

/** What responses need of Redis beside the job store; `core/responses/response-store.ts` says what each method promises. */
export class RedisResponseStore implements ResponseStore {
  readonly #redis: Redis
  readonly #sealer: Sealer
  readonly #shredder: RedisShredder
  readonly #run: RunScript<keyof typeof responseScripts>

  constructor({ redis, sealer }: { redis: Redis; sealer: Sealer }) {
    this.#redis = redis
    this.#sealer = sealer
    this.#shredder = new RedisShredder(redis)
    this.#run = defineScripts(redis, 'response', responseScripts)
  }

  async readRequest(id: JobId): Promise<string | null> {
    const sealed = await translateRedisErrors(this.#redis.hget(keys.private(id), 'request'))
    return sealed === null ? null : this.#sealer.open(sealed, { job: id, field: 'request' })
  }

  async tellPlace(id: JobId, { position, etaSeconds }: QueuePlace): Promise<void> {
    const entry = encodeEntry('job.queued', JSON.stringify({ position, eta_seconds: etaSeconds }))
    await this.#run('tellPlace', [keys.job(id)], [id, entry])
  }

  async shred(id: JobId, tenant: string): Promise<boolean> {
    const [shredded] = await this.#shredder.shred([id], tenant)
    return shredded?.outcome === 'destroyed'
  }
}
