/**
 * Which of its candidates a job may go to, and which of them it goes to when the gate of its deployment is closed. Pure:
 * what has failed comes in as the job's attempts, how the gates stand as data.
 */
import { policyOf } from './failure-policy.ts'
import type { GateClosed } from './gate.ts'
import type { Attempt, Candidate, DispatchPlan } from './job.ts'

export type PlannedCandidates = Pick<DispatchPlan, 'candidates' | 'onOutage' | 'promptTokens'>

/** What a gate that does not say when it opens is taken for: a call ends within seconds, as a rule. */
const assumedWaitMs = 5_000

/**
 * The candidates that may still serve a job, by their place in the plan: none that failed for good, and after a prompt
 * that was too long or a refusal by an upstream's own rules only those that are there for it.
 */
export function eligibleCandidates(plan: PlannedCandidates, attempts: readonly Attempt[]): number[] {
  const isRefused = attempts.some(({ outcome }) => outcome === 'content_policy')
  const isTooLong = attempts.some(({ outcome }) => outcome === 'context_too_long')
  const failed = new Set(attempts.filter(({ outcome }) => isForGood(outcome)).map(({ deployment }) => deployment))
  const needed = isTooLong ? contextNeeded(plan, attempts) : null
  return plan.candidates.flatMap((candidate, index) => {
    if (failed.has(candidate.deployment)) return []
    const isAllowed = isRefused
      ? candidate.after === 'content_policy' && !isKnownTooSmall(candidate, needed)
      : needed
        ? isMadeForLength(candidate, needed)
        : candidate.after === undefined
    return isAllowed ? [index] : []
  })
}

function isForGood(outcome: string): boolean {
  const policy = policyOf(outcome)
  return policy !== null && (policy.next === 'never_here' || policy.next === 'end')
}

interface ContextNeeded {
  /** The largest context that was too small; 0 where it is unknown. */
  readonly beyond: number
  /** The same, or the estimate of the prompt where that is more; 0 where neither is known. */
  readonly estimate: number
}

function contextNeeded(plan: PlannedCandidates, attempts: readonly Attempt[]): ContextNeeded {
  const tooSmall = new Set(
    attempts.filter(({ outcome }) => outcome === 'context_too_long').map(({ deployment }) => deployment),
  )
  const known = plan.candidates.flatMap(({ deployment, contextTokens }) =>
    tooSmall.has(deployment) && contextTokens !== undefined ? [contextTokens] : [],
  )
  const beyond = Math.max(0, ...known)
  return { beyond, estimate: Math.max(beyond, plan.promptTokens ?? 0) }
}

function isKnownTooSmall({ contextTokens }: Candidate, needed: ContextNeeded | null): boolean {
  return needed !== null && contextTokens !== undefined && contextTokens <= needed.beyond
}

/** Made for long prompts, or known to take more than what was too small. */
function isMadeForLength(candidate: Candidate, needed: ContextNeeded): boolean {
  if (candidate.after === 'context_too_long') return !isKnownTooSmall(candidate, needed)
  if (candidate.after !== undefined || candidate.contextTokens === undefined) return false
  return needed.estimate > 0 && candidate.contextTokens > needed.estimate
}

export type GateChoice =
  | { readonly action: 'move'; readonly candidate: number }
  | { readonly action: 'park'; readonly candidate: number }
  /** No gate opens before the deadline. */
  | { readonly action: 'expire' }

export interface GateDilemma {
  readonly plan: PlannedCandidates
  /** The candidate whose gate did not let the job in. */
  readonly candidate: number
  readonly attempts: readonly Attempt[]
  /** How each candidate's gate stands, in the order of the plan; null where a call could pass, or nobody knows. */
  readonly closed: readonly (GateClosed | null)[]
  readonly nowMs: number
  readonly deadlineMs: number
  /** False for a job that has been handed around for long: it stays behind one gate now. */
  readonly mayMove: boolean
}

/**
 * Where a job goes that its gate did not let in: to the open candidate with the fewest attempts, of equals the first,
 * else behind the gate that opens first. A model whose jobs wait for their deployment has them wait behind the first that has not failed for good.
 */
export function chooseAtGate(dilemma: GateDilemma): GateChoice {
  const { plan, candidate, closed, nowMs, deadlineMs, mayMove } = dilemma
  const eligible = eligibleCandidates(plan, dilemma.attempts)
  const good = eligible.length > 0 ? eligible : [candidate]
  const considered = plan.onOutage === 'wait' ? good.slice(0, 1) : good

  const [open] = considered
    .filter((index) => index !== candidate && closed[index] === null)
    .sort((left, right) => attemptsAt(left, dilemma) - attemptsAt(right, dilemma))
  if (open !== undefined && mayMove) return { action: 'move', candidate: open }
  const inTime = considered
    .filter((index) => earliestMs(closed[index] ?? null, nowMs) < deadlineMs)
    .map((index) => ({ index, opensInMs: opensInMs(closed[index] ?? null, nowMs) }))
    .sort((left, right) => left.opensInMs - right.opensInMs)
  const [first] = inTime
  return first ? { action: 'park', candidate: first.index } : { action: 'expire' }
}

function attemptsAt(index: number, { plan, attempts }: GateDilemma): number {
  const deployment = plan.candidates[index]?.deployment
  return attempts.filter((attempt) => attempt.deployment === deployment).length
}

/** The first moment at which a gate may be open: now, where it does not say. */
export function earliestMs(closed: GateClosed | null, nowMs: number): number {
  return Math.max(nowMs, closed?.opensAtMs ?? nowMs)
}

/** How long until a gate opens, in milliseconds, guessed where it does not say; 0 where it is open. */
export function opensInMs(closed: GateClosed | null, nowMs: number): number {
  if (closed === null) return 0
  return closed.opensAtMs === null ? assumedWaitMs : Math.max(0, closed.opensAtMs - nowMs)
}
