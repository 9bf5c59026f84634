import { ChatAssembler } from '../core/chat-assembler.ts'
import { isFilteredAway } from '../core/content-filter.ts'
import { limitOutput, withOutputLimit } from '../core/output-limit.ts'
import { costAtMost } from '../core/pricing.ts'
import { type Completion, type Provider, ProviderError } from '../core/provider.ts'
import { countAttempts } from '../core/retry-policy.ts'
import type { Span } from '../core/telemetry.ts'
import { usedSoFar } from './account-attempt.ts'
import { type AttemptRun, canStartOver, costOfAll, type Outcome } from './attempt-run.ts'
import type { DispatchDeps, Upstream } from './dispatch-deps.ts'
import { streamIntoEvents } from './stream-output.ts'

/** Node fires a timer that is set for longer than this at once. */
const maxTimerMs = 2 ** 31 - 1

/** Makes the one call of an attempt, if what came before it allows one. `signal` says that the job is to be let go. */
export async function callUpstream(run: AttemptRun, signal: AbortSignal, deps: DispatchDeps): Promise<Outcome> {
  const { plan, deadlineMs, sensitivity } = run.claim
  if (deadlineMs <= Date.now()) return { kind: 'not-called', code: 'deadline_exceeded' }
  if (countAttempts(run.before) >= deps.policy.maxAttempts) return { kind: 'not-called', code: 'upstream_failed' }
  if (!canStartOver(run)) return { kind: 'not-called', code: 'stream_interrupted' }
  if (run.hasOutput && !(await startOver(run, deps))) return { kind: 'lost' }

  const { upstream } = run
  if (!upstream) return refused('connection', 'the deployment is not in this node’s configuration')
  const { deployment, isUnmasked } = run.candidate
  const refusal = deps.refusalOf?.(deployment, sensitivity, isUnmasked) ?? null
  if (refusal) return refused(refusal.kind === 'forbidden' ? 'unsupported' : 'connection', refusal.reason)
  const bodyJson = bodyWithinAllowance(run, upstream)
  if (bodyJson === null) return { kind: 'not-called', code: 'budget_exceeded' }

  // The word to stop may have come while the job was being claimed; a signal that has fired fires no more.
  if (signal.aborted) return { kind: 'lost' }
  const abort = new AbortController()
  const stop = () => abort.abort()
  signal.addEventListener('abort', stop, { once: true })
  const deadline = setTimeout(stop, Math.min(maxTimerMs, Math.max(0, deadlineMs - Date.now())))
  try {
    return await upstream.run((provider) => {
      const what = plan.endpoint === '/v1/embeddings' ? 'upstream embeddings' : 'upstream chat'
      const parent = run.span.traceparent
      return deps.telemetry.tracing.span(what, { parent, kind: 'client' }, (span) =>
        plan.stream
          ? stream(run, provider, { bodyJson, abort, span }, deps)
          : complete(run, provider, { bodyJson, abort, span }, deps),
      )
    })
  } catch (error) {
    // Shutdown or a lost lease: another worker has the job, or will have it.
    if (signal.aborted) return { kind: 'lost' }
    if (error instanceof ProviderError) return { kind: 'failed', error, wasCalled: true }
    throw error
  } finally {
    clearTimeout(deadline)
    signal.removeEventListener('abort', stop)
  }
}

function refused(failure: 'connection' | 'unsupported', reason: string): Outcome {
  return { kind: 'failed', error: new ProviderError(failure, reason), wasCalled: false }
}

/** Tells readers that the deltas so far are void. False when the job is no longer this attempt's. */
function startOver(run: AttemptRun, deps: DispatchDeps): Promise<boolean> {
  run.hasOutput = false
  return deps.store.append(run.entry.id, run.claim.fence, ['output.reset {}'], false)
}

/** The request with what is left to pay for an answer as its limit; null where nothing is left. */
function bodyWithinAllowance({ claim, before }: AttemptRun, upstream: Upstream): string | null {
  const { plan, bodyJson } = claim
  const { allowance } = plan
  const spent = costOfAll(before)
  if (plan.endpoint === '/v1/embeddings') {
    if (!allowance || !upstream.price) return bodyJson
    const cost = costAtMost({ prompt: allowance.promptTokens, output: 0 }, upstream.price)
    return cost <= allowance.reserved - spent ? bodyJson : null
  }
  const outputTokens = limitOutput({ ...upstream, allowance, spent })
  if (outputTokens === 0) return null
  return outputTokens === null ? bodyJson : withOutputLimit(bodyJson, outputTokens, upstream.outputLimitField)
}

interface Call {
  readonly bodyJson: string
  readonly abort: AbortController
  readonly span: Span
}

async function complete(run: AttemptRun, provider: Provider, call: Call, deps: DispatchDeps): Promise<Outcome> {
  const request = { bodyJson: call.bodyJson, headers: traceHeaders(call.span), signal: call.abort.signal }
  const isEmbedding = run.claim.plan.endpoint === '/v1/embeddings'
  const completion = await (isEmbedding ? provider.embed(request) : provider.complete(request))
  noteFirstToken(run, deps)
  return hasNextForFiltered(run) && isFilteredAway(completion.bodyJson) ? filtered(completion) : completed(completion)
}

async function stream(run: AttemptRun, provider: Provider, call: Call, deps: DispatchDeps): Promise<Outcome> {
  const { id } = run.entry
  const { fence, plan } = run.claim
  const answer = new ChatAssembler()
  run.answer = answer
  const chunks = provider.stream({
    bodyJson: call.bodyJson,
    headers: traceHeaders(call.span),
    signal: call.abort.signal,
  })
  const result = await streamIntoEvents(chunks, answer, {
    includeUsage: plan.includeUsage,
    append: (entries, isFirst) => {
      if (isFirst) noteFirstToken(run, deps)
      run.hasOutput = true
      return deps.store.append(id, fence, entries, isFirst, usedSoFar(run))
    },
    mayWithhold: (bodyJson) => hasNextForFiltered(run) && isFilteredAway(bodyJson),
    onLost: () => call.abort.abort(),
  })
  if (result.kind === 'lost') return { kind: 'lost' }
  return result.kind === 'withheld' ? filtered(result.completion) : completed(result.completion)
}

/** An answer that its upstream filtered away is the caller's to see, unless another model is there for this case. */
function hasNextForFiltered({ claim, candidate }: AttemptRun): boolean {
  const { candidates } = claim.plan
  return candidates.some(({ after, deployment }) => after === 'content_policy' && deployment !== candidate.deployment)
}

function completed(completion: Completion): Outcome {
  return { kind: 'completed', completion }
}

function filtered({ usage }: Completion): Outcome {
  const error = new ProviderError('content_policy', 'The upstream filtered its whole answer', { status: 200 })
  return { kind: 'failed', error, wasCalled: true, usage }
}

function noteFirstToken(run: AttemptRun, deps: DispatchDeps): void {
  run.firstTokenMs = Date.now() - run.startedAtMs
  deps.telemetry.metrics.firstToken(run.firstTokenMs, { deployment: run.candidate.deployment })
}

function traceHeaders(span: Span): Record<string, string> {
  return span.traceparent === undefined ? {} : { traceparent: span.traceparent }
}
