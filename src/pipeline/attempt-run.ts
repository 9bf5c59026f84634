import type { ChatAssembler } from '../core/chat-assembler.ts'
import type { GateSettings } from '../core/gate.ts'
import type { Attempt, Candidate } from '../core/job.ts'
import type { AttemptStart, QueueEntry } from '../core/ports.ts'
import type { Completion, ProviderError, TokenUsage } from '../core/provider.ts'
import type { Span } from '../core/telemetry.ts'
import type { DispatchDeps, Upstream } from './dispatch-deps.ts'

export type Claim = Extract<AttemptStart, { kind: 'go' }>

/** One attempt: what it was claimed with, and how far it has come. */
export interface AttemptRun {
  readonly entry: QueueEntry
  readonly claim: Claim
  /** The gate that let it in; null where there is none. */
  readonly gate: GateSettings | null
  readonly span: Span
  readonly startedAtMs: number
  readonly candidate: Candidate
  readonly upstream: Upstream | null
  /** The attempts before this one, those included in whose middle a worker died. */
  readonly before: readonly Attempt[]
  /** Deltas that are not void are in the event stream: this attempt's, or those of one whose worker died. */
  hasOutput: boolean
  firstTokenMs: number | null
  /** What a stream has brought so far. */
  answer: ChatAssembler | null
}

/**
 * What became of one call. `lost`: the job is no longer this attempt's; nothing may be written any more. `not-called`:
 * what the attempts before this one left behind allows no other.
 */
export type Outcome =
  | { readonly kind: 'completed'; readonly completion: Completion }
  | {
      readonly kind: 'failed'
      readonly error: ProviderError
      /** False where it failed here, before anything was sent: that says nothing about the deployment. */
      readonly wasCalled: boolean
      /** What the upstream counted although the answer was no use. */
      readonly usage?: TokenUsage | null
    }
  | { readonly kind: 'lost' }
  | {
      readonly kind: 'not-called'
      readonly code: 'upstream_failed' | 'stream_interrupted' | 'budget_exceeded' | 'deadline_exceeded'
    }

/** The job is no longer this attempt's: another worker has it, or will have it, or it has ended. */
export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError'

  constructor() {
    super('the job was lost to another worker, or has ended')
  }
}

export function beginRun(
  entry: QueueEntry,
  claim: Claim,
  facts: { gate: GateSettings | null; span: Span },
  deps: Pick<DispatchDeps, 'upstreamOf'>,
): AttemptRun {
  const candidate = claim.plan.candidates[claim.candidate]
  if (!candidate) throw new RangeError('a plan without its candidate')
  // Each claim before this one has either left its attempt behind or lost its worker. Only the count of claims bounds
  // a job that kills every worker that takes it.
  const lostWorkers = Math.max(0, claim.fence - 1 - claim.attempts.length)
  const lost: Attempt = { deployment: candidate.deployment, outcome: 'worker_lost', status: null, ms: 0, cost: 0 }
  return {
    entry,
    claim,
    ...facts,
    startedAtMs: Date.now(),
    candidate,
    upstream: deps.upstreamOf(candidate.deployment),
    before: [...claim.attempts, ...Array.from({ length: lostWorkers }, () => lost)],
    hasOutput: claim.hasOutput,
    firstTokenMs: null,
    answer: null,
  }
}

/** OpenAI's dialects have no word for "forget what I said"; native readers are told, unless the model has it otherwise. */
export function canStartOver({ hasOutput, claim: { plan } }: AttemptRun): boolean {
  return !hasOutput || (plan.surface !== 'chat' && plan.surface !== 'responses' && plan.onCutStream !== 'fail')
}

/** What a job that failed tells its reader: deployments, classes and statuses, never an upstream's words. */
export function describeAttempts(attempts: readonly Attempt[]): string {
  const lines: { text: string; times: number }[] = []
  for (const { deployment, outcome, status } of attempts) {
    const text = status === null ? `${deployment}: ${outcome}` : `${deployment}: ${outcome} (${status})`
    const last = lines.at(-1)
    if (last?.text === text) last.times += 1
    else lines.push({ text, times: 1 })
  }
  const told = lines.slice(-maxLines).map(({ text, times }) => (times === 1 ? text : `${text} ${times} times`))
  const made = `${attempts.length} attempt${attempts.length === 1 ? '' : 's'}`
  return attempts.length === 0 ? 'No attempt was made.' : `No answer after ${made}: ${told.join(', ')}.`
}

/** Probes can make a job's attempts many. */
const maxLines = 20

export function costOfAll(attempts: readonly Attempt[]): number {
  return attempts.reduce((sum, { cost }) => sum + cost, 0)
}
