import { gateOutcomeOf } from '../core/failure-policy.ts'
import type { GateOutcome, UsedSoFar } from '../core/gate.ts'
import type { Attempt } from '../core/job.ts'
import { costOf } from '../core/pricing.ts'
import type { Completion, ProviderError, ProviderFailure, TokenUsage } from '../core/provider.ts'
import type { AttemptRecord } from '../core/records.ts'
import { stayAwayMs } from '../core/retry-policy.ts'
import type { AttemptRun } from './attempt-run.ts'
import type { DispatchDeps } from './dispatch-deps.ts'

/** What an attempt used, and who says so. */
export interface Used {
  readonly usage: TokenUsage
  readonly isEstimated: boolean
}

/** The ledger's row of an attempt. */
export function recordAttempt(
  run: AttemptRun,
  outcome: string,
  facts: { status: number | null; used: Used | null },
  deps: DispatchDeps,
): AttemptRecord {
  const { entry, claim, candidate, upstream } = run
  const nowMs = Date.now()
  const ms = nowMs - run.startedAtMs
  const { deployment, pool } = candidate
  deps.telemetry.metrics.attemptFinished(ms, { deployment, outcome })
  const { status, used } = facts
  const price = upstream?.price ?? null
  return {
    kind: 'attempt',
    job: entry.id,
    atMs: nowMs,
    attemptId: `${entry.id}.${claim.fence}`,
    deployment,
    pool,
    outcome,
    status,
    ms,
    firstTokenMs: run.firstTokenMs,
    usage: used?.usage ?? null,
    isEstimated: used?.isEstimated ?? false,
    cost: used && price ? costOf(used.usage, price) : 0,
  }
}

/** The job's attempts with this one. */
export function attemptsWith(
  run: AttemptRun,
  { deployment, outcome, status, ms, cost }: AttemptRecord,
  isFreeProbe: boolean,
): Attempt[] {
  return [...run.before, { deployment, outcome, status, ms, cost, ...(isFreeProbe && { isProbe: true }) }]
}

export function usageOf(run: AttemptRun, completion: Completion, deps: DispatchDeps): Used {
  if (completion.usage) return { usage: completion.usage, isEstimated: false }
  return estimated(deps.tokens.countPrompt(run.claim.bodyJson), deps.tokens.countAnswer(completion.bodyJson))
}

/** A call that the upstream had begun to work on is paid for, as a rule. */
export function usageOfFailure(run: AttemptRun, failure: ProviderFailure, deps: DispatchDeps): Used | null {
  if (!run.upstream?.price || !begunFailures.has(failure)) return null
  const written = run.answer === null ? 0 : deps.tokens.countAnswer(run.answer.completionJson())
  return estimated(deps.tokens.countPrompt(run.claim.bodyJson), written)
}

const begunFailures: ReadonlySet<ProviderFailure> = new Set([
  'cut_stream',
  'first_byte_timeout',
  'idle_timeout',
  'total_timeout',
  'invalid_response',
  'aborted',
])

/** Characters of a token in English text: close enough for an answer on its way, of which the end says more. */
const charactersPerToken = 4

/**
 * What a stream that is paid for has used so far, in case that its job is cancelled, or its worker dies, before anybody
 * can count. Estimated from lengths: it goes with every write, and counting a long prompt would hold up the first.
 */
export function usedSoFar({ claim, upstream, answer }: AttemptRun): UsedSoFar | undefined {
  const price = upstream?.price
  if (!price || answer === null) return undefined
  const { plan, bodyJson } = claim
  const promptTokens =
    plan.promptTokens ?? plan.allowance?.promptTokens ?? Math.ceil(bodyJson.length / charactersPerToken)
  const outputTokens = Math.ceil(answer.writtenCharacters / charactersPerToken)
  return { promptTokens, outputTokens, cost: costOf(estimated(promptTokens, outputTokens).usage, price) }
}

function estimated(prompt: number, completion: number): Used {
  const usage = { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
  return { usage, isEstimated: true }
}

/** What an attempt says about its deployment; nothing where no gate let it in. `error` is null after an answer. */
export function gateReport(
  { gate }: AttemptRun,
  of: { error: ProviderError | null; wasCalled: boolean; used: Used | null },
  { policy }: Pick<DispatchDeps, 'policy'>,
): { gate?: GateOutcome } {
  if (!gate) return {}
  const { error, wasCalled, used } = of
  const { deployment, breaker } = gate
  const asked = (wasCalled && error?.retryAfterMs) || null
  const outcome = !wasCalled ? 'neutral' : error === null ? 'success' : gateOutcomeOf(error.failure, asked, policy)
  const isUntouched = !wasCalled || (error !== null && !begunFailures.has(error.failure) && used === null)
  return {
    gate: {
      gate: gate.gate,
      deployment,
      breaker,
      outcome,
      stayAwayMs: asked === null ? null : stayAwayMs(asked, policy),
      // Who refuses a request at the door counts none of its tokens.
      tokens: isUntouched ? 0 : (used?.usage.total_tokens ?? null),
    },
  }
}
