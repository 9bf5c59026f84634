import { createHash } from 'node:crypto'
import type { CachedAnswer, CacheWish } from '../core/answer-cache.ts'
import type { BatchId } from '../core/batch.ts'
import type { RateLimits } from '../core/budget.ts'
import { BrokerError } from '../core/errors.ts'
import { createJobId, firstDeployment, type JobId, type JobSpec, type Surface } from '../core/job.ts'
import type {
  ClaimedStart,
  CreateResult,
  JobStore,
  NewJob,
  Queues,
  RouteDecision,
  Started,
  Watcher,
} from '../core/ports.ts'
import { describeRateRefusal, type RateLimiter } from '../core/rate-limit.ts'
import type { ActionRecord } from '../core/records.ts'
import type { Catalogue } from '../core/routing.ts'
import { stricter } from '../core/sensitivity.ts'
import type { ServiceTier } from '../core/service-tier.ts'
import type { Metrics, Tracing } from '../core/telemetry.ts'
import { mayUse, type Tenant } from '../core/tenant.ts'
import type { Endpoint, Priority, Sensitivity } from '../core/vocabulary.ts'
import { type DecideDeps, decide } from './decide-job.ts'
import type { DirectPlace, TakePlace } from './direct-work.ts'
import { type HandDeps, handOn, mayRun } from './hand-to-lane.ts'
import { answerFrom, followsAnother, recipientOf } from './recall-answer.ts'

export interface AcceptRequest {
  readonly tenant: Tenant
  readonly surface: Surface
  readonly endpoint: Endpoint
  readonly model: string
  /** The endpoint's body as JSON text. */
  readonly bodyJson: string
  /** Of a response, whose body was made from another request: what is kept of that one, as JSON text. */
  readonly response?: (NonNullable<JobSpec['response']> & { readonly requestJson: string }) | undefined
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly priority: Priority
  /** What the caller asked for; the tenant's default where it said nothing. */
  readonly sensitivity?: Sensitivity | undefined
  readonly deadlineMs?: number | undefined
  readonly metadata?: Record<string, string> | undefined
  readonly tags?: Record<string, string> | undefined
  readonly webhook?: { url: string; events?: string[] | undefined } | undefined
  readonly idempotencyKey?: string | undefined
  /** It goes on when its reader hangs up. With an `idempotencyKey` it does anyway. */
  readonly isDurable?: boolean | undefined
  /** The tier that its answer names. */
  readonly serviceTier?: ServiceTier | undefined
  /** Whether an answer that was given before will do; unset: if there is one. */
  readonly cache?: CacheWish | undefined
  readonly traceparent?: string | undefined
  /** Set for a run of a dead letter: the place in its chain, and who asked for it. There is one run for each. */
  readonly replay?: Replay | undefined
  /** Set for a line of a batch, with the id that its job was given before: asking twice makes one job. */
  readonly line?: { readonly batch: BatchId; readonly job: JobId } | undefined
  /** Who waits for the answer, when somebody does. */
  readonly watcher?: Watcher
  /** Called with the job's id before it is stored, so that a waiting reader can be in place before the first event. */
  readonly onId?: (id: JobId) => void
}

export interface Replay {
  readonly of: NonNullable<JobSpec['replayOf']>
  readonly by: Pick<ActionRecord, 'by' | 'byKey'>
}

export interface AcceptDeps extends DecideDeps, HandDeps {
  readonly store: JobStore
  readonly queues: Queues
  readonly catalogue: Catalogue
  readonly limiter: RateLimiter
  readonly rateLimitsOf: (tenant: string) => RateLimits | null
  readonly metrics: Metrics
  /** How many jobs are open, as of a moment ago; admission needs no exact number. */
  readonly openJobs: () => number
  readonly maxOpenJobs: number
  /** Milliseconds to the deadline of a job that names none. */
  readonly defaultDeadlineMs: Readonly<Record<Priority, number>>
  readonly checkWebhookUrl: (url: string) => void
  readonly now: () => number
  readonly tracing: Tracing
  /**
   * Whether interactive jobs are audited here instead of by way of an intake queue. For a process that is an auditor
   * too: somebody waits for the answer, and the way through the queue would only lead back here.
   */
  readonly auditsOnArrival: boolean
  /** Takes room at a dispatcher of this process, for a job that was audited on arrival and need not wait. */
  readonly takePlace?: TakePlace | undefined
}

