import { type AccountHolder, type Budget, budgetsFor } from '../../src/core/budget.ts'
import { bucketAt, bucketLeavesAtMs, bucketsOf, windowOf } from '../../src/core/budget-window.ts'

/** What the accounts promise, said in the simplest way: every sum is added up anew whenever it is asked for. */
export class ModelAccounts {
  readonly #budgets: readonly Budget[]
  readonly #expenses: { budget: string; window: string; bucket: number | null; cost: number }[] = []
  readonly #holds = new Map<string, { left: number; windows: Map<string, string> }>()
  readonly #attempts = new Set<string>()

  constructor(budgets: readonly Budget[]) {
    this.#budgets = budgets
  }

  reserve(job: string, holder: AccountHolder, amount: number, nowMs: number): readonly string[] {
    const counting = budgetsFor(this.#budgets, holder)
    if (this.#holds.has(job)) return []
    const refusing = counting.filter((budget) => {
      const { spent, reserved } = this.state(budget, nowMs)
      return spent + reserved + amount > budget.limit
    })
    if (refusing.length > 0) return refusing.map(({ id }) => id)
    if (counting.length > 0) {
      this.#holds.set(job, {
        left: amount,
        windows: new Map(counting.map((each) => [each.id, windowOf(each, nowMs).id])),
      })
    }
    return []
  }

  /** Returns the overrun. */
  settle(job: string, attempt: string, holder: AccountHolder, cost: number, isLast: boolean, nowMs: number): number {
    const hold = this.#holds.get(job)
    const due = this.#attempts.has(attempt) ? 0 : cost
    const counting = budgetsFor(this.#budgets, holder)
    if (counting.length === 0) return 0
    if (cost > 0) this.#attempts.add(attempt)
    for (const budget of counting) {
      const rolling = bucketsOf(budget)
      this.#expenses.push({
        budget: budget.id,
        window: hold?.windows.get(budget.id) ?? windowOf(budget, nowMs).id,
        bucket: rolling && bucketAt(rolling, nowMs),
        cost: due,
      })
    }
    const used = Math.min(hold?.left ?? 0, due)
    if (hold) hold.left -= used
    if (isLast) this.#holds.delete(job)
    return due - used
  }

  /** Returns what was given back. */
  release(job: string): number {
    const left = this.#holds.get(job)?.left ?? 0
    this.#holds.delete(job)
    return left
  }

  state(budget: Budget, nowMs: number): { spent: number; reserved: number } {
    const window = windowOf(budget, nowMs).id
    const rolling = bucketsOf(budget)
    let spent = 0
    for (const { budget: id, window: where, bucket, cost } of this.#expenses) {
      if (id !== budget.id || where !== window) continue
      if (rolling && bucket !== null && bucketLeavesAtMs(rolling, bucket) <= nowMs) continue
      spent += cost
    }
    let reserved = 0
    for (const { left, windows } of this.#holds.values()) if (windows.get(budget.id) === window) reserved += left
    return { spent, reserved }
  }
}
