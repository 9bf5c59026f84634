import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { HttpDeps } from '../deps.ts'
import { readPreference } from '../prefer.ts'
import { embeddingsRequest, errorBody } from '../schemas.ts'
import { answerCall, longerWait, startCall, waitLonger } from '../waiting-call.ts'

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
      const preference = readPreference(request.headers)
      const facts = { endpoint, model: request.body.model, stream: false, includeUsage: false } as const
      const call = { ...facts, isAsync: preference?.waitMs === 0 }
      const { accepted, follower } = await startCall(call, request, deps)
      reply.header('x-sluice-job-id', accepted.id)
      return answerCall(request, reply, { accepted, follower, endpoint, preference }, deps)
    },
  )

  typed.get(
    '/v1/embeddings/:id',
    { schema: { summary: 'Goes on waiting for embeddings', ...longerWait } },
    ({ params: { id }, query, tenant }, reply) =>
      waitLonger(reply, { id, waitMs: query.wait * 1000, tenant, endpoint }, deps),
  )
}
