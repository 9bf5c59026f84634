import assert from 'node:assert/strict'
import type { Redis } from 'ioredis'
import type { RateLimits } from '../core/budget.ts'
import type { JobId } from '../core/job.ts'
import {
  type Acquired,
  type Admission,
  type DuePermit,
  maxRetryAfterMs,
  type Permits,
  type RateLimiter,
} from '../core/rate-limit.ts'
import { type Priority, priorities } from '../core/vocabulary.ts'
import { keys } from './keys.ts'
import { permitScripts, rateScripts } from './limit-scripts.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'

/** Requests and tokens per minute on Redis; `core/rate-limit.ts` says what each method promises. */
export class RedisRateLimiter implements RateLimiter {
  readonly #run: RunScript<keyof typeof rateScripts>

  constructor(redis: Redis) {
    this.#run = defineScripts(redis, 'rate', rateScripts)
  }

  async admit(request: {
    job: JobId
    tenant: string
    limits: RateLimits
    tokens: number
    nowMs: number
  }): Promise<Admission> {
    const { job, tenant, tokens, nowMs } = request
    const { rpm, tpm } = request.limits
    requireCount(tokens)
    if (rpm === null && tpm === null) return { allowed: true }
    const reply = await this.#run(
      'admit',
      [keys.rate('requests', tenant), keys.rate('tokens', tenant), keys.estimate(job)],
      [rpm ?? '', tpm ?? '', tokens, nowMs],
    )
    const [refused, waitMs] = reply as [0 | 1 | 2, number]
    if (refused === 0) return { allowed: true }
    return {
      allowed: false,
      limit: refused === 1 ? 'requests' : 'tokens',
      perMinute: (refused === 1 ? rpm : tpm) ?? 0,
      retryAfterMs: waitMs < 0 ? null : Math.min(waitMs, maxRetryAfterMs),
    }
  }

  async settle(use: { job: JobId; tenant: string; tokens: number; nowMs: number }): Promise<void> {
    requireCount(use.tokens)
    const scriptKeys = [keys.rate('tokens', use.tenant), keys.estimate(use.job)]
    await this.#run('settleTokens', scriptKeys, [use.tokens, use.nowMs])
  }

  async release({ job, tenant, nowMs }: { job: JobId; tenant: string; nowMs: number }): Promise<void> {
    await this.#run('releaseTokens', [keys.rate('tokens', tenant), keys.estimate(job)], [nowMs])
  }
}

/** Wider than any time in milliseconds, so that a priority outweighs every wait. */
const priorityStep = 1e14

/** Permits on Redis; `core/rate-limit.ts` says what each method promises. Redis without Cluster. */
export class RedisPermits implements Permits {
  readonly #redis: Redis
  readonly #run: RunScript<keyof typeof permitScripts>
  readonly #leaseMs: number

  constructor({ redis, leaseMs }: { redis: Redis; leaseMs: number }) {
    this.#redis = redis
    this.#run = defineScripts(redis, 'permit', permitScripts)
    this.#leaseMs = leaseMs
  }

  async acquire(request: {
    job: JobId
    tenant: string
    limit: number
    priority: Priority
    nowMs: number
  }): Promise<Acquired> {
    const { job, tenant, limit, priority, nowMs } = request
    const place = priorities.indexOf(priority) * priorityStep + nowMs
    const reply = await this.#run('acquire', [], [job, tenant, limit, place, nowMs + this.#leaseMs])
    const [isGranted, ...wake] = reply as [0 | 1, ...JobId[]]
    return { kind: isGranted === 1 ? 'granted' : 'parked', wake }
  }

  async release(job: JobId, nowMs: number): Promise<readonly JobId[]> {
    return (await this.#run('release', [], [job, nowMs + this.#leaseMs])) as JobId[]
  }

  async check(job: JobId, nowMs: number): Promise<readonly JobId[]> {
    return (await this.#run('check', [], [job, nowMs + this.#leaseMs])) as JobId[]
  }

  async due(nowMs: number, limit: number): Promise<readonly DuePermit[]> {
    const found = this.#redis.zrangebyscore(keys.permitsDue, 0, nowMs, 'WITHSCORES', 'LIMIT', 0, limit)
    const rows = await translateRedisErrors(found)
    const permits: DuePermit[] = []
    for (let index = 0; index < rows.length; index += 2) {
      permits.push({ job: rows[index] as JobId, dueAtMs: Number(rows[index + 1]) })
    }
    return permits
  }

  async count(tenant: string): Promise<{ running: number; parked: number }> {
    const counts = [this.#redis.scard(keys.running(tenant)), this.#redis.zcard(keys.parked(tenant))]
    const [running = 0, parked = 0] = await translateRedisErrors(Promise.all(counts))
    return { running, parked }
  }
}

function requireCount(tokens: number): void {
  assert.ok(Number.isSafeInteger(tokens) && tokens >= 0, 'tokens are counted in whole numbers, 0 or more')
}
