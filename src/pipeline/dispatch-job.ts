import type { QueueEntry, Started } from '../core/ports.ts'
import type { Span } from '../core/telemetry.ts'
import { type AttemptRun, beginRun, ClaimLostError } from './attempt-run.ts'
import { callUpstream } from './call-upstream.ts'
import { claimJob } from './claim-job.ts'
import type { DispatchDeps } from './dispatch-deps.ts'
import { settleAttempt } from './settle-attempt.ts'

/**
 * Makes one attempt at a job and settles what follows: its end, another attempt, or the next deployment's lane. May
 * run again at any point: `startAttempt` claims the job with a fence that outdates every claim before it.
 * @throws ClaimLostError when the job was lost although `signal` has not fired: the entry must stay with its lease.
 */
export function dispatchJob(entry: QueueEntry, signal: AbortSignal, deps: DispatchDeps): Promise<void> {
  return dispatch(entry, signal, (span) => claimJob(entry, span, deps), deps)
}

/** The same for a job that was claimed in the step that stored it. */
export function dispatchClaimed(
  entry: QueueEntry,
  claim: Started,
  signal: AbortSignal,
  deps: DispatchDeps,
): Promise<void> {
  const gate = deps.gateOf(entry.deployment)
  return dispatch(entry, signal, (span) => beginRun(entry, claim, { gate, span }, deps), deps)
}

function dispatch(
  entry: QueueEntry,
  signal: AbortSignal,
  claim: (span: Span) => Promise<AttemptRun | null> | AttemptRun,
  deps: DispatchDeps,
): Promise<void> {
  deps.telemetry.metrics.queueWait(entry.waitedMs, { queue: entry.queue })
  return deps.telemetry.tracing.span('dispatch job', { parent: entry.traceparent, kind: 'consumer' }, async (span) => {
    const run = await claim(span)
    if (!run) return
    try {
      await settleAttempt(run, await callUpstream(run, signal, deps), deps)
    } catch (error) {
      // Shutdown, a lost lease or a cancelled job: whoever told us takes care of the entry.
      if (error instanceof ClaimLostError && signal.aborted) return
      throw error
    }
  })
}
