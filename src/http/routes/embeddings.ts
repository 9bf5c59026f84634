import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { HttpDeps } from '../deps.ts'
import { embeddingsRequest, errorBody } from '../schemas.ts'
import { answerWhenDone, longerWait, startCall, waitLonger } from '../waiting-call.ts'

const endpoint = '/v1/embeddings'

export function registerEmbeddingsRoutes(app: FastifyInstance, deps: HttpDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.post(
    '/v1/embeddings',
    {
      schema: {
        summary: 'Embeddings, as OpenAI’s',
        body: embeddingsRequest,
        response: { 200: z.looseObject({}), 400: errorBody },
      },
      config: { jobHeaders: true },
    },
    async (request, reply) => {
      const call = { endpoint, model: request.body.model, stream: false, includeUsage: false } as const
      const { accepted, follower } = await startCall(call, request, deps)
      reply.header('x-sluice-job-id', accepted.id)
      return answerWhenDone(reply, { follower, tenant: request.tenant.name, endpoint }, deps.chatWaitMs, deps)
    },
  )

  typed.get(
    '/v1/embeddings/:id',
    { schema: { summary: 'Goes on waiting for embeddings', ...longerWait } },
    ({ params: { id }, query, tenant }, reply) =>
      waitLonger(reply, { id, waitMs: query.wait * 1000, tenant, endpoint }, deps),
  )
}
