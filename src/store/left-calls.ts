import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import { type LeftCall, type LeftCallSweep, leftForMs } from '../core/left-call.ts'
import { channels, keys } from './keys.ts'
import { translateRedisErrors } from './redis-errors.ts'

/** How long a job that has a second reader is remembered to have one: longer than any call is waited for. */
const keptMs = 60 * 60 * 1000

/**
 * Left calls on Redis: a sorted set by the time when they were left. Whoever removes a member has it, be it a retry or
 * the courier, so a call is attached to once or ended once.
 */
export class RedisLeftCalls implements LeftCallSweep {
  readonly #redis: Redis

  constructor(redis: Redis) {
    this.#redis = redis
  }

  async note(call: LeftCall, nowMs: number): Promise<void> {
    const member = encode(call)
    const noted = [
      this.#redis.zadd(keys.left, nowMs, member),
      this.#redis.publish(channels.left, `left ${nowMs} ${member}`),
    ]
    await translateRedisErrors(Promise.all(noted))
  }

  async claim(call: LeftCall): Promise<boolean> {
    return (await translateRedisErrors(this.#redis.zrem(keys.left, encode(call)))) === 1
  }

  /** Those that can still be come back to, each with the time when it was left. */
  async since(nowMs: number): Promise<readonly { atMs: number; call: LeftCall }[]> {
    const found = this.#redis.zrangebyscore(keys.left, nowMs - leftForMs, '+inf', 'WITHSCORES')
    const rows = await translateRedisErrors(found)
    const calls: { atMs: number; call: LeftCall }[] = []
    for (let index = 0; index < rows.length; index += 2) {
      calls.push({ atMs: Number(rows[index + 1]), call: decode(rows[index] ?? '') })
    }
    return calls
  }

  async leftBefore(beforeMs: number, limit: number): Promise<readonly LeftCall[]> {
    const found = this.#redis.zrangebyscore(keys.left, 0, beforeMs, 'LIMIT', 0, limit)
    return (await translateRedisErrors(found)).map(decode)
  }

  async keep(job: JobId): Promise<void> {
    await translateRedisErrors(this.#redis.set(keys.keptCall(job), '1', 'PX', keptMs))
  }

  async isKept(job: JobId): Promise<boolean> {
    return (await translateRedisErrors(this.#redis.exists(keys.keptCall(job)))) === 1
  }
}

/** A message of the channel; null for one of another form. */
export function parseLeftMessage(message: string): { atMs: number; call: LeftCall } | null {
  const [word, atMs, ...member] = message.split(' ')
  return word === 'left' ? { atMs: Number(atMs), call: decode(member.join(' ')) } : null
}

function encode({ job, fingerprint, endsJob }: LeftCall): string {
  return `${job} ${fingerprint} ${endsJob ? 'end' : 'keep'}`
}

function decode(member: string): LeftCall {
  const [job = '', fingerprint = '', then] = member.split(' ')
  return { job: job as JobId, fingerprint, endsJob: then === 'end' }
}
