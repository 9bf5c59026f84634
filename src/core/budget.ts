import type { JobId } from './job.ts'
import type { MicroUsd } from './pricing.ts'

export const budgetPeriods = ['hour', 'day', 'month', 'total'] as const
export type BudgetPeriod = (typeof budgetPeriods)[number]

/** Whom a budget counts: everything of the tenant, or only what came with one key, carries one tag, asks for one model. */
export interface BudgetScope {
  readonly tenant: string
  readonly key?: string
  readonly tag?: { readonly name: string; readonly value: string }
  readonly model?: string
}

/** A limit on spending. Every budget that a job falls under must have room for it. */
export interface Budget {
  /** Unique and stable: the counters are kept under it. */
  readonly id: string
  readonly scope: BudgetScope
  readonly limit: MicroUsd
  /** Crossing it sends `budget.alert` once per window; nothing is refused. Null: none. */
  readonly softLimit: MicroUsd | null
  readonly per: BudgetPeriod
  /** `calendar`: starts anew with the UTC hour, day or month. `rolling`: the last 60 minutes, 24 hours, 30 days. */
  readonly window: 'calendar' | 'rolling'
}

/** Limits on how much a tenant may ask for; null where there is none. */
export interface RateLimits {
  /** Requests and tokens per minute. */
  readonly rpm: number | null
  readonly tpm: number | null
  /** Jobs of the tenant that run at the same time. */
  readonly concurrency: number | null
}

/** What a job is counted under. `key` is the public id of an API key, never the key. */
export interface AccountHolder {
  readonly tenant: string
  readonly key: string
  readonly model: string
  readonly tags: Readonly<Record<string, string>>
}

export interface Refusal {
  readonly budget: string
  readonly per: BudgetPeriod
  readonly window: 'calendar' | 'rolling'
  readonly limit: MicroUsd
  readonly spent: MicroUsd
  readonly reserved: MicroUsd
  /** When there may be room again; null for a total. */
  readonly resetsAtMs: number | null
}

export type Reserved = { readonly kind: 'reserved' } | { readonly kind: 'refused'; readonly refusal: Refusal }

/**
 * Money held and spent. Every method is one atomic step and harmless when it is called again: `spent + reserved` of a
 * hard budget never exceeds its limit by what this port does, however many processes call it and die.
 */
export interface Accounts {
  /** Holds `amount` in every budget that counts the holder, or in none. Again for the same job: what is held stays. */
  reserve(request: { job: JobId; holder: AccountHolder; amount: MicroUsd; nowMs: number }): Promise<Reserved>
  /**
   * Books what an attempt cost, once per attempt id, in the windows in which its job's hold was made; with `isLast` the
   * rest of the hold is given back. Without a hold the cost is booked where it would be counted now.
   */
  settle(entry: {
    job: JobId
    attemptId: string
    holder: AccountHolder
    cost: MicroUsd
    isLast: boolean
    nowMs: number
  }): Promise<void>
  /** Gives back what a job still holds. */
  release(job: JobId, nowMs: number): Promise<void>
}