export interface Accepted {
  readonly id: JobId
  readonly spec: JobSpec
  /** False when the idempotency key belongs to a job that was there before. */
  readonly created: boolean
  /** This process has looked already, and an auditor will reject it. */
  readonly isRejected: boolean
}

/**
 * Takes a job in: checks that it may be, stores it, and queues it for the auditor. When it resolves, the job survives
 * the death of any process. Throws `BrokerError`.
 */
export function acceptJob(request: AcceptRequest, deps: AcceptDeps): Promise<Accepted> {
  const name = request.surface === 'chat' ? `POST ${request.endpoint}` : spanNames[request.surface]
  return deps.tracing.span(name, { parent: request.traceparent, kind: 'server' }, (span) =>
    accept({ ...request, traceparent: span.traceparent }, deps),
  )
}

const spanNames = { responses: 'POST /v1/responses', jobs: 'POST /v1/jobs', batch: 'line of a batch' } as const

async function accept(request: AcceptRequest, deps: AcceptDeps): Promise<Accepted> {
  admit(request, deps)
  const spec = describeJob(request, deps)
  const id = request.line?.job ?? createJobId()
  await admitToMinute(id, spec, request.bodyJson, deps)
  const { audited, isRejected } = await auditOnArrival(id, spec, request.bodyJson, deps)
  const place = takePlaceFor(audited, deps)
  const job = {
    id,
    spec,
    bodyJson: request.bodyJson,
    ...(request.response && { requestJson: request.response.requestJson }),
    ...(request.watcher && { watcher: request.watcher }),
    ...(audited && { decision: audited.decision }),
    ...(place && { claim: place.claim }),
    ...(request.replay && { replay: { record: describeReplay(request.replay, id, deps.now()) } }),
  }

  if (request.idempotencyKey === undefined && !request.replay) {
    request.onId?.(id)
    // All leaves in one packet and Redis keeps the order. Should the rest get lost, the courier finds the job.
    const created = create(job, place, audited, deps)
    await Promise.all([created, sendOn(id, spec, audited, deps, { created, place })])
    deps.metrics.jobAccepted({ model: spec.model, priority: spec.priority, sensitivity: spec.sensitivity })
    return { id, spec, created: true, isRejected }
  }

  const { idempotencyKey: key } = request
  const idempotency = key === undefined ? undefined : { key, fingerprint: fingerprintOf(request) }
  const result = await create({ ...job, ...(idempotency && { idempotency }) }, place, audited, deps)
  if (result.kind === 'gone') {
    await letGo(id, spec, audited, deps)
    throw new BrokerError('job_not_replayable', 'The dead letter has expired or was discarded.', { param: 'id' })
  }
  // A connection that broke before the answer came has created it already, under this very id.
  if (result.kind === 'exists' && result.id !== id) {
    await letGo(id, spec, audited, deps)
    return attach(result.id, result.fingerprint, idempotency?.fingerprint ?? '', request, deps)
  }
  request.onId?.(id)
  await sendOn(id, spec, audited, deps, { created: Promise.resolve(result), place })
  deps.metrics.jobAccepted({ model: spec.model, priority: spec.priority, sensitivity: spec.sensitivity })
  return { id, spec, created: true, isRejected }
}

interface Audited {
  readonly decision: RouteDecision
  /** An answer that was given before. */
  readonly answer: CachedAnswer | null
  /** Under which its answer will be kept, or is being worked on already; null where it will not. */
  readonly recallKey: string | null
  /** Whether it may enter its lane; else it waits for another job of its tenant to end. Null: to be asked. */
  readonly mayRun: boolean | null
  readonly traceparent: string | undefined
}

/** A rejection is left to the auditor of the ordinary way, so that one place ends jobs. */
async function auditOnArrival(
  id: JobId,
  spec: JobSpec,
  bodyJson: string,
  deps: AcceptDeps,
): Promise<{ audited: Audited | null; isRejected: boolean }> {
  if (!deps.auditsOnArrival || spec.priority !== 'interactive') return { audited: null, isRejected: false }
  return deps.tracing.span('audit job', { parent: spec.traceparent }, async ({ traceparent }) => {
    const decision = await decide(id, spec, bodyJson, deps)
    if (decision.kind === 'recall') {
      const { answer } = decision
      return { audited: { decision, answer, recallKey: null, mayRun: null, traceparent }, isRejected: false }
    }
    if (decision.kind !== 'route') return { audited: null, isRejected: decision.kind === 'reject' }
    const { recallKey } = decision
    const isFree = recallKey === null ? await mayRun(id, spec, deps) : null
    return { audited: { decision, answer: null, recallKey, mayRun: isFree, traceparent }, isRejected: false }
  })
}

