import { type AccountHolder, type Accounts, type Budget, budgetsFor, type Refusal } from '../core/budget.ts'
import type { Allowance, Candidate, JobId, JobSpec } from '../core/job.ts'
import { costAtMost, type Price } from '../core/pricing.ts'
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

/**
 * Holds what a job may cost at most, in every budget that counts it. Where no budget has room, the job goes on with the
 * deployments that cost nothing, if it has some.
 */
export async function holdMoney(
  job: { id: JobId; spec: JobSpec; bodyJson: string; candidates: readonly Candidate[] },
  spending: Spending,
  nowMs: number,
): Promise<Hold> {
  const { id, spec, candidates } = job
  const holder = holderOf(spec)
  if (budgetsFor(spending.budgets, holder).length === 0) return { kind: 'held', candidates }
  const tariffs = candidates.map(({ deployment }) => spending.tariffOf(deployment))
  if (tariffs.every(({ price }) => price === null)) return { kind: 'held', candidates }

  const counted = spending.tokens.countPrompt(job.bodyJson)
  const promptTokens = Math.ceil(counted * Math.max(...tariffs.map(({ tokenMargin }) => tokenMargin)))
  const wanted = readOutputWish(job.bodyJson)
  const amounts = tariffs.map(({ price, maxOutputTokens }) => {
    const output = wanted.choices * (wanted.outputTokens ?? maxOutputTokens)
    return price === null ? 0 : costAtMost({ prompt: promptTokens, output }, price)
  })
  const amount = Math.max(...amounts)
  const reserved = await spending.accounts.reserve({ job: id, holder, amount, nowMs })
  if (reserved.kind === 'reserved') {
    return { kind: 'held', candidates, allowance: { reserved: amount, promptTokens, ...wanted } }
  }
  const free = candidates.filter((_, index) => tariffs[index]?.price === null)
  return free.length > 0 ? { kind: 'held', candidates: free } : { kind: 'refused', refusal: reserved.refusal }
}

function holderOf({ tenant, keyId, model, tags }: JobSpec): AccountHolder {
  return { tenant, key: keyId, model, tags: tags ?? {} }
}

function readOutputWish(bodyJson: string): { choices: number; outputTokens: number | null } {
  const body = JSON.parse(bodyJson) as { n?: unknown; max_tokens?: unknown; max_completion_tokens?: unknown }
  // Of two limits nobody knows which one the upstream goes by.
  const limits = [body.max_completion_tokens, body.max_tokens].filter(isCount)
  return {
    choices: isCount(body.n) ? body.n : 1,
    outputTokens: limits.length === 0 ? null : Math.max(...limits),
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
