import type { Redis } from 'ioredis'
import { type FailedCall, type FailedCalls, failedForMs } from '../core/failed-call.ts'
import type { JobId } from '../core/job.ts'
import type { Logger } from '../core/telemetry.ts'
import { channels } from '../store/keys.ts'
import { translateRedisErrors } from '../store/redis-errors.ts'

/** While an upstream is away failures come by the thousand; those beyond this are not told again. */
const maxKept = 1_000

/**
 * The calls that failed a moment ago, of all API processes, in the memory of each and nowhere else: one that is missed,
 * because a process has just started or Redis was away, costs another job and nothing more.
 */
export class FailureBoard implements FailedCalls {
  readonly #subscriber: Redis
  readonly #redis: Redis
  readonly #log: Logger
  readonly #now: () => number
  /** In the order in which they were heard of. */
  readonly #calls = new Map<JobId, FailedCall>()
  readonly #jobs = new Map<string, JobId>()

  constructor(options: { subscriber: Redis; redis: Redis; log: Logger; now: () => number }) {
    this.#subscriber = options.subscriber
    this.#redis = options.redis
    this.#log = options.log
    this.#now = options.now
  }

  async start(): Promise<void> {
    this.#subscriber.on('message', (channel: string, message: string) => {
      const call = channel === channels.left ? decode(message) : null
      if (call) this.#add(call)
    })
    const listen = () => this.#subscriber.subscribe(channels.left)
    await listen()
    this.#subscriber.on('ready', () => {
      listen().catch((error: unknown) => this.#log.debug({ err: error }, 'failed calls are not heard of'))
    })
  }

  get hasAny(): boolean {
    return this.#calls.size > 0
  }

  get isFull(): boolean {
    this.#forgetOld()
    return this.#calls.size >= maxKept
  }

  has(job: JobId): boolean {
    return this.#calls.has(job)
  }

  async note(call: FailedCall): Promise<void> {
    if (!this.#add(call)) return
    await translateRedisErrors(this.#redis.publish(channels.left, encode(call)))
  }

  find(fingerprint: string): FailedCall | null {
    this.#forgetOld()
    const job = this.#jobs.get(fingerprint)
    return (job && this.#calls.get(job)) ?? null
  }

  /** False where there is no room. This process hears its own messages too: the second time changes nothing. */
  #add(call: FailedCall): boolean {
    if (this.isFull || this.#calls.has(call.job)) return false
    // Whoever ended the job may have a clock that is ahead.
    this.#calls.set(call.job, { ...call, atMs: Math.min(call.atMs, this.#now()) })
    this.#jobs.set(call.fingerprint, call.job)
    return true
  }

  #forgetOld(): void {
    const oldestMs = this.#now() - failedForMs
    for (const [job, { atMs, fingerprint }] of this.#calls) {
      if (atMs > oldestMs) return
      this.#calls.delete(job)
      if (this.#jobs.get(fingerprint) === job) this.#jobs.delete(fingerprint)
    }
  }
}

function encode({ job, fingerprint, atMs, factsJson }: FailedCall): string {
  return `failed ${atMs} ${job} ${fingerprint} ${factsJson}`
}

/** Null for a message of another form. */
function decode(message: string): FailedCall | null {
  const match = /^failed (\d+) (\S+) (\S+) (\{.*)$/s.exec(message)
  if (!match) return null
  const [, atMs, job = '', fingerprint = '', factsJson = ''] = match
  return { job: job as JobId, fingerprint, atMs: Number(atMs), factsJson }
}
