import type { JobId } from './job.ts'
import type { MicroUsd } from './pricing.ts'

export const budgetPeriods = ['hour', 'day', 'month', 'total'] as const
export type BudgetPeriod = (typeof budgetPeriods)[number]

/** Whom a budget counts: everything of the tenant, or only what came with one key, carries one tag, asks for one model. */
interface BudgetScope {
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
  /** Spending so much sends `budget.alert` once per window; nothing is refused. Null: none. */
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
  /** What was to be held. */
  readonly amount: MicroUsd
  /** When there may be room again; null where that is never: a total, or an amount above the limit. */
  readonly resetsAtMs: number | null
}

/** `amount` is what the job holds now: what was asked for, or what it has held since an earlier call. */
export type Reserved =
  | { readonly kind: 'reserved'; readonly amount: MicroUsd }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** A soft limit was reached; it is reported once per window. */
export interface BudgetAlert {
  /** Unique, and the same however often the alert is read: what a webhook id is made of. */
  readonly id: string
  readonly budget: string
  readonly tenant: string
  readonly per: BudgetPeriod
  readonly window: 'calendar' | 'rolling'
  readonly limit: MicroUsd
  readonly softLimit: MicroUsd
  readonly spent: MicroUsd
  readonly atMs: number
}

export interface Settled {
  /** False when this attempt had been booked before; then nothing was booked now. */
  readonly isNew: boolean
  /** What the attempt cost beyond what was held for it: by so much a budget may now be overdrawn. */
  readonly overrun: MicroUsd
  /** Soft limits that were reached by it. They wait in `Accounts.alerts` as well. */
  readonly alerts: readonly BudgetAlert[]
}

/** Where a budget stands. */
export interface BudgetState {
  readonly budget: Budget
  readonly spent: MicroUsd
  readonly reserved: MicroUsd
  readonly startsAtMs: number | null
  /** When all that is spent now has left the window; null for a total, and for a rolling window without spending. */
  readonly resetsAtMs: number | null
}

/** What counters are rebuilt from: an attempt of the ledger. */
export interface Expense {
  readonly holder: AccountHolder
  readonly cost: MicroUsd
  readonly atMs: number
}

/**
 * Money held and spent. Every method is one atomic step and harmless when it is called again: `spent + reserved` of a
 * hard budget never exceeds its limit by what this port does, however many processes call it and die.
 */
export interface Accounts {
  /** Holds `amount` in every budget that counts the holder, or in none. Again for the same job: what is held stays. */
  reserve(request: { job: JobId; holder: AccountHolder; amount: MicroUsd; nowMs: number }): Promise<Reserved>
  /**
   * Books what an attempt cost, once per attempt id; with `isLast` the rest of the hold is given back. A calendar window
   * is the one in which the hold was made, a rolling one counts from `nowMs` on. Without a hold the cost is booked
   * where it would be counted now. A cost above what is held is booked as it is.
   */
  settle(entry: {
    job: JobId
    attemptId: string
    holder: AccountHolder
    cost: MicroUsd
    isLast: boolean
    nowMs: number
  }): Promise<Settled>
  /** Gives back what a job still holds. Resolves with how much that was. */
  release(job: JobId, nowMs: number): Promise<MicroUsd>
  /** Keeps a hold for another lease. False when the job holds nothing. */
  extend(job: JobId, nowMs: number): Promise<boolean>
  /** Holds whose lease is over, oldest first. */
  expiredHolds(nowMs: number, limit: number): Promise<readonly ExpiredHold[]>
  /** Alerts that nobody has handled yet, oldest first. */
  alerts(limit: number): Promise<readonly BudgetAlert[]>
  /** Takes an alert off the list, once it is on its way. */
  alertHandled(alert: BudgetAlert): Promise<void>
}

export interface ExpiredHold {
  readonly job: JobId
  readonly expiredAtMs: number
}

/** The budgets that count a job of this holder. */
export function budgetsFor(budgets: readonly Budget[], holder: AccountHolder): Budget[] {
  return budgets.filter(({ scope: { tenant, key, tag, model } }) => {
    if (tenant !== holder.tenant) return false
    if (key !== undefined && key !== holder.key) return false
    if (model !== undefined && model !== holder.model) return false
    return tag === undefined || holder.tags[tag.name] === tag.value
  })
}

const rollingPeriods: Readonly<Record<BudgetPeriod, string>> = {
  hour: '60 minutes',
  day: '24 hours',
  month: '30 days',
  total: 'in total',
}

/** What a client reads in the error `budget_exceeded`. */
export function describeRefusal(refusal: Refusal): string {
  const { budget, per, window, limit, spent, reserved, amount, resetsAtMs } = refusal
  const period = per === 'total' ? 'in total' : `per ${window === 'rolling' ? rollingPeriods[per] : per}`
  const name = `Budget ${budget} of ${formatUsd(limit)} ${period}`
  if (amount > limit) return `${name} is less than the ${formatUsd(amount)} that this request may cost.`
  const state =
    spent + reserved >= limit ? 'is used up' : `has no room for the ${formatUsd(amount)} that this request may cost`
  const reset = resetsAtMs === null ? 'it does not reset' : `${resetWord(window)} ${formatTime(resetsAtMs)}`
  return `${name} ${state}: ${formatUsd(spent)} spent, ${formatUsd(reserved)} held; ${reset}.`
}

function resetWord(window: 'calendar' | 'rolling'): string {
  return window === 'rolling' ? 'there is room again by' : 'it resets at'
}

function formatTime(atMs: number): string {
  return new Date(atMs).toISOString().replace('.000Z', 'Z')
}

const microUsdPerCent = 10_000

/** `$49.98`, and as many of the six places as it takes to be exact: `$0.000125`. */
export function formatUsd(amount: MicroUsd): string {
  const digits = String(Math.abs(amount)).padStart(7, '0')
  const places = amount % microUsdPerCent === 0 ? digits.slice(-6, -4) : digits.slice(-6).replace(/0+$/, '')
  return `${amount < 0 ? '-' : ''}$${digits.slice(0, -6)}.${places}`
}
