import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { quoteReplay } from '../../pipeline/quote-replay.ts'
import { replayJob } from '../../pipeline/replay-job.ts'
import { quoteObject, toQuote } from '../dead-letter-view.ts'
import type { HttpDeps } from '../deps.ts'
import { requireJob } from '../job-reading.ts'
import { acceptedView } from '../job-view.ts'
import { readReplayOptions, replayedJob, replayRequest } from '../replay-request.ts'
import { errorBody } from '../schemas.ts'

/** What a tenant may do with jobs of its own that failed. */
export function registerReplayRoutes(app: FastifyInstance, deps: HttpDeps): void {
  const failures = { 400: errorBody, 401: errorBody, 404: errorBody, 409: errorBody, 429: errorBody, 503: errorBody }
  app.withTypeProvider<ZodTypeProvider>().post(
    '/v1/jobs/:id/replay',
    {
      schema: {
        summary: 'Runs a job that failed again, as a new job; once, however often it is asked for',
        params: z.object({ id: z.string() }),
        body: replayRequest,
        response: { 200: quoteObject, 202: replayedJob, ...failures },
      },
    },
    async (request, reply) => {
      const { tenant, traceparent, body } = request
      const job = await requireJob(request.params.id, tenant, deps)
      const by = { by: 'tenant', byKey: tenant.keyId } as const
      const replayer = { ...readReplayOptions(body ?? {}, deps.accept.now()), tenant, by, traceparent }
      if (body?.dry_run) return reply.send(toQuote(await quoteReplay(job, replayer, deps.accept)))
      const run = await replayJob(job, replayer, deps.accept)
      const status = run.created ? 'queued' : ((await deps.store.read(run.id))?.status ?? 'queued')
      reply.header('x-sluice-job-id', run.id).header('location', `/v1/jobs/${run.id}`)
      return reply.code(202).send(acceptedView(run, status))
    },
  )
}
