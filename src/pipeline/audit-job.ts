import { BrokerError } from '../core/errors.ts'
import type { Candidate, DispatchPlan, JobId, JobSpec, MaskedCounts } from '../core/job.ts'
import { Masker } from '../core/pii/mask.ts'
import { maskChatBody } from '../core/pii/mask-chat.ts'
import type { JobStore, QueueEntry, Queues, RouteDecision } from '../core/ports.ts'
import { type Catalogue, chooseCandidates } from '../core/routing.ts'
import { formFor, stricter } from '../core/sensitivity.ts'
import type { Logger, Telemetry } from '../core/telemetry.ts'
import type { Sensitivity } from '../core/vocabulary.ts'

export interface AuditDeps {
  readonly store: JobStore
  readonly queues: Queues
  readonly catalogue: Catalogue
  readonly telemetry: Telemetry
  readonly log: Logger
}

/** A body that kills every auditor that opens it is given up after this many. */
const maxAudits = 5

/**
 * Decides what class a job has, what a cloud pool may see of it and who may serve it, and hands it to the lane of the
 * first candidate. May run again at any point: the decision is stored before the hand-over, the hand-over is one
 * delivery however often it is made, and the entry is completed by the caller only after both.
 */
export function auditJob(entry: QueueEntry, deps: AuditDeps): Promise<void> {
  deps.telemetry.metrics.queueWait(entry.waitedMs, { queue: entry.queue })
  return deps.telemetry.tracing.span('audit job', { parent: entry.traceparent, kind: 'consumer' }, async (span) => {
    const start = await deps.store.startAudit(entry.id)
    if (start.kind === 'ended') return
    if (start.kind === 'routed') {
      await deps.queues.addToLane(start.lane, { id: entry.id, hop: start.hop, traceparent: span.traceparent })
      return
    }
    if (start.audits > maxAudits) {
      await deps.store.end(entry.id, 'fail', {
        error: { code: 'unprocessable_job', message: 'No auditor survived it.' },
      })
      return
    }
    const decision = decide(start.spec, start.bodyJson, deps.catalogue)
    span.set('sluice.sensitivity', decision.sensitivity)
    if (decision.kind === 'reject') {
      await reject(entry.id, decision, deps)
      return
    }
    // The hand-over leaves with the decision and Redis keeps their order. An entry whose job did not get here, because
    // it was cancelled meanwhile, is dropped by the dispatcher.
    await Promise.all([
      deps.store.route(entry.id, decision),
      deps.queues.addToLane(decision.lane, { id: entry.id, hop: 1, traceparent: span.traceparent }),
    ])
  })
}

type Decision =
  | ({ readonly kind: 'route' } & RouteDecision)
  | { readonly kind: 'reject'; readonly sensitivity: Sensitivity; readonly reason: string }

/** The auditor's judgement. Pure: a job's words in, a decision out. */
export function decide(spec: JobSpec, bodyJson: string, catalogue: Catalogue): Decision {
  const { model: _model, stream: _stream, stream_options: _options, ...body } = JSON.parse(bodyJson)
  const masker = new Masker(bodyJson)
  const maskedBody = maskChatBody(body, masker)
  const { sensitivity, reason } = classify(spec.sensitivity, masker.counts)

  const deployments = catalogue.deploymentsOf(spec.model) ?? []
  const candidates = chooseCandidates({ deployments, sensitivity, catalogue })
  const first = candidates[0]
  if (!first) return { kind: 'reject', sensitivity, reason }

  const formOf = ({ pool }: Candidate) => formFor(sensitivity, catalogue.residencyOf(pool))
  const needsMasking = masker.vault.size > 0 && candidates.some((candidate) => formOf(candidate) === 'masked')
  const asWritten = JSON.stringify(body)
  const masked = needsMasking ? JSON.stringify(maskedBody) : asWritten
  const bodies = new Map(
    candidates.map((candidate) => [candidate.pool, formOf(candidate) === 'masked' ? masked : asWritten]),
  )
  const plan: DispatchPlan = {
    endpoint: spec.endpoint,
    surface: spec.surface,
    stream: spec.stream,
    includeUsage: spec.includeUsage,
    model: spec.model,
    masked: needsMasking,
    candidates,
  }
  return {
    kind: 'route',
    plan,
    lane: { pool: first.pool, sensitivity, priority: spec.priority },
    sensitivity,
    reason,
    masked: needsMasking ? masker.counts : {},
    bodies,
    vault: needsMasking ? masker.vault : new Map(),
    deadlineMs: spec.deadlineMs,
  }
}

/** The caller's wish and the findings give the class; it may only rise. */
function classify(asked: Sensitivity, found: MaskedCounts): { sensitivity: Sensitivity; reason: string } {
  const entities = Object.keys(found)
  if (entities.length === 0) return { sensitivity: asked, reason: 'as requested or by the tenant’s policy' }
  const sensitivity = stricter(asked, 'internal')
  if (sensitivity === asked) return { sensitivity, reason: 'as requested or by the tenant’s policy' }
  return { sensitivity, reason: `raised from ${asked}: found ${entities.join(', ')}` }
}

async function reject(
  id: JobId,
  decision: { sensitivity: Sensitivity; reason: string },
  deps: AuditDeps,
): Promise<void> {
  const message = `No deployment of this model may see a ${decision.sensitivity} job (${decision.reason}).`
  const error = new BrokerError('no_eligible_deployment', message)
  deps.log.info({ job: id, sensitivity: decision.sensitivity, code: error.code }, 'job rejected')
  await deps.store.end(id, 'reject', { error: { code: error.code, message } })
}
