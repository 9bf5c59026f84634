import { type Budget, type BudgetAlert, type BudgetState, budgetsFor, type Expense } from '../core/budget.ts'
import { bucketAt, bucketLeavesAtMs, bucketsOf, oldestBucketAt, windowOf } from '../core/budget-window.ts'
import type { MicroUsd } from '../core/pricing.ts'
import { keys } from './keys.ts'

/** Where a budget counts at a moment, as the scripts read it: `<bucketMs> <count> <endsAtMs> <key>`. */
export function encodePlace(budget: Budget, nowMs: number): string {
  const { id, endsAtMs } = windowOf(budget, nowMs)
  const { bucketMs, count } = bucketsOf(budget) ?? { bucketMs: 0, count: 0 }
  return `${bucketMs} ${count} ${endsAtMs ?? 0} ${keys.budget(budget.id, id)}`
}

/** What an alert says besides the moment; the script closes the object. */
export function encodeAlertFacts({ id, scope, per, window, limit, softLimit }: Budget): string {
  return JSON.stringify({ budget: id, tenant: scope.tenant, per, window, limit, softLimit }).slice(0, -1)
}

export function decodeAlert(id: string, row: string): BudgetAlert {
  return { id, ...(JSON.parse(row) as Omit<BudgetAlert, 'id'>) }
}

/** Reads a counter without changing it: what has left a rolling window may still be in there. */
export function decodeState(budget: Budget, fields: Readonly<Record<string, string>>, nowMs: number): BudgetState {
  const reserved = Number(fields.reserved ?? 0)
  const rolling = bucketsOf(budget)
  const { startsAtMs, endsAtMs } = windowOf(budget, nowMs)
  if (!rolling) return { budget, spent: Number(fields.spent ?? 0), reserved, startsAtMs, resetsAtMs: endsAtMs }
  const counting = Object.entries(fields)
    .map(([name, amount]) => ({ bucket: Number(name), amount: Number(amount) }))
    .filter(({ bucket }) => bucket >= oldestBucketAt(rolling, nowMs))
  const spent = counting.reduce((sum, { amount }) => sum + amount, 0)
  const last = counting.length === 0 ? null : Math.max(...counting.map(({ bucket }) => bucket))
  return { budget, spent, reserved, startsAtMs, resetsAtMs: last === null ? null : bucketLeavesAtMs(rolling, last) }
}

/** A counter to be written anew. */
export interface CounterSum {
  readonly budget: Budget
  /** The key, and all that scripts need to know. */
  readonly counter: string
  readonly place: string
  spent: MicroUsd
  /** By number; empty for a calendar window. */
  readonly buckets: Map<number, MicroUsd>
}

/** Adds up expenses in every window that is still counted or was until lately. */
export async function sumExpenses(
  budgets: readonly Budget[],
  expenses: AsyncIterable<Expense>,
  { nowMs, keptMs }: { nowMs: number; keptMs: number },
): Promise<CounterSum[]> {
  const sums = new Map<string, CounterSum>()
  for await (const { holder, cost, atMs } of expenses) {
    if (cost === 0) continue
    for (const budget of budgetsFor(budgets, holder)) {
      const rolling = bucketsOf(budget)
      const bucket = rolling && bucketAt(rolling, atMs)
      if (rolling && bucket !== null && bucket < oldestBucketAt(rolling, nowMs)) continue
      const { id, endsAtMs } = windowOf(budget, atMs)
      if (endsAtMs !== null && endsAtMs + keptMs <= nowMs) continue
      const counter = keys.budget(budget.id, id)
      const place = encodePlace(budget, atMs)
      const sum = sums.get(counter) ?? { budget, counter, place, spent: 0, buckets: new Map() }
      sums.set(counter, sum)
      sum.spent += cost
      if (bucket !== null) sum.buckets.set(bucket, (sum.buckets.get(bucket) ?? 0) + cost)
    }
  }
  return [...sums.values()]
}
