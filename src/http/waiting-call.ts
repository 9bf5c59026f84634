/** Calls of OpenAI's API that wait for the end of their job: made as a job, followed, and answered in the endpoint's own words. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { BrokerError, type ErrorCode } from '../core/errors.ts'
import type { JobId } from '../core/job.ts'
import { isTerminalEvent, type JobEvent, type TerminalFacts } from '../core/job-event.ts'
import { isTerminal } from '../core/job-state.ts'
import { echoTier, priorityFor, type ServiceTier, tierServed } from '../core/service-tier.ts'
import type { Tenant } from '../core/tenant.ts'
import type { Endpoint, Priority } from '../core/vocabulary.ts'
import type { Follower } from '../delivery/event-hub.ts'
import { type Accepted, type AcceptRequest, acceptJob, describeJob } from '../pipeline/accept-job.ts'
import { deliverResult, terminalFacts } from '../pipeline/deliver-result.ts'
import type { HttpDeps } from './deps.ts'
import { sendError } from './error-handler.ts'
import { factsOf, requireJob } from './job-reading.ts'
import { type Preference, sendJobInstead } from './prefer.ts'
import { readJobHeaders } from './request-headers.ts'
import { waitQuery } from './schemas.ts'

export interface CallFacts {
  readonly endpoint: Endpoint
  readonly model: string
  readonly stream: boolean
  readonly includeUsage: boolean
  /** The client would rather have the job than wait: nobody reads its answer here. */
  readonly isAsync?: boolean
  /** The request asks for its answer to be stored. */
  readonly isDurable?: boolean
  /** `service_tier` of the request. */
  readonly tier?: string | null | undefined
  readonly metadata?: Record<string, string> | undefined
  /** Set where the job is not what the request says: a response, whose chat was made from another body. */
  readonly job?: Pick<AcceptRequest, 'surface' | 'bodyJson' | 'response' | 'metadata'>
  /** Set where nobody waits for it. */
  readonly usual?: Priority
}

/** Where an endpoint that is not its job's own waits for the job's answer, and what it makes of it. */
export interface AnswerView {
  path(id: JobId): string
  show(id: JobId, resultJson: string): Promise<string>
}

/** Somebody waits for the answer of a call, unless a header says that it may take its time. */
const usualPriority = 'interactive'

/** Accepts the call as a job with this process as its reader, in place before the first event can come. */
export async function startCall(
  call: CallFacts,
  request: FastifyRequest,
  deps: HttpDeps,
): Promise<{ accepted: Accepted; follower: Follower }> {
  const wants = call.stream ? 'all' : 'terminal'
  const asked = describeCall(call, request, deps)
  const running = await findRunning(asked, request, deps)
  if (running) return running
  const place: { follower: Follower | null } = { follower: null }
  try {
    const accepted = await acceptJob(
      {
        ...asked,
        watcher: deps.hub.watcher(wants),
        onId: (id) => {
          place.follower = deps.hub.expect(id, wants)
        },
      },
      deps.accept,
    )
    if (accepted.created && place.follower) return { accepted, follower: place.follower }
    // The job was there before, and so may be its events.
    place.follower?.close()
    const reader = await deps.hub.follow(accepted.id, wants, 0)
    if (!reader) throw new BrokerError('job_not_found', 'The job of this Idempotency-Key has expired.')
    return { accepted, follower: reader }
  } catch (error) {
    place.follower?.close()
    throw error
  }
}

