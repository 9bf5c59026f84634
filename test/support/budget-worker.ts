import { setTimeout as sleep } from 'node:timers/promises'
import type { AccountHolder, Budget } from '../../src/core/budget.ts'
import type { JobId } from '../../src/core/job.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisAccounts } from '../../src/store/redis-accounts.ts'
import { Seeded } from './seeded.ts'

/**
 * A process that spends money and may die at any moment: run with the address of Redis, a name, a seed, and `worker` or
 * `recorder`. A worker holds money for jobs, and leaves records of what they cost; a recorder settles them. Everything
 * else that a broker does is a list and a hash here.
 */
export const leaseMs = 400
export const limit = 1_000_000
export const holder: AccountHolder = { tenant: 'acme', key: 'main', model: 'small', tags: { team: 'search' } }

const scope = { tenant: 'acme' }
/** The same dollar thrice: in total, in the last 30 days, and for one tag. */
export const budgets: readonly Budget[] = [
  { id: 'acme/total', scope, limit, softLimit: 500_000, per: 'total', window: 'calendar' },
  { id: 'acme/rolling-month', scope, limit, softLimit: null, per: 'month', window: 'rolling' },
  {
    id: 'acme/total/tag=team=search',
    scope: { ...scope, tag: { name: 'team', value: 'search' } },
    limit,
    softLimit: null,
    per: 'total',
    window: 'calendar',
  },
]

export const names = {
  waiting: 'test:waiting',
  taken: (worker: string) => `test:taken:${worker}`,
  /** By job: how many of its attempts were recorded, and when it ended. */
  steps: 'test:steps',
  ended: 'test:ended',
  refused: 'test:refused',
  records: 'test:records',
  ledger: 'test:ledger',
} as const

export interface JobCase {
  readonly amount: number
  /** Of each attempt. Together no more than the amount. */
  readonly costs: readonly number[]
  /** Ends without a record, as a job whose process died in the last moment: only the reconciler gives its money back. */
  readonly isAbandoned: boolean
}

/** What becomes of a job; its number alone decides. */
export function caseOf(number: number): JobCase {
  const random = (salt: number) => ((number * 2654435761 + salt * 40503) >>> 7) % 1000
  const amount = 400 + random(1) * 2
  const share = 0.5 + random(2) / 2000
  const first = Math.floor(amount * share * 0.9)
  const costs = random(3) < 300 ? [first, Math.floor((amount - first) * share)] : [Math.floor(amount * share)]
  return { amount, costs, isAbandoned: random(4) < 50 }
}

const jobsAtOnce = 6

async function main([url = '', name = '', seed = '0', role = 'worker']: string[]): Promise<void> {
  const redis = connectRedis(url, 'worker')
  const accounts = new RedisAccounts({ redis, budgets, leaseMs })
  const random = new Seeded(name, Number(seed))
  const taken = names.taken(name)
  // There is one recorder, and it must keep pace.
  const slownessMs = role === 'recorder' ? 3 : 25

  /** Waits for Redis, or dies when the command is under way, or answered and nothing made of it yet. */
  const perilous = async <Reply>(command: Promise<Reply>): Promise<Reply> => {
    const chance = random.next()
    if (chance < 0.002) await sleep(random.between(0, 2))
    if (chance < 0.002) process.kill(process.pid, 'SIGKILL')
    const reply = await command
    if (chance > 0.998) process.kill(process.pid, 'SIGKILL')
    await sleep(random.between(0, slownessMs))
    return reply
  }
  const end = (job: JobId) => redis.multi().hset(names.ended, job, Date.now()).lrem(taken, 1, job)

  async function runJob(job: JobId): Promise<void> {
    if (await redis.hexists(names.ended, job)) {
      await redis.lrem(taken, 1, job)
      return
    }
    const { amount, costs, isAbandoned } = caseOf(Number(job.slice(4)))
    const step = Number((await redis.hget(names.steps, job)) ?? 0)
    const reserved = await perilous(accounts.reserve({ job, holder, amount, nowMs: Date.now() }))
    if (reserved.kind === 'refused') {
      await perilous(end(job).sadd(names.refused, job).exec())
      return
    }
    if (isAbandoned) {
      await perilous(end(job).exec())
      return
    }
    for (const [index, cost] of costs.entries()) {
      if (index < step) continue
      const record = ['job', job, 'attempt', `${job}.${index + 1}`, 'cost', cost]
      await perilous(
        redis
          .multi()
          .hincrby(names.steps, job, 1)
          .xadd(names.records, '*', ...record)
          .exec(),
      )
    }
    await perilous(end(job).xadd(names.records, '*', 'job', job).exec())
  }

  async function work(): Promise<void> {
    for (;;) {
      const job = (await redis.lmove(names.waiting, taken, 'LEFT', 'RIGHT')) as JobId | null
      if (job) await runJob(job)
      else await sleep(20)
    }
  }

  /** A record stays until its row is in the ledger, so a recorder that dies leaves it to the next one. */
  async function record(): Promise<void> {
    for (;;) {
      const entries = await redis.xrange(names.records, '-', '+', 'COUNT', 20)
      for (const [id, [, job, , attemptId, , cost]] of entries) {
        const entry = { job: job as JobId, nowMs: Date.now() }
        if (attemptId === undefined) {
          await perilous(accounts.release(entry.job, entry.nowMs))
          await redis.xdel(names.records, id)
        } else {
          await perilous(accounts.settle({ ...entry, attemptId, holder, cost: Number(cost), isLast: false }))
          await perilous(
            redis
              .multi()
              .hset(names.ledger, attemptId, cost ?? '')
              .xdel(names.records, id)
              .exec(),
          )
        }
      }
      if (entries.length === 0) await sleep(20)
    }
  }

  if (role === 'recorder') await record()
  else await Promise.all(Array.from({ length: jobsAtOnce }, work))
}

if (import.meta.main) await main(process.argv.slice(2))
