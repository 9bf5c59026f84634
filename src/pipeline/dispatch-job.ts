import type { ErrorCode } from '../core/errors.ts'
import type { Attempt, Candidate, JobId } from '../core/job.ts'
import { limitOutput, type OutputLimitField, withOutputLimit } from '../core/output-limit.ts'
import type { AttemptStart, JobStore, Lane, QueueEntry, Queues } from '../core/ports.ts'
import { costOf, type MicroUsd, type Price } from '../core/pricing.ts'
import {
  type Completion,
  type Provider,
  ProviderError,
  type ProviderFailure,
  type TokenUsage,
} from '../core/provider.ts'
import type { AttemptRecord } from '../core/records.ts'
import { decideNextStep, type RetryPolicy } from '../core/retry-policy.ts'
import type { Logger, Span, Telemetry } from '../core/telemetry.ts'
import type { TokenCounter } from '../core/token-counter.ts'
import { streamIntoEvents } from './stream-output.ts'

/** Node fires a timer that is set for longer than this at once. */
const maxTimerMs = 2 ** 31 - 1

export interface DispatchDeps {
  readonly store: JobStore
  readonly queues: Queues
  readonly telemetry: Telemetry
  readonly log: Logger
  readonly pool: string
  readonly node: string
  readonly policy: RetryPolicy
  /** Null for a deployment unknown here. */
  readonly upstreamOf: (deployment: string) => Upstream | null
  readonly tokens: TokenCounter
  readonly random: () => number
}

export interface Upstream {
  /** Runs work with the deployment's provider under its concurrency limit. */
  readonly run: <Result>(work: (provider: Provider) => Promise<Result>) => Promise<Result>
  /** Null where calls cost nothing. */
  readonly price: Price | null
  /** The most tokens of one answer whose request names no limit. */
  readonly maxOutputTokens: number
  readonly outputLimitField: OutputLimitField
}

type Claim = Extract<AttemptStart, { kind: 'go' }>

/**
 * What became of one call. `lost`: the job is no longer this attempt's; nothing may be written any more. `not-called`:
 * what the attempts before this one left behind allows no other.
 */
type Outcome =
  | { kind: 'completed'; completion: Completion }
  | { kind: 'failed'; error: ProviderError }
  | { kind: 'lost' }
  | { kind: 'not-called'; code: 'upstream_failed' | 'stream_interrupted' | 'budget_exceeded' }

/**
 * Makes one attempt at a job and settles what follows: its end, another attempt, or the next deployment's lane. May
 * run again at any point: `startAttempt` claims the job with a fence that outdates every claim before it.
 */
export function dispatchJob(entry: QueueEntry, signal: AbortSignal, deps: DispatchDeps): Promise<void> {
  deps.telemetry.metrics.queueWait(entry.waitedMs, { queue: entry.queue })
  return deps.telemetry.tracing.span('dispatch job', { parent: entry.traceparent, kind: 'consumer' }, async (span) => {
    const { store, pool, node } = deps
    const claim = await store.startAttempt(entry.id, { hop: entry.hop, pool, node, nowMs: Date.now() })
    if (claim.kind === 'ended') return
    if (claim.kind === 'superseded') {
      await handOver(entry.id, claim.lane, claim.hop, claim.readyAtMs, span, deps)
      return
    }
    const run = new AttemptRun(entry, claim, span, deps)
    await run.settle(await run.call(signal))
  })
}

function handOver(
  id: JobId,
  lane: Lane,
  hop: number,
  readyAtMs: number,
  span: Span,
  deps: DispatchDeps,
): Promise<void> {
  return deps.queues.addToLane(lane, { id, hop, delayMs: readyAtMs - Date.now(), traceparent: span.traceparent })
}

