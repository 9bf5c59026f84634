import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { BrokerError } from '../../core/errors.ts'
import { listInputItems } from '../../core/responses/input-items.ts'
import { cancelJob } from '../../pipeline/cancel-job.ts'
import { deleteJob } from '../../pipeline/delete-job.ts'
import type { HttpDeps } from '../deps.ts'
import { createResponse, requireResponse, sendResponse, streamAgain, waitForResponse } from '../response-call.ts'
import {
  inputItemsQuery,
  readResponseRequest,
  responseParams,
  responseQuery,
  responseRequest,
} from '../response-request.ts'
import { errorBody } from '../schemas.ts'

const failures = { 400: errorBody, 401: errorBody, 404: errorBody }
const anyObject = z.looseObject({})

export function registerResponseRoutes(app: FastifyInstance, deps: HttpDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.post(
    '/v1/responses',
    {
      schema: {
        summary: 'A response, waiting, streaming or in the background, as OpenAI’s',
        body: responseRequest,
        response: { 200: anyObject, ...failures },
      },
      config: { jobHeaders: true },
    },
    (request, reply) => createResponse(request, reply, readResponseRequest(request.body), deps),
  )

  typed.post(
    '/v1/responses/:response_id/cancel',
    {
      schema: {
        summary: 'Cancels a response in the background that has not ended',
        params: responseParams,
        response: { 200: anyObject, ...failures },
      },
    },
    async ({ params, tenant }, reply) => {
      const { job } = await requireResponse(params.response_id, tenant, deps)
      if (!job.spec.response?.background) {
        throw new BrokerError('invalid_request', 'Only a response with background: true can be cancelled.', {
          param: 'response_id',
        })
      }
      await cancelJob(job.id, deps.accept)
      return sendResponse(reply, await requireResponse(params.response_id, tenant, deps), deps)
    },
  )
  registerReading(app, deps)
}

function registerReading(app: FastifyInstance, deps: HttpDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.get(
    '/v1/responses/:response_id',
    {
      // A HEAD would wait for the end and show nothing.
      exposeHeadRoute: false,
      schema: {
        summary: 'A response, or its events: `stream=true`, and after a cut `starting_after`',
        params: responseParams,
        querystring: responseQuery,
        response: { 200: anyObject, ...failures },
      },
    },
    async (request, reply) => {
      const { params, query, tenant } = request
      const { response_id: id } = params
      const { stream, starting_after, wait } = query
      if (starting_after !== undefined && !stream) {
        throw new BrokerError('invalid_request', 'Invalid query parameter starting_after: only with stream=true', {
          param: 'starting_after',
        })
      }
      if (wait !== undefined && !stream) return waitForResponse(reply, { id, waitMs: wait * 1000, tenant }, deps)
      const found = await requireResponse(id, tenant, deps)
      if (stream) return streamAgain(request, reply, found, starting_after ?? -1, deps)
      return sendResponse(reply, found, deps)
    },
  )

  typed.delete(
    '/v1/responses/:response_id',
    {
      schema: {
        summary: 'Deletes a response with all that was said in it',
        params: responseParams,
        response: { 200: anyObject, ...failures },
      },
    },
    async ({ params, tenant }) => {
      const { job } = await requireResponse(params.response_id, tenant, deps)
      await deleteJob(job, tenant.keyId, deps.deleting)
      return { id: params.response_id, object: 'response', deleted: true }
    },
  )

  typed.get(
    '/v1/responses/:response_id/input_items',
    {
      schema: {
        summary: 'What the model was given, the newest first',
        params: responseParams,
        querystring: inputItemsQuery,
        response: { 200: anyObject, ...failures },
      },
    },
    async ({ params, query, tenant }) => {
      const { job, kept } = await requireResponse(params.response_id, tenant, deps)
      return pageOf(listInputItems(job.id, kept.items), query)
    },
  )
}

function pageOf(items: readonly { readonly id: string }[], query: z.infer<typeof inputItemsQuery>) {
  const ordered = query.order === 'asc' ? items : items.toReversed()
  const start = query.after === undefined ? 0 : ordered.findIndex(({ id }) => id === query.after) + 1
  if (query.after !== undefined && start === 0) {
    throw new BrokerError('invalid_request', 'Invalid query parameter after: there is no such item', { param: 'after' })
  }
  const data = ordered.slice(start, start + query.limit)
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
  return { object: 'list', data, ...ends, has_more: start + data.length < ordered.length }
}
