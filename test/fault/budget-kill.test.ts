import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import type { JobId, JobRecord } from '../../src/core/job.ts'
import { reconcileAccounts } from '../../src/pipeline/reconcile-accounts.ts'
import { keys } from '../../src/store/keys.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisAccounts } from '../../src/store/redis-accounts.ts'
import { watchBudgets } from '../support/budget-watcher.ts'
import { budgets, caseOf, leaseMs, limit, names } from '../support/budget-worker.ts'
import { eventually } from '../support/eventually.ts'
import { silentLog } from '../support/mortal.ts'
import { startTestRedis } from '../support/redis.ts'
import { Seeded } from '../support/seeded.ts'

const jobs = 1_000
const kills = 20
const program = fileURLToPath(new URL('../support/budget-worker.ts', import.meta.url))
/** Later than any lease and any margin for clocks. */
const muchLaterMs = 60_000

const counters = [
  keys.budget('acme/total', 'total'),
  keys.budget('acme/rolling-month', 'rolling'),
  keys.budget('acme/total/tag=team=search', 'total'),
]

it('spends and holds no micro-dollar above $1 for 1,000 jobs, whichever processes die', async () => {
  const random = new Seeded('budgets')
  await using server = await startTestRedis()
  const redis = connectRedis(server.url, 'worker')
  const accounts = new RedisAccounts({ redis, budgets, leaseMs })
  await redis.rpush(names.waiting, ...Array.from({ length: jobs }, (_, number) => `job_${number}`))

  const watcher = watchBudgets(redis, counters)
  const processes = ['one', 'two', 'three', 'four', 'recorder'].map(
    (name) => new Victim(redis, server.url, name, random),
  )
  try {
    const housekeeping = keepHouse(redis, accounts)
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(random.between(20, 400))
      await processes[random.between(0, processes.length - 1)]?.kill()
    }
    await eventually('all jobs ended and recorded', () => isDone(redis), 90_000)
    await housekeeping.stop()
  } finally {
    await Promise.all(processes.map((each) => each.end()))
  }
  const { samples, highest } = await watcher.stop()

  // What is held now was left behind by the dead and by abandoned jobs.
  const left = await accounts.inspect(null, Date.now())
  const nowMs = Date.now() + muchLaterMs
  await reconcileAccounts({ accounts, store: storeOf(redis), recordedUpToMs: nowMs, nowMs, log: silentLog })

  const ledger = await redis.hgetall(names.ledger)
  const sum = Object.values(ledger).reduce((total, cost) => total + Number(cost), 0)
  const deaths = processes.reduce((total, each) => total + each.deaths, 0)
  const refused = await redis.scard(names.refused)
  console.log(
    `${deaths} deaths, ${samples} samples, highest ${highest}, spent ${sum} in ${Object.keys(ledger).length} attempts, ` +
      `${refused} jobs refused, ${left[0]?.reserved} left to the reconciler`,
  )
  expect(highest).toBeLessThanOrEqual(limit)
  for (const { spent, reserved } of await accounts.inspect(null, nowMs))
    expect({ spent, reserved }).toEqual({ spent: sum, reserved: 0 })
  expect(await redis.zcard(keys.holds)).toBe(0)
  expect(await redis.hlen(keys.budgetAlerts)).toBe(1)
  // Every attempt of a job that was let in is in the ledger at its price, so nothing was lost on the way either.
  expect(ledger).toEqual(await expectedLedger(redis))
  // It was close: there was more to spend than the budget has, and it was all but used up at some moment.
  expect(refused).toBeGreaterThan(0)
  expect(highest).toBeGreaterThan(limit * 0.95)
  expect(deaths).toBeGreaterThanOrEqual(kills)
  redis.disconnect()
}, 180_000)

/** A process that is started again whenever it dies, and then finds its unfinished jobs waiting. */
class Victim {
  deaths = 0
  readonly #redis: Redis
  readonly #url: string
  readonly #name: string
  readonly #random: Seeded
  #child: ChildProcess
  #isOver = false

  constructor(redis: Redis, url: string, name: string, random: Seeded) {
    this.#redis = redis
    this.#url = url
    this.#name = name
    this.#random = random
    this.#child = this.#spawn()
  }

  async kill(): Promise<void> {
    const child = this.#child
    const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
    child.kill('SIGKILL')
    await exited
  }

  async end(): Promise<void> {
    this.#isOver = true
    await this.kill()
  }

  #spawn(): ChildProcess {
    const role = this.#name === 'recorder' ? 'recorder' : 'worker'
    const words = [program, this.#url, this.#name, String(this.#random.between(0, 2 ** 31)), role]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('exit', () => {
      if (this.#isOver) return
      this.deaths += 1
      void this.#handBack().then(() => {
        if (!this.#isOver) this.#child = this.#spawn()
      })
    })
    return child
  }

  async #handBack(): Promise<void> {
    while (await this.#redis.lmove(names.taken(this.#name), names.waiting, 'LEFT', 'LEFT')) {}
  }
}

/** The reconciler at work while jobs run, which must not take from the living. */
function keepHouse(redis: Redis, accounts: RedisAccounts): { stop(): Promise<void> } {
  let isOver = false
  const loop = async () => {
    while (!isOver) {
      const [oldest] = await redis.xrange(names.records, '-', '+', 'COUNT', 1)
      const recordedUpToMs = oldest ? Number.parseInt(oldest[0], 10) : Date.now()
      await reconcileAccounts({ accounts, store: storeOf(redis), recordedUpToMs, nowMs: Date.now(), log: silentLog })
      await sleep(100)
    }
  }
  const keeping = loop()
  return {
    async stop() {
      isOver = true
      await keeping
    },
  }
}

function storeOf(redis: Redis): { read(id: JobId): Promise<JobRecord> } {
  return {
    async read(id) {
      const endedAt = await redis.hget(names.ended, id)
      return { id, finishedAtMs: endedAt === null ? null : Number(endedAt) } as JobRecord
    },
  }
}

async function isDone(redis: Redis): Promise<boolean> {
  return (await redis.hlen(names.ended)) === jobs && (await redis.xlen(names.records)) === 0
}

async function expectedLedger(redis: Redis): Promise<Record<string, string>> {
  const refused = new Set(await redis.smembers(names.refused))
  const rows: Record<string, string> = {}
  for (let number = 0; number < jobs; number += 1) {
    const { costs, isAbandoned } = caseOf(number)
    if (isAbandoned || refused.has(`job_${number}`)) continue
    for (const [index, cost] of costs.entries()) rows[`job_${number}.${index + 1}`] = String(cost)
  }
  return rows
}