/** Room for a job that nothing holds up. */
function takePlaceFor(audited: Audited | null, deps: AcceptDeps): DirectPlace | null {
  if (!audited?.mayRun || audited.answer || audited.recallKey !== null) return null
  const { lane, plan } = audited.decision
  return deps.takePlace?.(lane, firstDeployment(plan)) ?? null
}

/** Stores a job, and begins with it at the place that was taken for it, if there is one and the gate lets it in. */
async function create(
  job: NewJob,
  place: DirectPlace | null,
  audited: Audited | null,
  deps: AcceptDeps,
): Promise<CreateResult> {
  if (!place || !audited) return deps.store.create(job)
  try {
    const result = await deps.store.create(job)
    const claimed = startOf(result)
    if (claimed) {
      const start = describeStart(job.spec, audited.decision, claimed)
      place.begin({ id: job.id, start, traceparent: audited.traceparent })
    } else place.leave()
    return result
  } catch (error) {
    place.leave()
    // It may have been stored and claimed all the same; an entry without a job is dropped.
    addToLane(job.id, audited, deps).catch(() => {})
    throw error
  }
}

function startOf(result: CreateResult): ClaimedStart | null {
  return result.kind === 'created' ? result.start : null
}

/** What the store would say of the attempt that has begun. */
function describeStart(spec: JobSpec, decision: RouteDecision, start: ClaimedStart): Started {
  const { plan, lane, bodies, deadlineMs } = decision
  return {
    kind: 'go',
    ...start,
    plan,
    candidate: 0,
    attempts: [],
    bodyJson: bodies.get(lane.pool) ?? '',
    deadlineMs,
    createdAtMs: spec.createdAtMs,
    sensitivity: lane.sensitivity,
    priority: spec.priority,
    hasOutput: false,
  }
}

/** Gives back what was taken for a job that will not be: the request was sent again, and it is another job. */
async function letGo(id: JobId, spec: JobSpec, audited: Audited | null, deps: AcceptDeps): Promise<void> {
  const nowMs = deps.now()
  const { tenant } = spec
  const tpm = deps.rateLimitsOf(tenant)?.tpm ?? null
  if (tpm !== null) await deps.limiter.release({ job: id, tenant, nowMs })
  if (!audited) return
  if (audited.decision.plan.allowance) await deps.spending.accounts.release(id, nowMs)
  if (deps.concurrencyOf(tenant) !== null) await handOn(await deps.permits.release(id, nowMs), deps)
}

/** Requests and tokens per minute. @throws BrokerError `rate_limit_exceeded` */
async function admitToMinute(id: JobId, spec: JobSpec, bodyJson: string, deps: AcceptDeps): Promise<void> {
  const { tenant } = spec
  const limits = deps.rateLimitsOf(tenant)
  if (!limits || (limits.rpm === null && limits.tpm === null)) return
  const tokens = limits.tpm === null ? 0 : deps.spending.tokens.countPrompt(bodyJson)
  const admission = await deps.limiter.admit({ job: id, tenant, limits, tokens, nowMs: deps.now() })
  if (admission.allowed) return
  const { retryAfterMs } = admission
  throw new BrokerError('rate_limit_exceeded', describeRateRefusal(admission), {
    ...(retryAfterMs === null ? { shouldRetry: false } : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }),
  })
}

/** Puts the job on its way unless it has begun: to an auditor, or, audited already, to its lane, or straight to its end. */
async function sendOn(
  id: JobId,
  spec: JobSpec,
  audited: Audited | null,
  deps: AcceptDeps,
  { created, place }: { created: Promise<CreateResult>; place: DirectPlace | null },
): Promise<void> {
  const { priority, sensitivity, traceparent } = spec
  if (!audited) return deps.queues.addToIntake({ id, priority, sensitivity, traceparent })
  if (place && startOf(await created)) return
  const { decision, answer, recallKey } = audited
  // What ends the job, or takes it down from behind another one, must find it stored.
  if (answer || recallKey !== null) await created
  if (answer) return void (await answerFrom(recipientOf(id, spec, decision), answer, 'hit', deps.store))
  if (await followsAnother(recallKey, id, spec, deps.recall)) return
  if (!(audited.mayRun ?? (await mayRun(id, spec, deps)))) return
  return addToLane(id, audited, deps)
}

