import assert from 'node:assert/strict'
import type { Redis } from 'ioredis'
import {
  type AccountHolder,
  type Accounts,
  type Budget,
  type BudgetAlert,
  type BudgetState,
  budgetsFor,
  type Expense,
  type ExpiredHold,
  type Reserved,
  type Settled,
} from '../core/budget.ts'
import { windowOf } from '../core/budget-window.ts'
import type { JobId } from '../core/job.ts'
import type { MicroUsd } from '../core/pricing.ts'
import { accountScripts, counterKeptMs } from './account-scripts.ts'
import { decodeAlert, decodeState, encodeAlertFacts, encodePlace, sumExpenses } from './budget-counters.ts'
import { keys } from './keys.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'

export interface AccountsOptions {
  readonly redis: Redis
  readonly budgets: readonly Budget[]
  /** How long a hold is left alone. Then somebody looks whether its job still runs. */
  readonly leaseMs: number
}

/** The accounts on Redis; `core/budget.ts` says what each method promises. Redis without Cluster. */
export class RedisAccounts implements Accounts {
  readonly #redis: Redis
  readonly #run: RunScript<keyof typeof accountScripts>
  readonly #leaseMs: number
  readonly #budgets: readonly Budget[]
  readonly #byTenant: ReadonlyMap<string, readonly Budget[]>

  constructor({ redis, budgets, leaseMs }: AccountsOptions) {
    this.#redis = redis
    this.#run = defineScripts(redis, 'account', accountScripts)
    this.#leaseMs = leaseMs
    this.#budgets = budgets
    this.#byTenant = Map.groupBy(budgets, ({ scope }) => scope.tenant)
  }

