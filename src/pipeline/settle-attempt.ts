import { type ErrorCode, errorRegistry } from '../core/errors.ts'
import { isOutage } from '../core/failure-policy.ts'
import type { GateClosed } from '../core/gate.ts'
import type { Attempt } from '../core/job.ts'
import type { EndFacts } from '../core/ports.ts'
import type { Completion, ProviderError } from '../core/provider.ts'
import type { AttemptRecord } from '../core/records.ts'
import { decideNextStep, type NextStep } from '../core/retry-policy.ts'
import { attemptsWith, gateReport, recordAttempt, usageOf, usageOfFailure } from './account-attempt.ts'
import {
  type AttemptRun,
  ClaimLostError,
  canStartOver,
  costOfAll,
  describeAttempts,
  type Outcome,
} from './attempt-run.ts'
import { handOver } from './claim-job.ts'
import type { DispatchDeps } from './dispatch-deps.ts'
import { closedGates } from './look-at-gates.ts'

/**
 * Records what became of an attempt and does what follows from it, in one step with its fence.
 * @throws ClaimLostError when the job is another attempt's by now, or has ended.
 */
export async function settleAttempt(run: AttemptRun, outcome: Outcome, deps: DispatchDeps): Promise<void> {
  const isOurs = await settle(run, outcome, deps)
  if (!isOurs) throw new ClaimLostError()
}

async function settle(run: AttemptRun, outcome: Outcome, deps: DispatchDeps): Promise<boolean> {
  if (outcome.kind === 'lost') return false
  if (outcome.kind === 'completed') return complete(run, outcome.completion, deps)
  if (outcome.kind === 'failed') return recover(run, outcome, deps)
  const report = gateReport(run, { error: null, wasCalled: false, used: null }, deps)
  return giveUp(run, outcome.code, { attempts: run.before, ...report }, deps)
}

async function complete(run: AttemptRun, completion: Completion, deps: DispatchDeps): Promise<boolean> {
  const used = usageOf(run, completion, deps)
  const attempt = recordAttempt(run, 'completed', { status: null, used }, deps)
  const attempts = attemptsWith(run, attempt, false)
  const { deployment } = run.candidate
  const ended = await deps.store.end(
    run.entry.id,
    'complete',
    {
      resultJson: completion.bodyJson,
      usage: completion.usage,
      attempt,
      ...gateReport(run, { error: null, wasCalled: true, used }, deps),
      ...endFacts(run, attempts),
    },
    run.claim.fence,
  )
  if (!ended) return false
  const { metrics } = deps.telemetry
  if (completion.usage) {
    metrics.tokens(completion.usage.prompt_tokens, { deployment, direction: 'input' })
    metrics.tokens(completion.usage.completion_tokens, { deployment, direction: 'output' })
  }
  noteEnd(run, 'completed', attempts, deps)
  return true
}

type Failed = Extract<Outcome, { kind: 'failed' }>

async function recover(run: AttemptRun, failed: Failed, deps: DispatchDeps): Promise<boolean> {
  const { error } = failed
  const { failure, status } = error
  const used = failed.usage ? { usage: failed.usage, isEstimated: false } : usageOfFailure(run, failure, deps)
  const attempt = recordAttempt(run, failure, { status, used }, deps)
  const attempts = attemptsWith(run, attempt, run.claim.isProbe && isOutage(failure))
  const report = gateReport(run, { error, wasCalled: failed.wasCalled, used }, deps)
  run.span.fail(failure)
  // The deadline is all that aborts a call whose lease still holds.
  if (failure === 'aborted') return giveUp(run, 'deadline_exceeded', { attempts, attempt, ...report }, deps)
  const step = await chooseStep(run, error, failure, attempts, deps)
  if (step.action === 'dead-letter') return giveUp(run, step.code, { attempts, attempt, ...report }, deps)

  const { plan, candidate, sensitivity, priority, fence } = run.claim
  const next = plan.candidates[step.candidate]
  if (!next) throw new RangeError('a step without its candidate')
  const { deployment } = next
  const lane = { pool: next.pool, sensitivity, priority }
  const hop = run.entry.hop + 1
  const readyAtMs = Date.now() + step.delayMs
  const resetOutput = run.hasOutput
  const change = { lane, candidate: step.candidate, hop, readyAtMs, attempts, attempt, resetOutput, ...report }
  if (!(await deps.store.retry(run.entry.id, fence, change))) return false
  if (step.candidate !== candidate) {
    deps.telemetry.metrics.fallback({ deployment: run.candidate.deployment, reason: failure })
  }
  await handOver(run.entry.id, { lane, hop, deployment, readyAtMs }, run.span, deps)
  return true
}

async function chooseStep(
  run: AttemptRun,
  error: ProviderError,
  failure: Exclude<ProviderError['failure'], 'aborted'>,
  attempts: readonly Attempt[],
  deps: DispatchDeps,
): Promise<NextStep> {
  const { plan, candidate, deadlineMs, isProbe } = run.claim
  const nowMs = Date.now()
  const closed: (GateClosed | null)[] = await closedGates(plan.candidates, nowMs, deps)
  // Our own call still has its place. A probe that failed shuts the gate again, in the step that reports it.
  if (closed[candidate]?.reason === 'parallel') closed[candidate] = null
  if (isProbe && isOutage(failure)) closed[candidate] = { reason: 'breaker', opensAtMs: null }
  return decideNextStep({
    failure,
    retryAfterMs: error.retryAfterMs,
    plan,
    candidate,
    attempts,
    closed,
    nowMs,
    deadlineMs,
    canStartOver: canStartOver(run),
    policy: deps.policy,
    random: deps.random(),
  })
}

async function giveUp(
  run: AttemptRun,
  code: ErrorCode,
  facts: { attempts: readonly Attempt[]; attempt?: AttemptRecord } & Pick<EndFacts, 'gate'>,
  deps: DispatchDeps,
): Promise<boolean> {
  const { attempts, ...report } = facts
  const message = `${errorRegistry[code].summary} ${describeAttempts(attempts)}`
  const ending = code === 'deadline_exceeded' ? 'expire' : 'fail'
  const ended = await deps.store.end(
    run.entry.id,
    ending,
    { error: { code, message }, ...report, ...endFacts(run, attempts) },
    run.claim.fence,
  )
  if (ended) noteEnd(run, ending === 'expire' ? 'expired' : 'failed', attempts, deps)
  return ended
}

function endFacts({ claim, candidate }: AttemptRun, attempts: readonly Attempt[]) {
  const { masked, candidates } = claim.plan
  const pools = [...new Set(candidates.map(({ pool }) => pool))]
  return { masked, pools, attempts, deployment: candidate.deployment, cost: costOfAll(attempts) }
}

function noteEnd(run: AttemptRun, status: string, attempts: readonly Attempt[], deps: DispatchDeps): void {
  const { plan, createdAtMs, priority } = run.claim
  const ms = Date.now() - createdAtMs
  const { deployment } = run.candidate
  deps.telemetry.metrics.jobFinished(ms, { model: plan.model, priority, status })
  deps.log.info({ job: run.entry.id, status, deployment, attempts: attempts.length, ms }, 'job finished')
}
