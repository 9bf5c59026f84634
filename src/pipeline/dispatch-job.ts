import type { ErrorCode } from '../core/errors.ts'
import type { Attempt, Candidate, JobId } from '../core/job.ts'
import type { AttemptStart, JobStore, Lane, QueueEntry, Queues } from '../core/ports.ts'
import { type Completion, type Provider, ProviderError } from '../core/provider.ts'
import { decideNextStep, type RetryPolicy } from '../core/retry-policy.ts'
import type { Logger, Span, Telemetry } from '../core/telemetry.ts'
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
  /** Runs work with this deployment's provider under its concurrency limit; null for a deployment unknown here. */
  readonly withProvider: (deployment: string) => (<T>(work: (provider: Provider) => Promise<T>) => Promise<T>) | null
  readonly random: () => number
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
  | { kind: 'not-called'; code: 'upstream_failed' | 'stream_interrupted' }

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
  /** The attempts before this one, those included in whose middle a worker died. */
  readonly #before: readonly Attempt[]
  #hasOutput: boolean

  constructor(entry: QueueEntry, claim: Claim, span: Span, deps: DispatchDeps) {
    this.#entry = entry
    this.#claim = claim
    this.#span = span
    this.#deps = deps
    const candidate = claim.plan.candidates[claim.candidate]
    if (!candidate) throw new RangeError('a plan without its candidate')
    this.#candidate = candidate
    this.#hasOutput = claim.hasOutput
    // Each claim before this one has either left its attempt behind or lost its worker. Only the count of claims bounds
    // a job that kills every worker that takes it.
    const lostWorkers = Math.max(0, claim.fence - 1 - claim.attempts.length)
    const lost: Attempt = { deployment: candidate.deployment, outcome: 'worker_lost', status: null, ms: 0 }
    this.#before = [...claim.attempts, ...Array.from({ length: lostWorkers }, () => lost)]
  }

  async call(signal: AbortSignal): Promise<Outcome> {
    const { plan, deadlineMs } = this.#claim
    if (this.#before.length >= this.#deps.policy.maxAttempts) return { kind: 'not-called', code: 'upstream_failed' }
    if (this.#hasOutput && !(await this.#startOver())) return { kind: 'lost' }
    if (this.#hasOutput) return { kind: 'not-called', code: 'stream_interrupted' }
    const withProvider = this.#deps.withProvider(this.#candidate.deployment)
    if (!withProvider) {
      const error = new ProviderError('connection', 'the deployment is not in this node’s configuration')
      return { kind: 'failed', error }
    }

    // The word to stop may have come while the job was being claimed; a signal that has fired fires no more.
    if (signal.aborted) return { kind: 'lost' }
    const abort = new AbortController()
    const stop = () => abort.abort()
    signal.addEventListener('abort', stop, { once: true })
    const deadline = setTimeout(stop, Math.min(maxTimerMs, Math.max(0, deadlineMs - Date.now())))
    try {
      return await withProvider((provider) =>
        this.#deps.telemetry.tracing.span(
          'upstream chat',
          { parent: this.#span.traceparent, kind: 'client' },
          (span) => (plan.stream ? this.#stream(provider, abort, span) : this.#complete(provider, abort.signal, span)),
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

  async #complete(provider: Provider, signal: AbortSignal, span: Span): Promise<Outcome> {
    const completion = await provider.complete({ bodyJson: this.#claim.bodyJson, headers: traceHeaders(span), signal })
    this.#observeFirstToken()
    return { kind: 'completed', completion }
  }

  async #stream(provider: Provider, abort: AbortController, span: Span): Promise<Outcome> {
    const chunks = provider.stream({
      bodyJson: this.#claim.bodyJson,
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
    const attempts = this.#attemptsWith('completed', null)
    const { deployment } = this.#candidate
    const ended = await this.#deps.store.end(
      id,
      'complete',
      { resultJson: completion.bodyJson, usage: completion.usage, attempts, deployment, ...this.#endFacts() },
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
    const attempts = this.#attemptsWith(error.failure, error.status)
    this.#span.fail(error.failure)
    // The deadline is all that aborts a call whose lease still holds.
    if (error.failure === 'aborted') return this.#giveUp('deadline_exceeded', attempts)
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
    if (step.action === 'dead-letter') return this.#giveUp(step.code, attempts)

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
      resetOutput: this.#hasOutput,
    })
    if (moved) await handOver(this.#entry.id, lane, hop, readyAtMs, this.#span, this.#deps)
  }

  async #giveUp(code: ErrorCode, attempts: readonly Attempt[]): Promise<void> {
    const tried = attempts.map(({ deployment, outcome, status }) =>
      status === null ? `${deployment}: ${outcome}` : `${deployment}: ${outcome} (${status})`,
    )
    const message = `No answer after ${attempts.length} attempt${attempts.length === 1 ? '' : 's'}: ${tried.join(', ')}.`
    const ending = code === 'deadline_exceeded' ? 'expire' : 'fail'
    const ended = await this.#deps.store.end(
      this.#entry.id,
      ending,
      { error: { code, message }, attempts, deployment: this.#candidate.deployment, ...this.#endFacts() },
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

  #attemptsWith(outcome: string, status: number | null): Attempt[] {
    const ms = Date.now() - this.#startedAtMs
    const { deployment } = this.#candidate
    this.#deps.telemetry.metrics.attemptFinished(ms, { deployment, outcome })
    return [...this.#before, { deployment, outcome, status, ms }]
  }

  #observeFirstToken(): void {
    const { deployment } = this.#candidate
    this.#deps.telemetry.metrics.firstToken(Date.now() - this.#startedAtMs, { deployment })
  }

  #endFacts(): { masked: boolean; pools: string[] } {
    const { masked, candidates } = this.#claim.plan
    return { masked, pools: [...new Set(candidates.map(({ pool }) => pool))] }
  }

  #finished(status: string, attempts: readonly Attempt[]): void {
    const { plan, createdAtMs, priority } = this.#claim
    const ms = Date.now() - createdAtMs
    const { deployment } = this.#candidate
    this.#deps.telemetry.metrics.jobFinished(ms, { model: plan.model, priority, status })
    this.#deps.log.info({ job: this.#entry.id, status, deployment, attempts: attempts.length, ms }, 'job finished')
  }
}

function traceHeaders(span: Span): Record<string, string> {
  return span.traceparent === undefined ? {} : { traceparent: span.traceparent }
}