class AttemptRun {
  readonly #entry: QueueEntry
  readonly #claim: Claim
  readonly #span: Span
  readonly #deps: DispatchDeps
  readonly #startedAtMs = Date.now()
  readonly #candidate: Candidate
  readonly #upstream: Upstream | null
  /** The attempts before this one, those included in whose middle a worker died. */
  readonly #before: readonly Attempt[]
  #hasOutput: boolean
  #firstTokenMs: number | null = null

  constructor(entry: QueueEntry, claim: Claim, span: Span, deps: DispatchDeps) {
    this.#entry = entry
    this.#claim = claim
    this.#span = span
    this.#deps = deps
    const candidate = claim.plan.candidates[claim.candidate]
    if (!candidate) throw new RangeError('a plan without its candidate')
    this.#candidate = candidate
    this.#upstream = deps.upstreamOf(candidate.deployment)
    this.#hasOutput = claim.hasOutput
    // Each claim before this one has either left its attempt behind or lost its worker. Only the count of claims bounds
    // a job that kills every worker that takes it.
    const lostWorkers = Math.max(0, claim.fence - 1 - claim.attempts.length)
    const lost: Attempt = { deployment: candidate.deployment, outcome: 'worker_lost', status: null, ms: 0, cost: 0 }
    this.#before = [...claim.attempts, ...Array.from({ length: lostWorkers }, () => lost)]
  }

