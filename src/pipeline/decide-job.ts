import type { CachedAnswer } from '../core/answer-cache.ts'
import type { Auditing } from '../core/auditing.ts'
import { describeRefusal } from '../core/budget.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Allowance, Candidate, DispatchPlan, JobId, JobSpec } from '../core/job.ts'
import type { RouteDecision } from '../core/ports.ts'
import type { DecisionRecord } from '../core/records.ts'
import { type Catalogue, type Routing, toCandidates } from '../core/routing.ts'
import { formFor } from '../core/sensitivity.ts'
import { type ChoosingDeps, chooseDeployments, describeRequest } from './choose-deployments.ts'
import { type Examined, examine } from './examine-job.ts'
import { holdMoney, type Spending } from './hold-money.ts'
import { type RecallDeps, recallAnswer, recallKeyOf } from './recall-answer.ts'

export interface DecideDeps extends ChoosingDeps {
  readonly auditing: Auditing
  readonly spending: Spending
  /** Null where no model gives answers again. */
  readonly recall: RecallDeps | null
}

interface Refused {
  readonly code: ErrorCode
  readonly message: string
  readonly record: Omit<DecisionRecord, 'job'>
}

export type Decision =
  | ({
      readonly kind: 'route'
      /** Under which its answer will be kept; null where it will not. */
      readonly recallKey: string | null
    } & RouteDecision)
  /** The answer was given before. */
  | ({ readonly kind: 'recall'; readonly answer: CachedAnswer } & RouteDecision)
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
    candidates: [...new Set(candidates.map(({ deployment }) => deployment))],
    reserved,
  })
  if (examined.blocked !== null) {
    return { kind: 'reject', code: 'content_blocked', message: examined.blocked, record: recordOf([]) }
  }
  const { sensitivity, asWritten } = examined
  const nowMs = deps.now()
  const job = { seed: id, spec, sensitivity, bodyJson: asWritten }
  const request = describeRequest(job, deps.spending.tokens, nowMs)
  const { routing, refused } = chooseDeployments(request, examined, spec.sensitivity, deps)
  if (refused) return { ...refused, record: recordOf([]) }

  const { prompt, wish } = request
  const eligible = toCandidates(spec.model, routing.candidates)
  const recallKey = deps.recall && recallKeyOf(spec, examined, deps.recall)
  const answer = deps.recall && recallKey !== null ? await recallAnswer(recallKey, spec, deps.recall) : null
  if (answer) {
    // Nothing is called, so nothing is held.
    const facts = { spec, examined, candidates: eligible, allowance: undefined, promptTokens: null }
    return { kind: 'recall', answer, ...route({ ...facts, record: recordOf(eligible) }, deps.catalogue) }
  }

  const hold = await holdMoney({ id, spec, prompt, wish, candidates: eligible }, deps.spending, nowMs)
  if (hold.kind === 'refused') {
    return { kind: 'reject', code: 'budget_exceeded', message: describeRefusal(hold.refusal), record: recordOf([]) }
  }
  const { candidates, allowance } = hold
  const record = recordOf(candidates, allowance?.reserved)
  if (hasTokenLimit(routing)) prompt.count()
  deps.signals.chose(candidates[0]?.deployment ?? '')
  return {
    kind: 'route',
    recallKey,
    ...route({ spec, examined, candidates, allowance, promptTokens: prompt.counted, record }, deps.catalogue),
  }
}

function hasTokenLimit({ candidates }: Routing): boolean {
  return candidates.some(({ deployment }) => deployment.limits.tokensPerMinute !== null)
}

function route(
  facts: {
    spec: JobSpec
    examined: Examined
    candidates: readonly Candidate[]
    allowance: Allowance | undefined
    promptTokens: number | null
    record: RouteDecision['record']
  },
  catalogue: Catalogue,
): RouteDecision {
  const { spec, examined, candidates, allowance, promptTokens, record } = facts
  const { sensitivity, reason, asWritten, maskedJson, vault } = examined
  const isChanged = isMasked(examined, candidates, catalogue)
  const masked = vault.size > 0 && isChanged
  const { endpoint, surface, stream, includeUsage, model } = spec
  const asked = catalogue.modelOf(model)
  const isUnmaskable = maskedJson !== asWritten
  const seesMasked = ({ pool }: Candidate) => formFor(sensitivity, catalogue.residencyOf(pool)) === 'masked'
  const noteForm = (candidate: Candidate) =>
    seesMasked(candidate) ? candidate : { ...candidate, isUnmasked: true as const }
  const plan: DispatchPlan = {
    endpoint,
    surface,
    stream,
    includeUsage,
    model,
    masked,
    candidates: isUnmaskable ? candidates.map(noteForm) : candidates,
    ...(allowance && { allowance }),
    ...(promptTokens !== null && { promptTokens }),
    ...(asked?.onOutage === 'wait' && { onOutage: 'wait' }),
    ...(asked?.onCutStream === 'fail' && { onCutStream: 'fail' }),
  }
  const bodyFor = (candidate: Candidate) => (seesMasked(candidate) ? maskedJson : asWritten)
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
