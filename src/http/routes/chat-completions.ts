import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { BrokerError, type ErrorCode } from '../../core/errors.ts'
import type { JobId } from '../../core/job.ts'
import { isTerminalEvent, type JobEvent, type TerminalFacts } from '../../core/job-event.ts'
import { isTerminal } from '../../core/job-state.ts'
import type { Follower } from '../../delivery/event-hub.ts'
import { type Accepted, acceptJob } from '../../pipeline/accept-job.ts'
import { deliverResult, terminalFacts } from '../../pipeline/deliver-result.ts'
import { streamChat } from '../chat-stream.ts'
import type { HttpDeps } from '../deps.ts'
import { sendError } from '../error-handler.ts'
import { factsOf, requireJob } from '../job-reading.ts'
import { readJobHeaders } from '../request-headers.ts'
import { chatCompletionRequest, errorBody, waitQuery } from '../schemas.ts'

type ChatRequest = z.infer<typeof chatCompletionRequest>

export function registerChatRoutes(app: FastifyInstance, deps: HttpDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.post(
    '/v1/chat/completions',
    {
      schema: {
        summary: 'Chat, waiting or streaming, as OpenAI’s',
        body: chatCompletionRequest,
        response: { 200: z.looseObject({}), 400: errorBody },
      },
      config: { jobHeaders: true },
    },
    async (request, reply) => {
      const { accepted, follower } = await startChat(request.body, request, deps)
      reply.header('x-sluice-job-id', accepted.id)
      // A stream begins with 200 at once; what is known to fail can still say so in its status.
      if (request.body.stream && !accepted.isRejected) return streamChat(request, reply, follower, accepted, deps)
      return answerWhenDone(reply, { follower, tenant: request.tenant.name }, deps.chatWaitMs, deps)
    },
  )

  const params = z.object({ id: z.string() })
  typed.get(
    '/v1/chat/completions/:id',
    { schema: { summary: 'Goes on waiting for a chat', params, querystring: waitQuery } },
    async (request, reply) => {
      const job = await requireJob(request.params.id, request.tenant, deps)
      reply.header('x-sluice-job-id', job.id)
      const of = { id: job.id, tenant: job.spec.tenant }
      if (isTerminal(job.status)) return sendEnd(reply, of, factsOf(job), null, deps)
      const follower = await deps.hub.follow(job.id, 'terminal', 0)
      if (!follower) throw new BrokerError('job_not_found', undefined, { param: 'id' })
      return answerWhenDone(reply, { follower, tenant: request.tenant.name }, request.query.wait * 1000, deps)
    },
  )
}

/** Accepts the chat as a job with this process as its reader, in place before the first event can come. */
async function startChat(
  body: ChatRequest,
  request: FastifyRequest,
  deps: HttpDeps,
): Promise<{ accepted: Accepted; follower: Follower }> {
  const headers = readJobHeaders(request.headers, deps.accept.now())
  const wants = body.stream ? 'all' : 'terminal'
  const place: { follower: Follower | null } = { follower: null }
  try {
    const accepted = await acceptJob(
      {
        tenant: request.tenant,
        surface: 'chat',
        endpoint: '/v1/chat/completions',
        model: body.model,
        bodyJson: request.bodyText,
        stream: body.stream === true,
        includeUsage: body.stream_options?.include_usage === true,
        priority: headers['x-sluice-priority'] ?? 'interactive',
        sensitivity: headers['x-sluice-sensitivity'],
        deadlineMs: headers.deadlineMs,
        tags: headers.tags,
        idempotencyKey: headers['idempotency-key'],
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

/** Sends the job's answer, or after `waitMs` the place where to go on waiting: every official client follows it. */
async function answerWhenDone(
  reply: FastifyReply,
  { follower, tenant }: { follower: Follower; tenant: string },
  waitMs: number,
  deps: HttpDeps,
): Promise<void> {
  try {
    const event = await lastEvent(follower, waitMs)
    if (event === null) {
      reply.header('location', `/v1/chat/completions/${follower.id}?wait=50`)
      return void reply.code(303).send()
    }
    return await sendEnd(reply, { id: follower.id, tenant }, terminalFacts(event), follower.pushedResult, deps)
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
  { id, tenant }: { id: JobId; tenant: string },
  facts: TerminalFacts,
  pushedResult: string | null,
  deps: HttpDeps,
): Promise<void> {
  writeFacts(reply, facts)
  if (facts.status !== 'completed') return sendFailure(reply, facts)
  const stored = pushedResult ?? (await deps.store.readResult(id))
  if (stored === null) throw new BrokerError('job_not_found', 'The result has expired.', { param: 'id' })
  const result = await deliverResult({ id, tenant, masked: facts.masked }, stored, deps).catch(explainWait)
  return void reply.type('application/json').send(result)
}

/** A client that sent the chat again would pay for it again. */
function explainWait(error: unknown): never {
  if (!(error instanceof BrokerError) || error.code !== 'detector_unavailable') throw error
  const message =
    'A detector of personal data is away: GET /v1/jobs/{id} has the answer when it has been looked through.'
  throw new BrokerError(error.code, message, { cause: error, shouldRetry: false })
}

function writeFacts(reply: FastifyReply, facts: TerminalFacts): void {
  reply.header('x-sluice-deployment', facts.deployment ?? '')
  reply.header('x-sluice-attempts', String(facts.attempts))
  if (facts.cost_usd !== null) reply.header('x-sluice-cost-usd', String(facts.cost_usd))
}

function sendFailure(reply: FastifyReply, facts: TerminalFacts): void {
  const code = (facts.error?.code ?? 'internal_error') as ErrorCode
  sendError(reply, code, facts.error?.message ?? 'The job ended without an answer.')
}
