import type { GateClaim, GateClosedReason, GateOutcome } from '../core/gate.ts'
import type { Attempt, DispatchPlan } from '../core/job.ts'
import type { AttemptStart, FirstClaim, Lane } from '../core/ports.ts'
import type { Priority, Sensitivity } from '../core/vocabulary.ts'
import { outcomeArgCount } from './gate-prelude.ts'

/** How gates count time. Only tests have a reason to change it. */
export interface GateTiming {
  /** Length of what the limits call a minute. */
  readonly windowMs: number
  /** How late a call may reach its upstream after it was let in. */
  readonly marginMs: number
  readonly bucketMs: number
  /** Epoch milliseconds instead of Redis's clock, which is the one that all dispatchers share. */
  readonly now?: () => number
}

/**
 * Calls are counted a second longer than a minute: one that took its time to arrive and one that came later and arrived
 * at once may be closer at the upstream than they were here. Small buckets keep what that costs near 2 %.
 */
export const gateTiming: GateTiming = { windowMs: 60_000, marginMs: 1_000, bucketMs: 250 }

/** The text that the scripts take for a clock. */
export function clockOf({ windowMs, marginMs, bucketMs, now }: GateTiming): string {
  return `${now ? Math.floor(now()) : ''} ${bucketMs} ${Math.ceil((windowMs + marginMs) / bucketMs)}`
}

/** In the order in which `startAttempt` reads them. */
export function claimArgs(gate: GateClaim | null, timing: GateTiming): (string | number)[] {
  if (!gate) return ['']
  const { limits } = gate
  return [
    gate.gate,
    gate.deployment,
    ...limitArgs(limits),
    gate.countsRunning === true ? '1' : '',
    gate.tokens,
    clockOf(timing),
  ]
}

/** In the order in which `create` reads them. */
export function startArgs(claim: FirstClaim, claimId: string, timing: GateTiming): (string | number)[] {
  const { node, nowMs, inputPrice, keptUntilMs, gate } = claim
  return [node, nowMs, inputPrice, claimId, keptUntilMs, ...claimArgs(gate, timing)]
}

export function limitArgs(limits: GateClaim['limits']): (string | number)[] {
  return [limits.requestsPerMinute ?? '', limits.tokensPerMinute ?? '', limits.parallel ?? '']
}

/** In the order in which `outcomeFrom` reads them; as many without an outcome. */
export function outcomeArgs(outcome: GateOutcome | undefined, timing: GateTiming, random: number): (string | number)[] {
  const clock = clockOf(timing)
  if (!outcome) return [...Array.from({ length: outcomeArgCount - 1 }, () => ''), clock]
  const { breaker } = outcome
  return [
    outcome.gate,
    outcome.outcome,
    breaker.failures,
    breaker.windowMs,
    breaker.openMs,
    breaker.maxOpenMs,
    outcome.stayAwayMs === null ? '' : Math.max(0, Math.ceil(outcome.stayAwayMs)),
    outcome.tokens === null ? '' : Math.ceil(outcome.tokens),
    random,
    clock,
  ]
}

/** Lanes travel through Redis as `<pool> <sensitivity> <priority>`. */
export const encodeLane = (lane: Lane): string => `${lane.pool} ${lane.sensitivity} ${lane.priority}`

export function decodeLane(text: string): Lane {
  const [pool = '', sensitivity, priority] = text.split(' ')
  return { pool, sensitivity: sensitivity as Sensitivity, priority: priority as Priority }
}

/** The deployment whose turn it is. */
export function deploymentOf(planJson: string, candidate: string | null): string {
  const { candidates } = JSON.parse(planJson) as DispatchPlan
  return candidates[Number(candidate ?? 0)]?.deployment ?? ''
}

/** What `startAttempt` says; `nowMs` is the caller's clock, in which the answer tells when a gate opens. */
export function decodeStart(reply: [string, ...unknown[]], nowMs: number): AttemptStart {
  if (reply[0] === 'superseded') {
    const [lane, hop, readyAtMs, plan, candidate] = reply.slice(1) as [string, string, string, string, string]
    const deployment = deploymentOf(plan, candidate)
    return { kind: 'superseded', lane: decodeLane(lane), hop: Number(hop), deployment, readyAtMs: Number(readyAtMs) }
  }
  if (reply[0] === 'closed') return decodeClosed(reply, nowMs)
  if (reply[0] !== 'go') return { kind: 'ended' }
  const [, fence, isProbe, bodyJson, plan, candidate, attempts, deadline, created, sensitivity, priority, output] =
    reply as [
      ...[string, number, number, string, string, string, string | null],
      ...[string, string, string, string, string | null],
    ]
  return {
    kind: 'go',
    isProbe: isProbe === 1,
    fence,
    plan: JSON.parse(plan) as DispatchPlan,
    candidate: Number(candidate),
    attempts: decodeAttempts(attempts),
    bodyJson,
    deadlineMs: Number(deadline),
    createdAtMs: Number(created),
    sensitivity: sensitivity as Sensitivity,
    priority: priority as Priority,
    hasOutput: output !== null,
  }
}

function decodeClosed(reply: [string, ...unknown[]], nowMs: number): AttemptStart {
  const [, reason, waitMs, plan, candidate, attempts, deadline, sensitivity, priority] = reply as [
    ...[string, GateClosedReason, number, string, string, string | null],
    ...[string, Sensitivity, Priority],
  ]
  return {
    kind: 'closed',
    closed: { reason, opensAtMs: waitMs < 0 ? null : nowMs + waitMs },
    plan: JSON.parse(plan) as DispatchPlan,
    candidate: Number(candidate),
    attempts: decodeAttempts(attempts),
    deadlineMs: Number(deadline),
    sensitivity,
    priority,
  }
}

function decodeAttempts(json: string | null): readonly Attempt[] {
  return json === null ? [] : (JSON.parse(json) as Attempt[])
}
