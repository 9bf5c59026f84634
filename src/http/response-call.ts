/** Responses that are waited for, and the reading of those that there are. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../core/errors.ts'
import type { JobId, JobSpec } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import type { KeptRequest, ResponseRequest } from '../core/responses/request.ts'
import { readOutput } from '../core/responses/response-events.ts'
import { responseIdOf } from '../core/responses/response-id.ts'
import { describeResponse } from '../core/responses/response-object.ts'
import type { Tenant } from '../core/tenant.ts'
import { type FoundResponse, findResponse, isStored } from '../pipeline/find-response.ts'
import { prepareResponse } from '../pipeline/prepare-response.ts'
import { showResponse } from '../pipeline/show-response.ts'
import type { HttpDeps } from './deps.ts'
import { sendJson } from './json-reply.ts'
import { readPreference } from './prefer.ts'
import { shredWhenDelivered } from './response-shredding.ts'
import { streamResponse } from './response-stream.ts'
import { type AnswerView, answerCall, startCall, waitLonger } from './waiting-call.ts'

const endpoint = '/v1/chat/completions'

/** Makes a response, and answers as it asks to: with its events, at once, or when it has ended. */
export async function createResponse(
  request: FastifyRequest,
  reply: FastifyReply,
  body: ResponseRequest,
  deps: HttpDeps,
): Promise<void> {
  const { kept, job } = await prepareResponse(body, request.tenant.name, deps)
  const { background, store } = job.response
  const stream = body.stream === true
  const call = {
    endpoint,
    model: body.model,
    stream,
    // Told by the end of the job.
    includeUsage: false,
    isDurable: store || background,
    tier: body.service_tier ?? 'auto',
    usual: background ? 'standard' : 'interactive',
    job,
  } as const
  const { accepted, follower } = await startCall(call, request, deps)
  const { id, spec } = accepted
  reply.header('x-sluice-job-id', id)
  // Answers begin with 200 at once; what is known to fail can still say so in its status, where somebody waits.
  if (stream && (background || !accepted.isRejected)) {
    const of = { id, spec, kept, after: -1, isCreator: true }
    return streamResponse(request, reply, follower, of, deps)
  }
  if (background) {
    follower.close()
    return sendResponse(reply, await requireResponse(responseIdOf(id), request.tenant, deps), deps)
  }
  const preference = readPreference(request.headers)
  const view = viewFor(reply, { id, spec, kept }, deps)
  await answerCall(request, reply, { accepted, follower, endpoint, preference, view }, deps)
  // A failure is an end too.
  if (reply.statusCode >= 400) shredWhenDelivered(reply, { id, spec }, deps)
}

/** Goes on waiting for a response where a 303 leads. One that is not stored can be read here until it was delivered. */
export async function waitForResponse(
  reply: FastifyReply,
  { id, waitMs, tenant }: { id: string; waitMs: number; tenant: Tenant },
  deps: HttpDeps,
): Promise<void> {
  const found = await findResponse(id, tenant.name, deps)
  if (!found) throw notFound()
  const { job, kept } = found
  const view = viewFor(reply, { id: job.id, spec: job.spec, kept }, deps)
  await waitLonger(reply, { id: job.id, waitMs, tenant, endpoint, view }, deps)
  if (reply.statusCode >= 400) shredWhenDelivered(reply, job, deps)
}

/** A response that can be read by its id. @throws BrokerError `response_not_found` */
export async function requireResponse(id: string, tenant: Tenant, deps: HttpDeps): Promise<FoundResponse> {
  const found = await findResponse(id, tenant.name, deps)
  // Nobody waits for one in the background, so it is kept until somebody has read its end.
  if (!found || !(isStored(found.job.spec) || found.job.spec.response?.background)) throw notFound()
  return found
}

function notFound(): BrokerError {
  return new BrokerError('response_not_found', undefined, { param: 'response_id' })
}

export async function sendResponse(reply: FastifyReply, found: FoundResponse, deps: HttpDeps): Promise<void> {
  const { job } = found
  reply.header('x-sluice-job-id', job.id)
  const shown = JSON.stringify(await showResponse(found, deps))
  if (isTerminal(job.status)) shredWhenDelivered(reply, job, deps)
  sendJson(reply, shown)
}

/** Streams a response that there is, from after a sequence number. */
export async function streamAgain(
  request: FastifyRequest,
  reply: FastifyReply,
  { job, kept }: FoundResponse,
  after: number,
  deps: HttpDeps,
): Promise<void> {
  const follower = await deps.hub.follow(job.id, 'all', 0)
  if (!follower) {
    const message = 'The events of this response have expired; without stream it can still be read.'
    throw new BrokerError('invalid_request', message, { param: 'stream' })
  }
  return streamResponse(request, reply, follower, { id: job.id, spec: job.spec, kept, after, isCreator: false }, deps)
}

/** A completed job as the response that was asked for. */
function viewFor(
  reply: FastifyReply,
  { id, spec, kept }: { id: JobId; spec: JobSpec; kept: KeptRequest },
  deps: HttpDeps,
): AnswerView {
  return {
    path: () => `/v1/responses/${responseIdOf(id)}`,
    async show(_id, resultJson) {
      const job = await deps.store.read(id)
      const { usage = null, finishedAtMs = null } = job ?? {}
      const state = { status: 'completed', ...readOutput(id, resultJson), usage, finishedAtMs } as const
      shredWhenDelivered(reply, { id, spec }, deps)
      return JSON.stringify(describeResponse({ job: id, spec, echo: kept.echo }, state))
    },
  }
}
