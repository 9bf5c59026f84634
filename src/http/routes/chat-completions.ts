import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { streamChat } from '../chat-stream.ts'
import type { HttpDeps } from '../deps.ts'
import { readPreference } from '../prefer.ts'
import { chatCompletionRequest, errorBody } from '../schemas.ts'
import { answerCall, longerWait, startCall, waitLonger } from '../waiting-call.ts'

const endpoint = '/v1/chat/completions'

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
      const { model, stream: wantsStream, stream_options, store, service_tier: tier, metadata } = request.body
      const includeUsage = stream_options?.include_usage === true
      const stream = wantsStream === true
      const wish = readPreference(request.headers)
      // A stream begins at once: there is nothing to wait for.
      const preference = stream && wish && wish.waitMs > 0 ? null : wish
      const isAsync = preference?.waitMs === 0
      const facts = { endpoint, model, stream, includeUsage, isAsync, tier } as const
      const call = { ...facts, isDurable: store === true, metadata: metadata ?? undefined }
      const { accepted, follower } = await startCall(call, request, deps)
      reply.header('x-sluice-job-id', accepted.id)
      // A stream begins with 200 at once; what is known to fail can still say so in its status.
      if (stream && !isAsync && !accepted.isRejected) return streamChat(request, reply, follower, accepted, deps)
      return answerCall(request, reply, { accepted, follower, endpoint, preference }, deps)
    },
  )

  typed.get(
    '/v1/chat/completions/:id',
    { schema: { summary: 'Goes on waiting for a chat', ...longerWait } },
    ({ params: { id }, query, tenant }, reply) =>
      waitLonger(reply, { id, waitMs: query.wait * 1000, tenant, endpoint }, deps),
  )
}
