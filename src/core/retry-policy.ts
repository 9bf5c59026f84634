/**
 * What follows a failed attempt. Pure: time, chance and the state of the gates come in as data.
 *
 *     invalid_request ───────────────────────────→ dead letter: upstream_rejected
 *     output is out and can't be taken back ─────→ dead letter: stream_interrupted
 *     no candidate may serve the job any more ───→ dead letter, by what the last one said
 *     attempt budget used up ────────────────────→ dead letter, likewise
 *     nobody could answer before the deadline ───→ deadline_exceeded
 *     a failure that may pass ───────────────────→ once more here, if the gate is open and enough attempts are left
 *                                                  for the open candidates that have not had their turn
 *     all else ──────────────────────────────────→ the open candidate with the fewest attempts, else the one that
 *                                                  can be called first
 *
 * The first line that fits decides. The attempt budget belongs to the job: a fallback never refills it. When every
 * candidate has had its turn, what is left of it is spent on going round again.
 */
import type { ErrorCode } from './errors.ts'
import { failurePolicies } from './failure-policy.ts'
import type { GateClosed } from './gate.ts'
import type { Attempt } from './job.ts'
import { earliestMs, eligibleCandidates, opensInMs, type PlannedCandidates } from './next-candidate.ts'
import type { ProviderFailure } from './provider.ts'

export interface RetryPolicy {
  /** Attempts per job, over all deployments. */
  readonly maxAttempts: number
  /** The longest first backoff; it doubles with every further attempt at the deployment. */
  readonly baseDelayMs: number
  /** The longest backoff, and the most of an upstream's `Retry-After` that is honoured. */
  readonly maxDelayMs: number
}

export interface FailedAttempt {
  /** `aborted` is left out: whoever aborted a call knows what comes next. */
  readonly failure: Exclude<ProviderFailure, 'aborted'>
  readonly retryAfterMs: number | null
  readonly plan: PlannedCandidates
  /** The place in the plan of the deployment that failed. */
  readonly candidate: number
  /** All of the job's, the one that failed included. */
  readonly attempts: readonly Attempt[]
  /** How each candidate's gate stands, in the order of the plan; null where a call could pass, or nobody knows. */
  readonly closed: readonly (GateClosed | null)[]
  readonly nowMs: number
  /** Infinity where there is none. */
  readonly deadlineMs: number
  /** False once output has reached a reader that can't be told to start over. */
  readonly canStartOver: boolean
  readonly policy: RetryPolicy
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: number
}

export type NextStep =
  | { readonly action: 'retry'; readonly candidate: number; readonly delayMs: number }
  | { readonly action: 'dead-letter'; readonly code: ErrorCode }

/** Attempts of one job that do not count because they were a breaker's probes: hours of an outage at the usual pauses. */
const maxFreeProbes = 100

/**
 * The attempts that count against a job's budget. A probe goes where nobody else is let in, on behalf of all who wait:
 * if the deployment is still away, that is not held against the one job that had to find out.
 */
export function countAttempts(attempts: readonly Attempt[]): number {
  return attempts.length - Math.min(maxFreeProbes, attempts.filter(({ isProbe }) => isProbe).length)
}

/** Decides what follows a failed attempt. */
export function decideNextStep(failed: FailedAttempt): NextStep {
  const { plan, attempts, candidate, policy } = failed
  const { next } = failurePolicies[failed.failure]
  if (next === 'end') return deadLetter('upstream_rejected')
  if (!failed.canStartOver) return deadLetter('stream_interrupted')
  const eligible = eligibleCandidates(plan, attempts)
  if (eligible.length === 0) return deadLetter(lastWord(failed))
  if (countAttempts(attempts) >= policy.maxAttempts) return deadLetter(lastWord(failed))

  const considered = plan.onOutage === 'wait' ? eligible.slice(0, 1) : eligible
  // Waiting past the deadline helps nobody.
  const ways = considered
    .map((index) => wayTo(index, failed))
    .filter(({ earliestMs }) => earliestMs < failed.deadlineMs)
  const here = ways.find((way) => way.index === candidate)
  const untried = ways.filter(({ isOpen, attempts: made }) => isOpen && made === 0).length
  const canAfford = policy.maxAttempts - countAttempts(attempts) > untried
  const isWorthAnotherTry = next === 'again' && failed.retryAfterMs === null && canAfford
  if (here?.isOpen && isWorthAnotherTry && here.attempts < 2) return retry(here)

  const [best] = ways
    .filter(({ isOpen, index }) => isOpen && (next === 'again' || index !== candidate))
    .sort((left, right) => left.attempts - right.attempts || left.distance - right.distance)
  const [soonest] = ways.sort((left, right) => left.readyInMs - right.readyInMs)
  const chosen = best ?? soonest
  return chosen ? retry(chosen) : deadLetter('deadline_exceeded')
}

