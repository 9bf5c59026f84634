import type { GateClosed } from '../core/gate.ts'
import type { JobId } from '../core/job.ts'
import { chooseAtGate, type GateChoice } from '../core/next-candidate.ts'
import type { AttemptStart, Lane, QueueEntry } from '../core/ports.ts'
import { backoffMs } from '../core/retry-policy.ts'
import type { Span } from '../core/telemetry.ts'
import { type AttemptRun, beginRun, costOfAll, describeAttempts } from './attempt-run.ts'
import type { DispatchDeps } from './dispatch-deps.ts'
import { closedGates } from './look-at-gates.ts'

type Refused = Extract<AttemptStart, { kind: 'closed' }>

/**
 * Claims the job of an entry for one attempt at its candidate. Null where there is nothing to call: the job has ended or
 * gone on, or its gate is closed and it was sent to where it may be served.
 */
export async function claimJob(entry: QueueEntry, span: Span, deps: DispatchDeps): Promise<AttemptRun | null> {
  const { store, pool, node } = deps
  // Entries of an earlier release do not say for whom they are; their jobs pass without a gate.
  const gate = entry.deployment === '' ? null : deps.gateOf(entry.deployment)
  const sensitivity = deps.sensitivityOf?.(entry.queue) ?? 'public'
  const refusal = deps.refusalOf?.(entry.deployment, sensitivity) ?? null
  const isReady = refusal?.kind !== 'not_ready'
  const claim = await store.startAttempt(entry.id, {
    hop: entry.hop,
    pool,
    node,
    nowMs: Date.now(),
    // The store knows how long the prompt is: it has the plan.
    gate: gate && { ...gate, tokens: 0 },
    inputPrice: deps.upstreamOf(entry.deployment)?.price?.input ?? 0,
    ...(isReady ? {} : { shut: true }),
  })
  if (claim.kind === 'go') return beginRun(entry, claim, { gate, span }, deps)
  if (claim.kind === 'superseded') {
    const { lane, hop, deployment, readyAtMs } = claim
    await handOver(entry.id, { lane, hop, deployment, readyAtMs }, span, deps)
  }
  if (claim.kind === 'closed') {
    const isElsewhere = refusal?.kind === 'not_ready' && refusal.isElsewhere
    await standAside(entry, claim, isElsewhere, span, deps)
  }
  return null
}

/** Adds a job to a lane. Again is no harm: it is the same delivery. */
export function handOver(
  id: JobId,
  to: { lane: Lane; hop: number; deployment: string; readyAtMs: number },
  span: Span,
  deps: DispatchDeps,
): Promise<void> {
  const { lane, hop, deployment, readyAtMs } = to
  const delayMs = Math.max(0, readyAtMs - Date.now())
  return deps.queues.addToLane(lane, { id, hop, deployment, delayMs, traceparent: span.traceparent })
}

/** Sends a job that its gate did not let in to an open one, or parks it behind the one that opens first. */
async function standAside(
  entry: QueueEntry,
  refused: Refused,
  isElsewhere: boolean,
  span: Span,
  deps: DispatchDeps,
): Promise<void> {
  const { plan } = refused
  const nowMs = Date.now()
  const choice = await chooseWay(entry, refused, { isElsewhere, nowMs }, deps)
  if (choice.action === 'expire') return expire(entry.id, refused, deps)
  const candidate = plan.candidates[choice.candidate]
  if (!candidate) throw new RangeError('a choice without its candidate')
  const { deployment } = candidate
  const lane = { pool: candidate.pool, sensitivity: refused.sensitivity, priority: refused.priority }
  const { reason } = refused.closed
  const { metrics } = deps.telemetry
  if (choice.action === 'park') {
    const tokens = plan.promptTokens ?? 0
    const place = { fromHop: entry.hop, candidate: choice.candidate, deployment, lane, priority: lane.priority }
    if (await deps.gates.park(entry.id, { ...place, tokens, nowMs })) metrics.jobParked({ deployment, reason })
    return
  }
  const readyAtMs = readyAt(deployment, refused, nowMs, deps)
  const next = { fromHop: entry.hop, candidate: choice.candidate, lane, readyAtMs }
  if (!(await deps.store.moveOn(entry.id, next))) return
  metrics.fallback({ deployment: entry.deployment, reason })
  await handOver(entry.id, { lane, hop: entry.hop + 1, deployment, readyAtMs }, span, deps)
}

/**
 * A job that comes back to a deployment where it failed before has only been away to a closed gate: without the pause
 * that a retry makes, its attempts would be used up within moments.
 */
function readyAt(deployment: string, { attempts, deadlineMs }: Refused, nowMs: number, deps: DispatchDeps): number {
  const made = attempts.filter((attempt) => attempt.deployment === deployment).length
  const atMs = nowMs + backoffMs(made, deps.policy, deps.random())
  return atMs < deadlineMs ? atMs : nowMs
}

async function chooseWay(
  entry: QueueEntry,
  { plan, candidate, attempts, deadlineMs, closed: closedHere }: Refused,
  { isElsewhere, nowMs }: { isElsewhere: boolean; nowMs: number },
  deps: DispatchDeps,
): Promise<GateChoice> {
  if (deadlineMs <= nowMs) return { action: 'expire' }
  // Only this node is not up to it: another of the pool takes the job as soon as it has room.
  if (isElsewhere) return { action: 'park', candidate }
  const closed: (GateClosed | null)[] = await closedGates(plan.candidates, nowMs, deps)
  closed[candidate] = closedHere
  // Two pools that can't see each other's gates might send a job to and fro for ever.
  const moves = entry.hop - 1 - attempts.filter(({ outcome }) => outcome !== 'worker_lost').length
  const mayMove = moves < 8 * plan.candidates.length
  return chooseAtGate({ plan, candidate, attempts, closed, nowMs, deadlineMs, mayMove })
}

async function expire(id: JobId, { plan, attempts, candidate }: Refused, deps: DispatchDeps): Promise<void> {
  const { masked, candidates } = plan
  const ended = await deps.store.end(id, 'expire', {
    error: {
      code: 'deadline_exceeded',
      message: `No deployment could take the job before its deadline. ${describeAttempts(attempts)}`,
    },
    attempts,
    masked,
    deployment: candidates[candidate]?.deployment ?? '',
    cost: costOfAll(attempts),
    pools: [...new Set(candidates.map(({ pool }) => pool))],
  })
  if (ended) deps.log.info({ job: id, status: 'expired', attempts: attempts.length }, 'job finished')
}
