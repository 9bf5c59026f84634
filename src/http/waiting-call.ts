/** Calls of OpenAI's API that wait for the end of their job: made as a job, followed, and answered in the endpoint's own words. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { BrokerError, type ErrorCode } from '../core/errors.ts'
import type { JobId } from '../core/job.ts'
import { isTerminalEvent, type JobEvent, type TerminalFacts } from '../core/job-event.ts'
import { isTerminal } from '../core/job-state.ts'
import type { Tenant } from '../core/tenant.ts'
import type { Endpoint } from '../core/vocabulary.ts'
import type { Follower } from '../delivery/event-hub.ts'
import { type Accepted, acceptJob } from '../pipeline/accept-job.ts'
import { deliverResult, terminalFacts } from '../pipeline/deliver-result.ts'
import type { HttpDeps } from './deps.ts'
import { sendError } from './error-handler.ts'
import { factsOf, requireJob } from './job-reading.ts'
import { readJobHeaders } from './request-headers.ts'
import { waitQuery } from './schemas.ts'

export interface CallFacts {
  readonly endpoint: Endpoint
  readonly model: string
  readonly stream: boolean
  readonly includeUsage: boolean
}

/** Accepts the call as a job with this process as its reader, in place before the first event can come. */
export async function startCall(
  { endpoint, model, stream, includeUsage }: CallFacts,
  request: FastifyRequest,
  deps: HttpDeps,
): Promise<{ accepted: Accepted; follower: Follower }> {
  const headers = readJobHeaders(request.headers, deps.accept.now())
  const wants = stream ? 'all' : 'terminal'
  const place: { follower: Follower | null } = { follower: null }
  try {
    const accepted = await acceptJob(
      {
        tenant: request.tenant,
        surface: 'chat',
        endpoint,
        model,
        bodyJson: request.bodyText,
        stream,
        includeUsage,
        priority: headers['x-sluice-priority'] ?? 'interactive',
        sensitivity: headers['x-sluice-sensitivity'],
        deadlineMs: headers.deadlineMs,
        tags: headers.tags,
        idempotencyKey: headers['idempotency-key'],
        cache: headers.cache,
        traceparent: request.traceparent,
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

/** What `GET <endpoint>/{id}` takes. */
export const longerWait = { params: z.object({ id: z.string() }), querystring: waitQuery }

/** Goes on waiting at `GET <endpoint>/{id}?wait=`, where a call that takes long is led and every official client follows. */
export async function waitLonger(
  reply: FastifyReply,
  { id, waitMs, tenant, endpoint }: { id: string; waitMs: number; tenant: Tenant; endpoint: Endpoint },
  deps: HttpDeps,
): Promise<void> {
  const job = await requireJob(id, tenant, deps)
  if (job.spec.endpoint !== endpoint) throw new BrokerError('job_not_found', undefined, { param: 'id' })
  reply.header('x-sluice-job-id', job.id)
  const call = { tenant: tenant.name, endpoint }
  if (isTerminal(job.status)) return sendEnd(reply, { ...call, id: job.id }, factsOf(job), null, deps)
  const follower = await deps.hub.follow(job.id, 'terminal', 0)
  if (!follower) throw new BrokerError('job_not_found', undefined, { param: 'id' })
  return answerWhenDone(reply, { ...call, follower }, waitMs, deps)
}

/** Sends the job's answer, or after `waitMs` the place where to go on waiting. */
export async function answerWhenDone(
  reply: FastifyReply,
  { follower, tenant, endpoint }: { follower: Follower; tenant: string; endpoint: Endpoint },
  waitMs: number,
  deps: HttpDeps,
): Promise<void> {
  try {
    const event = await lastEvent(follower, waitMs)
    if (event === null) {
      reply.header('location', `${endpoint}/${follower.id}?wait=50`)
      return void reply.code(303).send()
    }
    const of = { id: follower.id, tenant, endpoint }
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
  job: { id: JobId; tenant: string; endpoint: Endpoint },
  facts: TerminalFacts,
  pushedResult: string | null,
  deps: HttpDeps,
): Promise<void> {
  writeFacts(reply, facts)
  if (facts.status !== 'completed') return sendFailure(reply, facts)
  const stored = pushedResult ?? (await deps.store.readResult(job.id))
  if (stored === null) throw new BrokerError('job_not_found', 'The result has expired.', { param: 'id' })
  const result = await deliverResult({ ...job, masked: facts.masked }, stored, deps).catch(explainWait)
  return void reply.type('application/json').send(result)
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