interface Way {
  readonly index: number
  /** At this candidate so far. */
  readonly attempts: number
  /** Places after the one that failed, going round. */
  readonly distance: number
  readonly isOpen: boolean
  readonly delayMs: number
  /** When it can be called at the earliest: after the delay, and not before its gate opens. */
  readonly earliestMs: number
  /** The same as a duration, guessed where the gate does not say when it opens. */
  readonly readyInMs: number
}

function wayTo(index: number, failed: FailedAttempt): Way {
  const { plan, candidate, closed, nowMs } = failed
  const { length } = plan.candidates
  const deployment = plan.candidates[index]?.deployment
  const attempts = failed.attempts.filter((attempt) => attempt.deployment === deployment).length
  const gate = closed[index] ?? null
  const delayMs = delayBefore(index, attempts, failed)
  return {
    index,
    attempts,
    distance: (index - candidate - 1 + length) % length,
    isOpen: gate === null,
    delayMs,
    earliestMs: Math.max(nowMs + delayMs, earliestMs(gate, nowMs)),
    readyInMs: Math.max(delayMs, opensInMs(gate, nowMs)),
  }
}

/**
 * Exponential backoff with full jitter, but not before the upstream's own `Retry-After`, of which `maxDelayMs` is
 * honoured. That one is met by everybody who was refused at the same moment, so chance is added on top of it. Whoever
 * goes to another gate that is closed waits in line there, in the order of priorities.
 */
function delayBefore(index: number, attempts: number, failed: FailedAttempt): number {
  const { candidate, closed, policy, random, retryAfterMs } = failed
  const isHere = index === candidate
  if (attempts === 0 || (!isHere && closed[index])) return 0
  const usualMs = backoffMs(attempts, policy, random)
  if (!isHere || retryAfterMs === null) return usualMs
  return Math.max(usualMs, stayAwayMs(retryAfterMs, policy) + Math.floor(random * policy.baseDelayMs))
}

/** The wait before a deployment is tried again that a job was tried at so often; 0 before the first time. */
export function backoffMs(attempts: number, policy: Omit<RetryPolicy, 'maxAttempts'>, random: number): number {
  if (attempts === 0) return 0
  return Math.floor(random * Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempts - 1)))
}

/** How much of an upstream's `Retry-After` is honoured, in milliseconds. */
export function stayAwayMs(retryAfterMs: number, { maxDelayMs }: Pick<RetryPolicy, 'maxDelayMs'>): number {
  return Math.min(maxDelayMs, Math.max(0, Math.ceil(retryAfterMs)))
}

function retry({ index, delayMs }: Way): NextStep {
  return { action: 'retry', candidate: index, delayMs }
}

function deadLetter(code: ErrorCode): NextStep {
  return { action: 'dead-letter', code }
}

/** Says what a job ends with when nobody is left to ask: the caller can change a prompt, but not an outage. */
function lastWord({ failure, attempts }: FailedAttempt): ErrorCode {
  if (failure === 'context_too_long') return 'context_length_exceeded'
  if (failure === 'content_policy') return 'content_filter'
  if (attempts.every(({ outcome }) => outcome === 'unsupported')) return 'unsupported_by_deployments'
  return 'upstream_failed'
}