function describeCall(call: CallFacts, request: FastifyRequest, deps: HttpDeps): AcceptRequest {
  const { endpoint, model, stream, includeUsage, tier, metadata, usual = usualPriority } = call
  const headers = readJobHeaders(request.headers, deps.accept.now())
  const priority = headers['x-sluice-priority'] ?? priorityFor(tier, usual)
  return {
    tenant: request.tenant,
    // Who reads a job's events can be told to start over.
    surface: call.isAsync ? 'jobs' : 'chat',
    endpoint,
    model,
    bodyJson: request.bodyText,
    stream,
    includeUsage,
    priority,
    serviceTier: tierServed(tier, { priority, usual }),
    isDurable: call.isDurable === true || call.isAsync === true,
    sensitivity: headers['x-sluice-sensitivity'],
    deadlineMs: headers.deadlineMs,
    tags: headers.tags,
    metadata,
    idempotencyKey: headers['idempotency-key'],
    // Who lets nothing be kept does not let the answer be kept for others either.
    cache: headers.cache ?? (call.job?.response?.store === false ? 'off' : undefined),
    traceparent: request.traceparent,
    ...call.job,
  }
}

/**
 * The job of the same call sent before: one that has just failed for good, or whose connection was lost. A key says more
 * than a resemblance.
 */
async function findRunning(
  asked: AcceptRequest,
  { headers }: FastifyRequest,
  deps: HttpDeps,
): Promise<{ accepted: Accepted; follower: Follower } | null> {
  if (asked.idempotencyKey !== undefined) return null
  const isRetry = Number(headers['x-stainless-retry-count']) > 0
  if (!isRetry && !deps.readers.hasAny) return null
  const call = { spec: describeJob(asked, deps.accept), bodyJson: asked.bodyJson, isRetry }
  const failed = await deps.readers.findFailure(call)
  if (failed) {
    const last: JobEvent = { sequence: 2, type: 'job.failed', data: failed.factsJson }
    const accepted = { id: failed.job, spec: call.spec, created: false, isRejected: false }
    return { accepted, follower: deps.hub.tellEnd(failed.job, last) }
  }
  const id = await deps.readers.findSentBefore(call)
  const job = id && (await deps.store.read(id))
  if (!job) return null
  const follower = await deps.hub.follow(job.id, asked.stream ? 'all' : 'terminal', 0)
  return follower && { accepted: { id: job.id, spec: job.spec, created: false, isRejected: false }, follower }
}

/** What `GET <endpoint>/{id}` takes. */
export const longerWait = { params: z.object({ id: z.string() }), querystring: waitQuery }

/** Goes on waiting at `GET <endpoint>/{id}?wait=`, where a call that takes long is led and every official client follows. */
export async function waitLonger(
  reply: FastifyReply,
  wait: { id: string; waitMs: number; tenant: Tenant; endpoint: Endpoint; view?: AnswerView },
  deps: HttpDeps,
): Promise<void> {
  const { id, waitMs, tenant, endpoint, view } = wait
  const job = await requireJob(id, tenant, deps)
  if (job.spec.endpoint !== endpoint) throw new BrokerError('job_not_found', undefined, { param: 'id' })
  reply.header('x-sluice-job-id', job.id)
  deps.readers.returned(job.id)
  const call = { tenant: tenant.name, endpoint, tier: job.spec.serviceTier, view }
  if (isTerminal(job.status)) return sendEnd(reply, { ...call, id: job.id }, factsOf(job), null, deps)
  const follower = await deps.hub.follow(job.id, 'terminal', 0)
  if (!follower) throw new BrokerError('job_not_found', undefined, { param: 'id' })
  return answerWhenDone(reply, { ...call, follower }, waitMs, deps)
}

interface WaitingCall {
  readonly follower: Follower
  readonly tenant: string
  readonly endpoint: Endpoint
  readonly tier?: ServiceTier | undefined
  readonly view?: AnswerView | undefined
  /** Answers when the time is up and the job has not ended; a redirect to where to go on waiting unless given. */
  readonly instead?: () => Promise<void>
}