  async reserve(request: { job: JobId; holder: AccountHolder; amount: MicroUsd; nowMs: number }): Promise<Reserved> {
    const { job, holder, amount, nowMs } = request
    requireAmount(amount)
    const budgets = this.#budgetsFor(holder)
    if (budgets.length === 0) return { kind: 'reserved', amount }
    const reply = await this.#run(
      'reserve',
      [keys.hold(job), keys.holds],
      [
        job,
        amount,
        nowMs,
        nowMs + this.#leaseMs,
        ...budgets.flatMap((budget) => [budget.id, budget.limit, encodePlace(budget, nowMs)]),
      ],
    )
    if ((reply as [number, unknown])[0] === 1) return { kind: 'reserved', amount: (reply as [1, number])[1] }
    const [, id, spent, reserved, resetsAtMs] = reply as [0, string, number, number, number]
    const budget = budgets.find((each) => each.id === id)
    assert.ok(budget)
    const { per, window, limit } = budget
    return {
      kind: 'refused',
      refusal: {
        budget: id,
        per,
        window,
        limit,
        spent,
        reserved,
        amount,
        resetsAtMs: resetsAtMs < 0 ? null : resetsAtMs,
      },
    }
  }

  async settle(entry: {
    job: JobId
    attemptId: string
    holder: AccountHolder
    cost: MicroUsd
    isLast: boolean
    nowMs: number
  }): Promise<Settled> {
    const { job, attemptId, holder, cost, isLast, nowMs } = entry
    requireAmount(cost)
    const budgets = this.#budgetsFor(holder)
    // A hold in budgets that the configuration no longer has is given back when its lease is over.
    if (budgets.length === 0) return { isNew: true, overrun: 0, alerts: [] }
    const reply = await this.#run(
      'settle',
      [keys.hold(job), keys.holds, keys.budgetAlerts],
      [
        job,
        attemptId,
        cost,
        isLast ? '1' : '',
        nowMs,
        ...budgets.flatMap((budget) => [
          budget.id,
          encodePlace(budget, nowMs),
          budget.softLimit ?? '',
          encodeAlertFacts(budget),
        ]),
      ],
    )
    const [isNew, overrun, ...rows] = reply as [number, number, ...string[]]
    const alerts: BudgetAlert[] = []
    for (let index = 0; index < rows.length; index += 2) {
      alerts.push(decodeAlert(rows[index] ?? '', rows[index + 1] ?? ''))
    }
    return { isNew: isNew === 1, overrun, alerts }
  }

  async release(job: JobId, nowMs: number): Promise<MicroUsd> {
    return (await this.#run('release', [keys.hold(job), keys.holds], [job, nowMs])) as MicroUsd
  }

  async extend(job: JobId, nowMs: number): Promise<boolean> {
    return (await this.#run('extend', [keys.hold(job), keys.holds], [job, nowMs, nowMs + this.#leaseMs])) === 1
  }

  async expiredHolds(nowMs: number, limit: number): Promise<readonly ExpiredHold[]> {
    const found = this.#redis.zrangebyscore(keys.holds, 0, nowMs, 'WITHSCORES', 'LIMIT', 0, limit)
    const rows = await translateRedisErrors(found)
    const holds: ExpiredHold[] = []
    for (let index = 0; index < rows.length; index += 2) {
      holds.push({ job: rows[index] as JobId, expiredAtMs: Number(rows[index + 1]) })
    }
    return holds
  }

  async alerts(limit: number): Promise<readonly BudgetAlert[]> {
    const rows = await translateRedisErrors(this.#redis.hgetall(keys.budgetAlerts))
    return Object.entries(rows)
      .map(([id, row]) => decodeAlert(id, row))
      .sort((left, right) => left.atMs - right.atMs)
      .slice(0, limit)
  }

  async alertHandled(alert: BudgetAlert): Promise<void> {
    await translateRedisErrors(this.#redis.hdel(keys.budgetAlerts, alert.id))
  }

  /** Where budgets stand: those with these ids, or all. Ids that the configuration does not have are left out. */
  async inspect(ids: readonly string[] | null, nowMs: number): Promise<BudgetState[]> {
    const budgets = ids === null ? this.#budgets : this.#budgets.filter(({ id }) => ids.includes(id))
    const reads = budgets.map((budget) => this.#redis.hgetall(keys.budget(budget.id, windowOf(budget, nowMs).id)))
    const counters = await translateRedisErrors(Promise.all(reads))
    return budgets.map((budget, index) => decodeState(budget, counters[index] ?? {}, nowMs))
  }

  /**
   * Writes every counter anew from the ledger, and what is reserved from the holds, after Redis has lost or an operator
   * has damaged them. Nothing may be settled meanwhile: stop the recorder. Reserving may go on. The ledger does not say
   * when an attempt's money was held, so each counts at the time that the caller gives.
   */
  async rebuild(expenses: AsyncIterable<Expense>, nowMs: number): Promise<void> {
    const sums = await sumExpenses(this.#budgets, expenses, { nowMs, keptMs: counterKeptMs })
    for (const { budget, place, spent, buckets } of sums) {
      const parts = [...buckets].sort(([left], [right]) => left - right).flat()
      await this.#run('restore', [], [place, budget.softLimit ?? '', nowMs, spent, ...parts])
    }
    const written = sums.map(({ counter }) => counter)
    const restored = new Set(written)
    const others = (await this.#counters()).filter((counter) => !restored.has(counter))
    const prefix = keys.hold('' as JobId)
    await this.#run('recount', [keys.holds, ...written, ...others], [prefix, nowMs, written.length])
  }

  async #counters(): Promise<string[]> {
    const found = new Set<string>()
    const pattern = keys.budget('*', '*')
    for await (const batch of this.#redis.scanStream({ match: pattern, count: 1_000 }) as AsyncIterable<string[]>) {
      for (const key of batch) found.add(key)
    }
    return [...found]
  }

  #budgetsFor(holder: AccountHolder): Budget[] {
    return budgetsFor(this.#byTenant.get(holder.tenant) ?? [], holder)
  }
}

/** A fraction or NaN would spoil a counter for good. */
function requireAmount(amount: MicroUsd): void {
  assert.ok(Number.isSafeInteger(amount) && amount >= 0, 'an amount is a whole number of micro-dollars, 0 or more')
}
