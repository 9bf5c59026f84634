import type { Auditing } from '../core/auditing.ts'
import { describeRefusal } from '../core/budget.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Allowance, Candidate, DispatchPlan, JobId, JobSpec } from '../core/job.ts'
import type { RouteDecision } from '../core/ports.ts'
import type { DecisionRecord } from '../core/records.ts'
import { type Catalogue, chooseCandidates } from '../core/routing.ts'
import { formFor } from '../core/sensitivity.ts'
import { type Examined, examine } from './examine-job.ts'
import { holdMoney, type Spending } from './hold-money.ts'

export interface DecideDeps {
  readonly catalogue: Catalogue
  readonly auditing: Auditing
  readonly spending: Spending
  readonly now: () => number
}

interface Refused {
  readonly code: ErrorCode
  readonly message: string
  readonly record: Omit<DecisionRecord, 'job'>
}

export type Decision =
  | ({ readonly kind: 'route' } & RouteDecision)
  | ({ readonly kind: 'reject' } & Refused)
  /** A detector is away, and no deployment may see what nobody has looked at. */
  | ({ readonly kind: 'wait' } & Refused)

/**
 * The auditor's judgement: a job's words in; out comes who may serve it and what they may see, with the money held that
 * it may cost. What can't be told does not pass.
 */
export async function decide(id: JobId, spec: JobSpec, bodyJson: string, deps: DecideDeps): Promise<Decision> {
  const examined = await examine(spec, bodyJson, deps.auditing.of(spec.tenant))
  const recordOf = (candidates: readonly Candidate[], reserved = 0): Omit<DecisionRecord, 'job'> => ({
    kind: 'decision',
    atMs: deps.now(),
    asked: spec.sensitivity,
    sensitivity: examined.sensitivity,
    reason: examined.reason,
    found: examined.found,
    masked: isMasked(examined, candidates, deps.catalogue) ? examined.found : {},
    detectors: examined.detectors,
    candidates: candidates.map(({ deployment }) => deployment),
    reserved,
  })
  if (examined.blocked !== null) {
    return { kind: 'reject', code: 'content_blocked', message: examined.blocked, record: recordOf([]) }
  }
  const deployments = deps.catalogue.deploymentsOf(spec.model) ?? []
  const eligible = chooseCandidates({ deployments, sensitivity: examined.sensitivity, catalogue: deps.catalogue })
  if (eligible.length === 0 || examined.mayBeBlocked) {
    // A class that the caller asked for stays when the detector is back.
    const isFinal = spec.sensitivity === 'restricted' && eligible.length === 0
    return isFinal ? refuse(examined, recordOf([])) : putOffOrRefuse(examined, recordOf([]))
  }

  const priced = { id, spec, bodyJson: examined.asWritten, candidates: eligible }
  const hold = await holdMoney(priced, deps.spending, deps.now())
  if (hold.kind === 'refused') {
    return { kind: 'reject', code: 'budget_exceeded', message: describeRefusal(hold.refusal), record: recordOf([]) }
  }
  const { candidates, allowance } = hold
  const record = recordOf(candidates, allowance?.reserved)
  return { kind: 'route', ...route({ spec, examined, candidates, allowance, record }, deps.catalogue) }
}

function putOffOrRefuse(examined: Examined, record: Refused['record']): Decision {
  const { failedDetector } = examined
  if (failedDetector === null) return refuse(examined, record)
  const message = `The detector ${failedDetector} is away, and nothing goes unexamined where its findings decide.`
  return { kind: 'wait', code: 'detector_unavailable', message, record }
}

function refuse({ sensitivity, reason }: Examined, record: Refused['record']): Decision {
  const message = `No deployment of this model may see a ${sensitivity} job (${reason}).`
  return { kind: 'reject', code: 'no_eligible_deployment', message, record }
}

function route(
  facts: {
    spec: JobSpec
    examined: Examined
    candidates: readonly Candidate[]
    allowance: Allowance | undefined
    record: RouteDecision['record']
  },
  catalogue: Catalogue,
): RouteDecision {
  const { spec, examined, candidates, allowance, record } = facts
  const { sensitivity, reason, asWritten, maskedJson, vault } = examined
  const isChanged = isMasked(examined, candidates, catalogue)
  const masked = vault.size > 0 && isChanged
  const { endpoint, surface, stream, includeUsage, model } = spec
  const plan: DispatchPlan = {
    endpoint,
    surface,
    stream,
    includeUsage,
    model,
    masked,
    candidates,
    ...(allowance && { allowance }),
  }
  const bodyFor = ({ pool }: Candidate) =>
    formFor(sensitivity, catalogue.residencyOf(pool)) === 'masked' ? maskedJson : asWritten
  return {
    plan,
    lane: { pool: candidates[0]?.pool ?? '', sensitivity, priority: spec.priority },
    sensitivity,
    reason,
    masked: record.masked,
    bodies: new Map(candidates.map((candidate) => [candidate.pool, bodyFor(candidate)])),
    vault: masked ? vault : new Map(),
    deadlineMs: spec.deadlineMs,
    record,
  }
}

/** Whether some candidate reads another text than the caller wrote. */
function isMasked(examined: Examined, candidates: readonly Candidate[], catalogue: Catalogue): boolean {
  if (examined.maskedJson === examined.asWritten) return false
  return candidates.some(({ pool }) => formFor(examined.sensitivity, catalogue.residencyOf(pool)) === 'masked')
}
