import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { BrokerError } from '../../core/errors.ts'
import { isJobId } from '../../core/job.ts'
import { statusOf } from '../../core/job-state.ts'
import type { Endpoint } from '../../core/vocabulary.ts'
import { acceptJob } from '../../pipeline/accept-job.ts'
import { cancelJob } from '../../pipeline/cancel-job.ts'
import type { HttpDeps } from '../deps.ts'
import { streamJobEvents } from '../job-events-stream.ts'
import { requireJob, showJob, waitForEnd } from '../job-reading.ts'
import { jobJson, jobUrls } from '../job-view.ts'
import { sliceField } from '../json-field.ts'
import { sendJson } from '../json-reply.ts'
import { deadlineToMs, readJobHeaders } from '../request-headers.ts'
import {
  acceptedJob,
  chatCompletionRequest,
  embeddingsRequest,
  errorBody,
  eventsQuery,
  jobList,
  jobListQuery,
  jobObject,
  jobRequest,
  waitQuery,
} from '../schemas.ts'
import { invalidInput } from '../validation.ts'

const params = z.object({ id: z.string() })
const failures = { 400: errorBody, 401: errorBody, 404: errorBody, 429: errorBody, 503: errorBody }

export function registerJobRoutes(app: FastifyInstance, deps: HttpDeps): void {
  registerWriting(app, deps)
  registerReading(app, deps)
}

function registerWriting(app: FastifyInstance, deps: HttpDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.post(
    '/v1/jobs',
    {
      schema: { summary: 'Makes a job', body: jobRequest, response: { 202: acceptedJob, ...failures } },
      config: { jobHeaders: true },
    },
    async (request, reply) => {
      const { id, spec, created } = await createJob(request.body, request, deps)
      const stage = created ? 'intake' : (await requireJob(id, request.tenant, deps)).stage
      reply.header('x-sluice-job-id', id).header('location', `/v1/jobs/${id}`)
      return reply.code(202).send({
        id,
        object: 'job',
        status: statusOf(stage),
        model: spec.model,
        priority: spec.priority,
        sensitivity: spec.sensitivity,
        created_at: Math.floor(spec.createdAtMs / 1000),
        urls: jobUrls(id),
      })
    },
  )

  typed.post(
    '/v1/jobs/:id/cancel',
    { schema: { summary: 'Cancels a job that has not ended', params, response: { 200: jobObject, ...failures } } },
    async (request, reply) => {
      const { id } = await requireJob(request.params.id, request.tenant, deps)
      await cancelJob(id, deps.accept)
      const job = await requireJob(id, request.tenant, deps)
      return sendJson(reply, await showJob(job, deps))
    },
  )
}

function registerReading(app: FastifyInstance, deps: HttpDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.get(
    '/v1/jobs',
    {
      schema: {
        summary: 'Jobs of this tenant, newest first, without their results',
        querystring: jobListQuery,
        response: { 200: jobList, ...failures },
      },
    },
    async (request, reply) => {
      const { status, model, after, limit } = request.query
      if (after !== undefined && !isJobId(after)) {
        throw new BrokerError('invalid_request', 'Invalid query parameter after: expected a job id.', {
          param: 'after',
        })
      }
      const { jobs, hasMore } = await deps.store.list({
        tenant: request.tenant.name,
        limit,
        ...(status && { status }),
        ...(model !== undefined && { model }),
        ...(after !== undefined && { after }),
      })
      const ends = { first_id: jobs[0]?.id ?? null, last_id: jobs.at(-1)?.id ?? null, has_more: hasMore }
      const data = jobs.map((job) => jobJson(job, null)).join(',')

      return sendJson(reply, `{"object":"list","data":[${data}],${JSON.stringify(ends).slice(1)}`)
    },
  )

  typed.get(
    '/v1/jobs/:id',
    {
      schema: {
        summary: 'One job; `wait` holds the answer until it has ended',
        params,
        querystring: waitQuery,
        response: { 200: jobObject, ...failures },
      },
    },
    async (request, reply) => {
      const job = await requireJob(request.params.id, request.tenant, deps)
      const seen = await waitForEnd(job, request.query.wait * 1000, deps)
      return sendJson(reply, await showJob(seen, deps))
    },
  )

  typed.get(
    '/v1/jobs/:id/events',
    {
      // A HEAD would wait for the end of the job and show nothing.
      exposeHeadRoute: false,
      schema: {
        summary: 'A job’s events as server-sent events; `Last-Event-ID` or `after` resumes',
        params,
        querystring: eventsQuery,
      },
    },
    async (request, reply) => {
      const job = await requireJob(request.params.id, request.tenant, deps)
      return streamJobEvents(request, reply, { job, after: resumePoint(request, request.query.after) }, deps)
    },
  )
}

function createJob(body: z.infer<typeof jobRequest>, request: FastifyRequest, deps: HttpDeps) {
  const nowMs = deps.accept.now()
  const headers = readJobHeaders(request.headers, nowMs)
  const { stream, includeUsage } = readInput(body.input.endpoint, { ...body.input.body, model: body.model })
  const refuse = (rule: string) =>
    new BrokerError('invalid_request', `Invalid field deadline: ${rule}.`, { param: 'deadline' })
  const deadlineMs = body.deadline === undefined ? headers.deadlineMs : deadlineToMs(body.deadline, nowMs, refuse)
  return acceptJob(
    {
      tenant: request.tenant,
      surface: 'jobs',
      endpoint: body.input.endpoint,
      model: body.model,
      // As it was written: numbers that JavaScript cannot hold would lose digits.
      bodyJson: sliceField(sliceField(request.bodyText, 'input'), 'body'),
      stream,
      includeUsage,
      priority: body.priority ?? headers['x-sluice-priority'] ?? 'standard',
      sensitivity: body.sensitivity ?? headers['x-sluice-sensitivity'],
      deadlineMs,
      metadata: body.metadata,
      tags: body.tags ?? headers.tags,
      webhook: body.webhook,
      idempotencyKey: headers['idempotency-key'],
      cache: headers.cache,
      traceparent: request.traceparent,
    },
    deps.accept,
  )
}

/** What the body of the endpoint says about the kind of answer. @throws BrokerError `invalid_request` */
function readInput(endpoint: Endpoint, body: unknown): { stream: boolean; includeUsage: boolean } {
  if (endpoint === '/v1/embeddings') {
    readBody(embeddingsRequest, body)
    return { stream: false, includeUsage: false }
  }
  const { stream, stream_options } = readBody(chatCompletionRequest, body)
  return { stream: stream === true, includeUsage: stream_options?.include_usage === true }
}

function readBody<Body>(schema: z.ZodType<Body>, body: unknown): Body {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw invalidInput(parsed.error, { noun: 'field', parent: ['input', 'body'] })
}

/** `Last-Event-ID` is what browsers send when they reconnect; `after` is for everybody else. */
function resumePoint(request: FastifyRequest, after: number | undefined): number {
  const header = request.headers['last-event-id']
  if (header === undefined || header === '') return after ?? 0
  if (typeof header === 'string' && /^\d{1,12}$/.test(header)) return Number(header)
  throw new BrokerError('invalid_header', 'The header last-event-id is not valid: expected a sequence number.', {
    param: 'last-event-id',
  })
}
