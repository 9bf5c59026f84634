import assert from 'node:assert/strict'
import { type AccountHolder, type Accounts, type Budget, budgetsFor, type Refusal } from '../core/budget.ts'
import type { Allowance, Candidate, JobId, JobSpec } from '../core/job.ts'
import { costAtMost, type MicroUsd, type Price } from '../core/pricing.ts'
import type { PromptSize, RequestWish } from '../core/route-facts.ts'
import type { TokenCounter } from '../core/token-counter.ts'

/** What a deployment's calls cost. */
export interface Tariff {
  /** Null where calls cost nothing. */
  readonly price: Price | null
  /** The most tokens of one answer whose request names no limit. */
  readonly maxOutputTokens: number
  /** What the count of a foreign tokenizer is multiplied by to be on the safe side; 1 for a tokenizer that is ours. */
  readonly tokenMargin: number
}

export interface Spending {
  readonly accounts: Accounts
  readonly budgets: readonly Budget[]
  readonly tariffOf: (deployment: string) => Tariff
  readonly tokens: TokenCounter
}

export type Hold =
  | { readonly kind: 'held'; readonly candidates: readonly Candidate[]; readonly allowance?: Allowance }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** What a job's request is, as far as its price goes. */
export interface Priced {
  readonly id: JobId
  readonly spec: JobSpec
  readonly prompt: PromptSize
  readonly wish: () => RequestWish
  readonly candidates: readonly Candidate[]
}

/**
 * Holds what a job may cost at most, in every budget that counts it. Where a budget has no room for the dearest of its
 * deployments, the job goes on with those that it has room for, down to those that cost nothing.
 */
export async function holdMoney(job: Priced, spending: Spending, nowMs: number): Promise<Hold> {
  const { id, spec, candidates } = job
  const holder = holderOf(spec)
  if (budgetsFor(spending.budgets, holder).length === 0) return { kind: 'held', candidates }
  const { amounts, promptTokens } = costsAtMost(candidates, job, spending)
  if (promptTokens === null) return { kind: 'held', candidates }
  const { choices, outputTokens } = job.wish()
  const upTo = (most: MicroUsd) => candidates.filter((_, index) => (amounts[index] ?? 0) <= most)
  // What only follows a failure of something else can't be where a job begins.
  const worth = [...new Set(amounts)].filter((amount) => upTo(amount).some(({ after }) => after === undefined))
  const leastFirst = worth.sort((left, right) => left - right)
  let refusal: Refusal | null = null
  for (const amount of leastFirst.toReversed()) {
    if (amount === 0) return { kind: 'held', candidates: upTo(0) }
    // What is known to have no room is not asked for; of the least, the refusal says when there will be some.
    if (refusal && amount > roomOf(refusal) && amount !== leastFirst[0]) continue
    const reserved = await spending.accounts.reserve({ job: id, holder, amount, nowMs })
    if (reserved.kind === 'reserved') {
      // An auditor before this one, who died, may have held less.
      const held = reserved.amount
      const allowance = { reserved: held, promptTokens, choices, outputTokens }
      return { kind: 'held', candidates: upTo(Math.max(held, leastFirst[0] ?? 0)), allowance }
    }
    refusal = reserved.refusal
  }
  assert.ok(refusal, 'some deployment can begin')
  return { kind: 'refused', refusal }
}

/** What a call of each deployment may cost at most. Counts the prompt only where somebody asks for money. */
export function costsAtMost(
  candidates: readonly Pick<Candidate, 'deployment'>[],
  { prompt, wish }: Pick<Priced, 'prompt' | 'wish'>,
  { tariffOf }: Pick<Spending, 'tariffOf'>,
): { amounts: readonly MicroUsd[]; promptTokens: number | null } {
  const tariffs = candidates.map(({ deployment }) => tariffOf(deployment))
  if (tariffs.every(({ price }) => price === null)) return { amounts: tariffs.map(() => 0), promptTokens: null }
  const promptTokens = Math.ceil(prompt.count() * Math.max(...tariffs.map(({ tokenMargin }) => tokenMargin)))
  const { choices, outputTokens } = wish()
  const amounts = tariffs.map(({ price, maxOutputTokens }) => {
    const output = choices * (outputTokens ?? maxOutputTokens)
    return price === null ? 0 : costAtMost({ prompt: promptTokens, output }, price)
  })
  return { amounts, promptTokens }
}

function roomOf({ limit, spent, reserved }: Refusal): number {
  return limit - spent - reserved
}

function holderOf({ tenant, keyId, model, tags }: JobSpec): AccountHolder {
  return { tenant, key: keyId, model, tags: tags ?? {} }
}
