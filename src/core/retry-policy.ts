/**
 * What follows a failed attempt. Pure: time and chance come in as data.
 *
 *     invalid_request, refused by the upstream ──────────→ dead letter: upstream_rejected
 *     output is out and can't be taken back ─────────────→ dead letter: stream_interrupted
 *     deadline passed ───────────────────────────────────→ dead letter: deadline_exceeded
 *     invalid_request, beyond this deployment only ──────→ fallback, or upstream_rejected
 *     attempt budget used up ────────────────────────────→ dead letter: upstream_failed
 *     auth ──────────────────────────────────────────────→ fallback, or upstream_failed
 *     rate_limited ──────────────────────────────────────→ fallback, or retry when told to
 *     all else ──────────────────────────────────────────→ retry once, then fallback, or retry again
 *
 * The first line that fits decides. The attempt budget belongs to the job: a fallback never refills it. On the last
 * deployment what is left of it is spent on retries, because there is nothing better to spend it on.
 */
import type { ErrorCode } from './errors.ts'
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
  /** The upstream's status, or null where there was no answer, or no call. */
  readonly status: number | null
  readonly retryAfterMs: number | null
  /** Including the one that failed. */
  readonly attemptsMade: number
  readonly attemptsOnThisDeployment: number
  /** Candidates that come after this one. */
  readonly deploymentsLeft: number
  /** Infinity where there is no deadline. */
  readonly msToDeadline: number
  /** False once output has reached a reader that can't be told to start over. */
  readonly canStartOver: boolean
  readonly policy: RetryPolicy
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: number
}

type DeadLetterCode = Extract<
  ErrorCode,
  'upstream_failed' | 'upstream_rejected' | 'deadline_exceeded' | 'stream_interrupted'
>

export type NextStep =
  | { readonly action: 'retry'; readonly delayMs: number }
  | { readonly action: 'fallback'; readonly delayMs: 0 }
  | { readonly action: 'dead-letter'; readonly code: DeadLetterCode }

/** Decides what follows a failed attempt. */
export function decideNextStep(attempt: FailedAttempt): NextStep {
  const { failure } = attempt
  const isRefusal = failure === 'invalid_request'
  // The request itself is wrong: another upstream would refuse it too, however much time is left.
  if (isRefusal && !isDeploymentsOwnLimit(attempt)) return deadLetter('upstream_rejected')
  if (!attempt.canStartOver) return deadLetter('stream_interrupted')
  if (attempt.msToDeadline <= 0) return deadLetter('deadline_exceeded')

  const hasBudget = attempt.attemptsMade < attempt.policy.maxAttempts
  const canFallBack = hasBudget && attempt.deploymentsLeft > 0
  if (isRefusal) return canFallBack ? fallback : deadLetter('upstream_rejected')
  if (!hasBudget) return deadLetter('upstream_failed')
  if (failure === 'auth') return canFallBack ? fallback : deadLetter('upstream_failed')

  const isWorthAnotherTry = failure !== 'rate_limited' && attempt.attemptsOnThisDeployment < 2
  if (canFallBack && !isWorthAnotherTry) return fallback

  const delayMs = retryDelayMs(attempt)
  if (delayMs < attempt.msToDeadline) return { action: 'retry', delayMs }
  // Waiting past the deadline helps nobody; another deployment may still be in time.
  return canFallBack ? fallback : deadLetter('deadline_exceeded')
}

const fallback: NextStep = { action: 'fallback', delayMs: 0 }

function deadLetter(code: DeadLetterCode): NextStep {
  return { action: 'dead-letter', code }
}

/** A model that this upstream lacks (404), or a field that its adapter can't express (no call was made). */
function isDeploymentsOwnLimit({ status }: FailedAttempt): boolean {
  return status === 404 || status === null
}

/**
 * Exponential backoff with full jitter, but not before the upstream's own `Retry-After`, of which `maxDelayMs` is
 * honoured. That one is met by everybody who was refused at the same moment, so chance is added on top of it.
 */
function retryDelayMs({ retryAfterMs, attemptsOnThisDeployment, policy, random }: FailedAttempt): number {
  const ceilingMs = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attemptsOnThisDeployment - 1))
  const backoffMs = Math.floor(random * ceilingMs)
  if (retryAfterMs === null) return backoffMs
  const askedMs = Math.min(policy.maxDelayMs, Math.ceil(retryAfterMs))
  return Math.max(backoffMs, askedMs + Math.floor(random * policy.baseDelayMs))
}
