import { firstDeployment, type JobId, type JobSpec } from '../core/job.ts'
import type { JobStore, QueueEntry, Queues, RouteDecision } from '../core/ports.ts'
import type { Logger, Telemetry } from '../core/telemetry.ts'
import { type DecideDeps, type Decision, decide } from './decide-job.ts'
import { type HandDeps, mayRun } from './hand-to-lane.ts'
import { answerFrom, followsAnother, recipientOf } from './recall-answer.ts'

export interface AuditDeps extends DecideDeps, HandDeps {
  readonly store: JobStore
  readonly queues: Queues
  readonly telemetry: Telemetry
  readonly log: Logger
  /** How long a job waits before a detector that failed is asked for the second time; doubles from then on. */
  readonly detectorWaitMs?: number | undefined
}

/** A body that kills every auditor that opens it is given up after this many; so is waiting for a detector. */
const maxAudits = 5
const usualDetectorWaitMs = 1_000

/**
 * Decides what class a job has, what a cloud pool may see of it, who may serve it and what it may cost, and hands it to
 * the lane of the first candidate. May run again at any point: money is held once per job, the decision is stored before
 * the hand-over, the hand-over is one delivery however often it is made, and the entry is completed by the caller only
 * after all of it.
 */
export function auditJob(entry: QueueEntry, deps: AuditDeps): Promise<void> {
  deps.telemetry.metrics.queueWait(entry.waitedMs, { queue: entry.queue })
  return deps.telemetry.tracing.span('audit job', { parent: entry.traceparent, kind: 'consumer' }, async (span) => {
    const start = await deps.store.startAudit(entry.id)
    if (start.kind === 'ended') return
    const { traceparent } = span
    if (start.kind === 'routed') {
      if (!(await mayRun(entry.id, start.spec, deps))) return
      await deps.queues.addToLane(start.lane, {
        id: entry.id,
        hop: start.hop,
        deployment: start.deployment,
        traceparent,
      })
      return
    }
    if (start.audits > maxAudits) {
      const error = { code: 'unprocessable_job', message: 'No auditor survived it.' } as const
      await deps.store.end(entry.id, 'fail', { error })
      return
    }
    const decision = await decide(entry.id, start.spec, start.bodyJson, deps)
    span.set('sluice.sensitivity', decision.record.sensitivity)
    if (decision.kind === 'recall') {
      await deps.store.route(entry.id, decision)
      await answerFrom(recipientOf(entry.id, start.spec, decision), decision.answer, 'hit', deps.store)
    } else if (decision.kind === 'route') {
      // Stored before it follows another job: whoever takes that one down must find it waiting.
      if (decision.recallKey !== null) await deps.store.route(entry.id, decision)
      if (await followsAnother(decision.recallKey, entry.id, start.spec, deps.recall)) return
      const isFree = await mayRun(entry.id, start.spec, deps)
      // The hand-over leaves with the decision and Redis keeps their order. An entry whose job did not get here, because
      // it was cancelled meanwhile, is dropped by the dispatcher.
      const stored = deps.store.route(entry.id, decision)
      const deployment = firstDeployment(decision.plan)
      const added = isFree
        ? deps.queues.addToLane(decision.lane, { id: entry.id, hop: 1, deployment, traceparent })
        : null
      await Promise.all([stored, added])
    } else if (decision.kind === 'wait' && start.audits < maxAudits) {
      await putOff(entry.id, start.spec, start.audits, traceparent, deps)
    } else {
      await reject(entry.id, decision, deps)
    }
  })
}

function putOff(
  id: JobId,
  { priority, sensitivity }: JobSpec,
  audits: number,
  traceparent: string | undefined,
  deps: AuditDeps,
): Promise<void> {
  const delayMs = (deps.detectorWaitMs ?? usualDetectorWaitMs) * 2 ** (audits - 1)
  deps.log.warn({ job: id, delay_ms: delayMs }, 'a detector is away; the job waits')
  return deps.queues.addToIntake({ id, priority, sensitivity, turn: audits, delayMs, traceparent })
}

async function reject(id: JobId, decision: Exclude<Decision, RouteDecision>, deps: AuditDeps): Promise<void> {
  const { code, message, record } = decision
  deps.log.info({ job: id, sensitivity: record.sensitivity, code }, 'job rejected')
  await deps.store.end(id, 'reject', { error: { code, message }, decision: { ...record, job: id } })
}