function addToLane(id: JobId, { decision, traceparent }: Audited, { queues }: AcceptDeps): Promise<void> {
  return queues.addToLane(decision.lane, { id, hop: 1, deployment: firstDeployment(decision.plan), traceparent })
}

function admit(request: AcceptRequest, deps: AcceptDeps): void {
  if (deps.openJobs() >= deps.maxOpenJobs) throw new BrokerError('queue_full')
  const known = deps.catalogue.deploymentsOf(request.model) !== undefined
  if (!known || !mayUse(request.tenant, request.model)) {
    throw new BrokerError('model_not_found', 'No such model for this key; GET /v1/models lists those that there are.', {
      param: 'model',
    })
  }
  if (request.webhook) {
    if (!request.tenant.hasWebhookSecret) {
      throw new BrokerError('invalid_request', 'This tenant has no webhook_secret to sign webhooks with.', {
        param: 'webhook',
      })
    }
    deps.checkWebhookUrl(request.webhook.url)
  }
}

/** What is kept of a request. @throws BrokerError `invalid_request` for a deadline that has passed */
export function describeJob(request: AcceptRequest, deps: Pick<AcceptDeps, 'now' | 'defaultDeadlineMs'>): JobSpec {
  const nowMs = deps.now()
  const deadlineMs = request.deadlineMs ?? nowMs + deps.defaultDeadlineMs[request.priority]
  if (deadlineMs <= nowMs) throw new BrokerError('invalid_request', 'The deadline has passed.', { param: 'deadline' })
  const { floor } = request.tenant.sensitivity
  return {
    tenant: request.tenant.name,
    keyId: request.tenant.keyId,
    endpoint: request.endpoint,
    model: request.model,
    surface: request.surface,
    stream: request.stream,
    includeUsage: request.includeUsage,
    priority: request.priority,
    sensitivity: stricter(floor, request.sensitivity ?? request.tenant.sensitivity.default),
    createdAtMs: nowMs,
    deadlineMs,
    ...(request.metadata && { metadata: request.metadata }),
    ...(request.tags && { tags: request.tags }),
    ...(request.webhook && {
      webhook: { url: request.webhook.url, ...(request.webhook.events && { events: request.webhook.events }) },
    }),
    ...(request.traceparent && { traceparent: request.traceparent }),
    ...((request.isDurable || request.idempotencyKey !== undefined) && { isDurable: true }),
    ...(request.serviceTier && { serviceTier: request.serviceTier }),
    ...(request.response && { response: { background: request.response.background, store: request.response.store } }),
    ...(request.cache && { cache: request.cache }),
    ...(request.replay && { replayOf: request.replay.of }),
    ...(request.line && { batch: request.line.batch }),
  }
}

function describeReplay({ of, by }: Replay, run: JobId, atMs: number): ActionRecord {
  return { kind: 'action', job: of.previous, atMs, action: 'replay', ...by, run }
}

/** The same request sent again with its key is the same job; its first attempt may have died before the queue. */
async function attach(
  id: JobId,
  fingerprint: string,
  expected: string,
  request: AcceptRequest,
  deps: AcceptDeps,
): Promise<Accepted> {
  if (fingerprint !== expected) {
    throw new BrokerError('idempotency_key_reused', undefined, { param: 'Idempotency-Key' })
  }
  const record = await deps.store.read(id)
  if (record === null) {
    if (request.replay) throw new BrokerError('job_not_replayable', `It was replayed as ${id}, which has expired.`)
    throw new BrokerError('job_not_found', 'The job of this Idempotency-Key has expired.')
  }
  request.onId?.(id)
  const { priority, sensitivity, traceparent } = record.spec
  if (record.stage === 'intake') await deps.queues.addToIntake({ id, priority, sensitivity, traceparent })
  return { id, spec: record.spec, created: false, isRejected: false }
}

function fingerprintOf(request: AcceptRequest): string {
  const { endpoint, model, bodyJson, priority, sensitivity, webhook, metadata, tags, response } = request
  const rest = JSON.stringify([endpoint, model, priority, sensitivity, webhook, metadata, tags, response])
  return createHash('sha256').update(rest).update('\0').update(bodyJson).digest('base64url')
}