  async call(signal: AbortSignal): Promise<Outcome> {
    const { plan, deadlineMs } = this.#claim
    if (this.#before.length >= this.#deps.policy.maxAttempts) return { kind: 'not-called', code: 'upstream_failed' }
    if (this.#hasOutput && !(await this.#startOver())) return { kind: 'lost' }
    if (this.#hasOutput) return { kind: 'not-called', code: 'stream_interrupted' }
    const upstream = this.#upstream
    if (!upstream) {
      const error = new ProviderError('connection', 'the deployment is not in this node’s configuration')
      return { kind: 'failed', error }
    }

    const outputTokens = limitOutput({ ...upstream, allowance: plan.allowance, spent: costOfAll(this.#before) })
    if (outputTokens === 0) return { kind: 'not-called', code: 'budget_exceeded' }
    const { bodyJson: asked } = this.#claim
    const bodyJson = outputTokens === null ? asked : withOutputLimit(asked, outputTokens, upstream.outputLimitField)

    // The word to stop may have come while the job was being claimed; a signal that has fired fires no more.
    if (signal.aborted) return { kind: 'lost' }
    const abort = new AbortController()
    const stop = () => abort.abort()
    signal.addEventListener('abort', stop, { once: true })
    const deadline = setTimeout(stop, Math.min(maxTimerMs, Math.max(0, deadlineMs - Date.now())))
    try {
      return await upstream.run((provider) =>
        this.#deps.telemetry.tracing.span(
          'upstream chat',
          { parent: this.#span.traceparent, kind: 'client' },
          (span) =>
            plan.stream
              ? this.#stream(provider, bodyJson, abort, span)
              : this.#complete(provider, bodyJson, abort.signal, span),
        ),
      )
    } catch (error) {
      // Shutdown or a lost lease: another worker has the job, or will have it.
      if (signal.aborted) return { kind: 'lost' }
      if (error instanceof ProviderError) return { kind: 'failed', error }
      throw error
    } finally {
      clearTimeout(deadline)
      signal.removeEventListener('abort', stop)
    }
  }

  /** Records the outcome and does what follows from it. */
  async settle(outcome: Outcome): Promise<void> {
    if (outcome.kind === 'lost') return
    if (outcome.kind === 'completed') await this.#end(outcome.completion)
    else if (outcome.kind === 'failed') await this.#recover(outcome.error)
    else await this.#giveUp(outcome.code, this.#before)
  }

  async #complete(provider: Provider, bodyJson: string, signal: AbortSignal, span: Span): Promise<Outcome> {
    const completion = await provider.complete({ bodyJson, headers: traceHeaders(span), signal })
    this.#observeFirstToken()
    return { kind: 'completed', completion }
  }

  async #stream(provider: Provider, bodyJson: string, abort: AbortController, span: Span): Promise<Outcome> {
    const chunks = provider.stream({
      bodyJson,
      headers: traceHeaders(span),
      signal: abort.signal,
    })
    const completion = await streamIntoEvents(chunks, {
      includeUsage: this.#claim.plan.includeUsage,
      append: (entries, first) => {
        if (first) this.#observeFirstToken()
        this.#hasOutput = true
        return this.#deps.store.append(this.#entry.id, this.#claim.fence, entries, first)
      },
      onLost: () => abort.abort(),
    })
    return completion ? { kind: 'completed', completion } : { kind: 'lost' }
  }

  async #end(completion: Completion): Promise<void> {
    const { id } = this.#entry
    const attempt = this.#record('completed', null, this.#usageOf(completion))
    const attempts = this.#with(attempt)
    const { deployment } = this.#candidate
    const ended = await this.#deps.store.end(
      id,
      'complete',
      { resultJson: completion.bodyJson, usage: completion.usage, attempt, ...this.#endFacts(attempts) },
      this.#claim.fence,
    )
    if (!ended) return
    const { metrics } = this.#deps.telemetry
    if (completion.usage) {
      metrics.tokens(completion.usage.prompt_tokens, { deployment, direction: 'input' })
      metrics.tokens(completion.usage.completion_tokens, { deployment, direction: 'output' })
    }
    this.#finished('completed', attempts)
  }

  async #recover(error: ProviderError): Promise<void> {
    const { plan, candidate, deadlineMs, fence } = this.#claim
    const attempt = this.#record(error.failure, error.status, this.#usageOfFailure(error))
    const attempts = this.#with(attempt)
    this.#span.fail(error.failure)
    // The deadline is all that aborts a call whose lease still holds.
    if (error.failure === 'aborted') return this.#giveUp('deadline_exceeded', attempts, attempt)
    const { deployment } = this.#candidate
    const step = decideNextStep({
      failure: error.failure,
      status: error.status,
      retryAfterMs: error.retryAfterMs,
      attemptsMade: attempts.length,
      attemptsOnThisDeployment: attempts.filter((attempt) => attempt.deployment === deployment).length,
      deploymentsLeft: plan.candidates.length - candidate - 1,
      msToDeadline: deadlineMs - Date.now(),
      // OpenAI's dialect has no word for "forget what I said": after the first token the caller must be told.
      canStartOver: !(this.#hasOutput && plan.surface === 'chat'),
      policy: this.#deps.policy,
      random: this.#deps.random(),
    })
    if (step.action === 'dead-letter') return this.#giveUp(step.code, attempts, attempt)

    const next = step.action === 'fallback' ? candidate + 1 : candidate
    const pool = plan.candidates[next]?.pool ?? this.#deps.pool
    const lane = { pool, sensitivity: this.#claim.sensitivity, priority: this.#claim.priority }
    const hop = this.#entry.hop + 1
    const readyAtMs = Date.now() + step.delayMs
    const moved = await this.#deps.store.retry(this.#entry.id, fence, {
      lane,
      candidate: next,
      hop,
      readyAtMs,
      attempts,
      attempt,
      resetOutput: this.#hasOutput,
    })
    if (moved) await handOver(this.#entry.id, lane, hop, readyAtMs, this.#span, this.#deps)
  }

  async #giveUp(code: ErrorCode, attempts: readonly Attempt[], attempt?: AttemptRecord): Promise<void> {
    const tried = attempts.map(({ deployment, outcome, status }) =>
      status === null ? `${deployment}: ${outcome}` : `${deployment}: ${outcome} (${status})`,
    )
    const message = `No answer after ${attempts.length} attempt${attempts.length === 1 ? '' : 's'}: ${tried.join(', ')}.`
    const ending = code === 'deadline_exceeded' ? 'expire' : 'fail'
    const ended = await this.#deps.store.end(
      this.#entry.id,
      ending,
      { error: { code, message }, ...(attempt && { attempt }), ...this.#endFacts(attempts) },
      this.#claim.fence,
    )
    if (ended) this.#finished(ending === 'expire' ? 'expired' : 'failed', attempts)
  }

  /** Tells native readers that the deltas so far are void. A chat stream can't be told; it ends in `settle`. */
  async #startOver(): Promise<boolean> {
    if (this.#claim.plan.surface === 'chat') return true
    this.#hasOutput = false
    return this.#deps.store.append(this.#entry.id, this.#claim.fence, ['output.reset {}'], false)
  }

  /** The ledger's row of this attempt. */
  #record(outcome: string, status: number | null, used: Used | null): AttemptRecord {
    const nowMs = Date.now()
    const ms = nowMs - this.#startedAtMs
    const { deployment, pool } = this.#candidate
    this.#deps.telemetry.metrics.attemptFinished(ms, { deployment, outcome })
    const price = this.#upstream?.price ?? null
    return {
      kind: 'attempt',
      job: this.#entry.id,
      atMs: nowMs,
      attemptId: `${this.#entry.id}.${this.#claim.fence}`,
      deployment,
      pool,
      outcome,
      status,
      ms,
      firstTokenMs: this.#firstTokenMs,
      usage: used?.usage ?? null,
      isEstimated: used?.isEstimated ?? false,
      cost: used && price ? costOf(used.usage, price) : 0,
    }
  }

  #with({ deployment, outcome, status, ms, cost }: AttemptRecord): Attempt[] {
    return [...this.#before, { deployment, outcome, status, ms, cost }]
  }

  #usageOf(completion: Completion): Used {
    if (completion.usage) return { usage: completion.usage, isEstimated: false }
    const { tokens } = this.#deps
    return estimated(tokens.countPrompt(this.#claim.bodyJson), tokens.countAnswer(completion.bodyJson))
  }

  /** A call that the upstream had begun to work on is paid for, as a rule; what it wrote before it broke is unknown. */
  #usageOfFailure({ failure }: ProviderError): Used | null {
    if (!this.#upstream?.price || !begunFailures.has(failure)) return null
    return estimated(this.#deps.tokens.countPrompt(this.#claim.bodyJson), 0)
  }

  #observeFirstToken(): void {
    const { deployment } = this.#candidate
    this.#firstTokenMs = Date.now() - this.#startedAtMs
    this.#deps.telemetry.metrics.firstToken(this.#firstTokenMs, { deployment })
  }

  #endFacts(attempts: readonly Attempt[]) {
    const { masked, candidates } = this.#claim.plan
    const pools = [...new Set(candidates.map(({ pool }) => pool))]
    return { masked, pools, attempts, deployment: this.#candidate.deployment, cost: costOfAll(attempts) }
  }

  #finished(status: string, attempts: readonly Attempt[]): void {
    const { plan, createdAtMs, priority } = this.#claim
    const ms = Date.now() - createdAtMs
    const { deployment } = this.#candidate
    this.#deps.telemetry.metrics.jobFinished(ms, { model: plan.model, priority, status })
    this.#deps.log.info({ job: this.#entry.id, status, deployment, attempts: attempts.length, ms }, 'job finished')
  }
}

interface Used {
  readonly usage: TokenUsage
  readonly isEstimated: boolean
}

function estimated(prompt: number, completion: number): Used {
  const usage = { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
  return { usage, isEstimated: true }
}

const begunFailures: ReadonlySet<ProviderFailure> = new Set([
  'cut_stream',
  'first_byte_timeout',
  'idle_timeout',
  'total_timeout',
  'invalid_response',
  'aborted',
])

function costOfAll(attempts: readonly Attempt[]): MicroUsd {
  return attempts.reduce((sum, { cost }) => sum + cost, 0)
}

function traceHeaders(span: Span): Record<string, string> {
  return span.traceparent === undefined ? {} : { traceparent: span.traceparent }
}
