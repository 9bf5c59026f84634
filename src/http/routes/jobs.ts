import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { BrokerError } from '../../core/errors.ts'
import { isJobId } from '../../core/job.ts'
import { cancelJob } from '../../pipeline/cancel-job.ts'
import { deleteJob } from '../../pipeline/delete-job.ts'
import type { HttpDeps } from '../deps.ts'
import { streamJobEvents } from '../job-events-stream.ts'
import { requireJob, showJob, waitForEnd } from '../job-reading.ts'
import { jobJson } from '../job-view.ts'
import { sendJson } from '../json-reply.ts'
import { makeJob } from '../make-job.ts'
import { readJobHeaders } from '../request-headers.ts'
import {
  acceptedJob,
  errorBody,
  eventsQuery,
  jobList,
  jobListQuery,
  jobObject,
  jobRequest,
  waitQuery,
} from '../schemas.ts'

const params = z.object({ id: z.string() })
const deletedJob = z.object({ id: z.string(), object: z.literal('job'), deleted: z.literal(true) })
const failures = { 400: errorBody, 401: errorBody, 404: errorBody, 429: errorBody, 503: errorBody }

export function registerJobRoutes(app: FastifyInstance, deps: HttpDeps): void {
  registerWriting(app, deps)
  registerDeleting(app, deps)
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
      const { tenant, body, bodyText: text, traceparent } = request
      const headers = readJobHeaders(request.headers, deps.accept.now())
      const idempotencyKey = headers['idempotency-key']
      const job = await makeJob({ tenant, body, text, headers, idempotencyKey, traceparent }, deps)
      reply.header('x-sluice-job-id', job.id).header('location', job.urls.self)
      return reply.code(202).send(job)
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

function registerDeleting(app: FastifyInstance, deps: HttpDeps): void {
  app.withTypeProvider<ZodTypeProvider>().delete(
    '/v1/jobs/:id',
    {
      schema: {
        summary: 'Deletes a job with all that was said in it; one that is at work is cancelled first',
        params,
        response: { 200: deletedJob, ...failures },
      },
    },
    async (request) => {
      const job = await requireJob(request.params.id, request.tenant, deps)
      await deleteJob(job, request.tenant.keyId, deps.deleting)
      return { id: job.id, object: 'job' as const, deleted: true as const }
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
      const { jobs, hasMore, lookedUpTo } = await deps.store.list({
        tenant: request.tenant.name,
        limit,
        ...(status && { status }),
        ...(model !== undefined && { model }),
        ...(after !== undefined && { after }),
      })
      const ends = { first_id: jobs[0]?.id ?? null, last_id: lookedUpTo, has_more: hasMore }
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
      deps.readers.returned(job.id)
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
      deps.readers.returned(job.id)
      return streamJobEvents(request, reply, { job, after: resumePoint(request, request.query.after) }, deps)
    },
  )
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