/** Answers a call as its client would have it: with the answer, or after a while with where to wait on, or with the job. */
export function answerCall(
  request: FastifyRequest,
  reply: FastifyReply,
  call: {
    accepted: Accepted
    follower: Follower
    endpoint: Endpoint
    preference: Preference | null
    view?: AnswerView
  },
  deps: HttpDeps,
): Promise<void> {
  const { accepted, follower, endpoint, preference, view } = call
  const waiting = { follower, tenant: request.tenant.name, endpoint, tier: accepted.spec.serviceTier, view }
  if (!preference) return answerWhenDone(reply, waiting, deps.chatWaitMs, deps)
  const instead = () => sendJobInstead(request, reply, { id: accepted.id, applied: preference.applied }, deps)
  return answerWhenDone(reply, { ...waiting, instead }, preference.waitMs, deps)
}

/** Sends the job's answer, or after `waitMs` the place where to go on waiting. */
async function answerWhenDone(
  reply: FastifyReply,
  { follower, tenant, endpoint, tier, view, instead }: WaitingCall,
  waitMs: number,
  deps: HttpDeps,
): Promise<void> {
  let isGone = false
  const onLeave = () => {
    isGone = true
    follower.close()
  }
  deps.readers.watch(reply, follower.id, { isStream: false, onLeave })
  try {
    const event = await lastEvent(follower, waitMs)
    // There is nobody to answer, and no reason to say so.
    if (isGone) return void reply.hijack()
    if (event === null && instead) return await instead()
    if (event === null) {
      const path = view ? view.path(follower.id) : `${endpoint}/${follower.id}`
      reply.header('location', `${path}?wait=${deps.chatWaitMs / 1000}`)
      return void reply.code(303).send()
    }
    const of = { id: follower.id, tenant, endpoint, tier, view }
    return await sendEnd(reply, of, terminalFacts(event), follower.pushedResult, deps)
  } finally {
    follower.close()
  }
}

async function lastEvent(follower: Follower, waitMs: number): Promise<JobEvent | null> {
  const untilMs = Date.now() + waitMs
  let event = await follower.next(waitMs)
  while (event !== null && !isTerminalEvent(event)) event = await follower.next(Math.max(0, untilMs - Date.now()))
  return event
}

/** `pushedResult` is the stored result where it came with the event. */
async function sendEnd(
  reply: FastifyReply,
  job: Pick<WaitingCall, 'tenant' | 'endpoint' | 'tier' | 'view'> & { readonly id: JobId },
  facts: TerminalFacts,
  pushedResult: string | null,
  deps: HttpDeps,
): Promise<void> {
  writeFacts(reply, facts)
  if (facts.status !== 'completed') {
    await deps.readers.failed(job.id, facts)
    return sendFailure(reply, facts)
  }
  const stored = pushedResult ?? (await deps.store.readResult(job.id))
  if (stored === null) throw new BrokerError('job_not_found', 'The result has expired.', { param: 'id' })
  const result = await deliverResult({ ...job, masked: facts.masked }, stored, deps).catch(explainWait)
  const shown = job.view ? await job.view.show(job.id, result) : echoTier(result, job.tier)
  return void reply.type('application/json').send(shown)
}

/** A client that sent the call again would pay for it again. */
function explainWait(error: unknown): never {
  if (!(error instanceof BrokerError) || error.code !== 'detector_unavailable') throw error
  const message =
    'A detector of personal data is away: GET /v1/jobs/{id} has the answer when it has been looked through.'
  throw new BrokerError(error.code, message, { cause: error, shouldRetry: false })
}

function writeFacts(reply: FastifyReply, facts: TerminalFacts): void {
  reply.header('x-sluice-deployment', facts.deployment ?? '')
  reply.header('x-sluice-attempts', String(facts.attempts))
  reply.header('x-sluice-cache', facts.cache ?? 'miss')
  if (facts.cost_usd !== null) reply.header('x-sluice-cost-usd', String(facts.cost_usd))
}

function sendFailure(reply: FastifyReply, facts: TerminalFacts): void {
  const code = (facts.error?.code ?? 'internal_error') as ErrorCode
  sendError(reply, code, facts.error?.message ?? 'The job ended without an answer.')
}
