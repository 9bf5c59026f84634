import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import { type LeftCall, type LeftCalls, leftForMs } from '../core/left-call.ts'
import type { Logger } from '../core/telemetry.ts'
import { channels } from '../store/keys.ts'
import { parseLeftMessage, type RedisLeftCalls } from '../store/left-calls.ts'

/**
 * The left calls of all API processes, in the memory of each: a request that comes again may reach another process than
 * the first did, and one that does not must not pay for a look into Redis. What a broken connection swallows is read
 * from Redis when it is back.
 */
export class LeftBoard implements LeftCalls {
  readonly #subscriber: Redis
  readonly #store: RedisLeftCalls
  readonly #log: Logger
  readonly #now: () => number
  /** In the order in which they were left, by job. */
  readonly #calls = new Map<JobId, { readonly atMs: number; readonly call: LeftCall }>()
  readonly #jobs = new Map<string, Set<JobId>>()

  constructor(options: { subscriber: Redis; store: RedisLeftCalls; log: Logger; now: () => number }) {
    this.#subscriber = options.subscriber
    this.#store = options.store
    this.#log = options.log
    this.#now = options.now
  }

  async start(): Promise<void> {
    this.#subscriber.on('message', (channel: string, message: string) => {
      if (channel === channels.left) this.#hear(message)
    })
    await this.#listen()
    this.#subscriber.on('ready', () => {
      this.#listen().catch((error: unknown) => this.#log.debug({ err: error }, 'left calls could not be read'))
    })
  }

  get hasAny(): boolean {
    return this.#calls.size > 0
  }

  note(call: LeftCall): Promise<void> {
    return this.#store.note(call, this.#now())
  }

  async take(fingerprint: string): Promise<JobId | null> {
    this.#forgetOld()
    for (const job of [...(this.#jobs.get(fingerprint) ?? [])]) {
      const call = this.#remove(job)
      if (call && (await this.#store.claim(call))) return job
    }
    return null
  }

  returnTo(job: JobId): void {
    const call = this.#remove(job)
    if (!call) return
    this.#store.claim(call).catch((error: unknown) => this.#log.debug({ err: error, job }, 'a call stays left'))
  }

  keep(job: JobId): Promise<void> {
    return this.#store.keep(job)
  }

  isKept(job: JobId): Promise<boolean> {
    return this.#store.isKept(job)
  }

  async #listen(): Promise<void> {
    await this.#subscriber.subscribe(channels.left)
    for (const left of await this.#store.since(this.#now())) this.#add(left)
  }

  #hear(message: string): void {
    this.#forgetOld()
    const left = parseLeftMessage(message)
    if (left) this.#add(left)
  }

  #add(left: { atMs: number; call: LeftCall }): void {
    const { job, fingerprint } = left.call
    this.#remove(job)
    this.#calls.set(job, left)
    const jobs = this.#jobs.get(fingerprint)
    if (jobs) jobs.add(job)
    else this.#jobs.set(fingerprint, new Set([job]))
  }

  #remove(job: JobId): LeftCall | null {
    const left = this.#calls.get(job)
    if (!left) return null
    this.#calls.delete(job)
    const jobs = this.#jobs.get(left.call.fingerprint)
    jobs?.delete(job)
    if (jobs?.size === 0) this.#jobs.delete(left.call.fingerprint)
    return left.call
  }

  #forgetOld(): void {
    const oldestMs = this.#now() - leftForMs
    for (const [job, { atMs }] of this.#calls) {
      if (atMs > oldestMs) return
      this.#remove(job)
    }
  }
}
