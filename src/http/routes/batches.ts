import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { type BatchRecord, isBatchId, parseCompletionWindow } from '../../core/batch.ts'
import { BrokerError } from '../../core/errors.ts'
import { type CreateBatchDeps, createBatch, requireBatch } from '../../pipeline/create-batch.ts'
import { glanceAtBatch, type LocateDeps, locateBatch } from '../../pipeline/locate-batch.ts'
import { retryBatch } from '../../pipeline/retry-batch.ts'
import { batchList, batchListQuery, batchObject, batchRequest } from '../batch-schemas.ts'
import { batchView, listView } from '../batch-view.ts'
import { readJobHeaders } from '../request-headers.ts'
import { errorBody } from '../schemas.ts'

export interface BatchRouteDeps extends CreateBatchDeps {
  readonly store: LocateDeps['store']
  readonly places: LocateDeps['places']
  readonly fileRetentionMs: number
  readonly now: () => number
}

const params = z.object({ id: z.string() })
const failures = { 400: errorBody, 401: errorBody, 404: errorBody, 503: errorBody }

export function registerBatchRoutes(app: FastifyInstance, deps: BatchRouteDeps): void {
  registerMaking(app, deps)
  registerReading(app, deps)
}

function registerMaking(app: FastifyInstance, deps: BatchRouteDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.post(
    '/v1/batches',
    {
      schema: {
        summary: 'Makes a batch of the lines of an uploaded file, as OpenAI’s',
        body: batchRequest,
        response: { 200: batchObject, 422: errorBody, ...failures },
      },
      config: { jobHeaders: true },
    },
    async ({ body, tenant, headers }) => {
      const nowMs = deps.now()
      const { 'idempotency-key': idempotencyKey, ...facts } = readJobHeaders(headers, nowMs)
      const { completion_window: completionWindow, output_expires_after: outputExpires } = body
      const wish = {
        inputFile: body.input_file_id,
        endpoint: body.endpoint,
        completionWindow,
        createdAtMs: nowMs,
        expiresAtMs: nowMs + (parseCompletionWindow(completionWindow) ?? 0),
        metadata: body.metadata ?? null,
        outputTtlMs: outputExpires ? Math.min(outputExpires.seconds * 1000, deps.fileRetentionMs) : null,
        ...(facts['x-sluice-sensitivity'] && { sensitivity: facts['x-sluice-sensitivity'] }),
        ...(facts.tags && { tags: facts.tags }),
      }
      return show(await createBatch(wish, { tenant, idempotencyKey }, deps), deps)
    },
  )

  typed.post(
    '/v1/batches/:id/retry',
    {
      schema: {
        summary: 'Runs the lines of an ended batch that have no answer again, as a new batch',
        params,
        response: { 200: batchObject, 409: errorBody, ...failures },
      },
    },
    async (request) => {
      const batch = await requireBatch(request.params.id, request.tenant, deps)
      const nowMs = deps.now()
      const caller = { tenant: request.tenant, nowMs, fileTtlMs: deps.fileRetentionMs }
      return show(await retryBatch(batch, caller, deps), deps)
    },
  )

  typed.post(
    '/v1/batches/:id/cancel',
    {
      schema: { summary: 'Cancels a batch that has not ended', params, response: { 200: batchObject, ...failures } },
    },
    async (request) => {
      const { id } = await requireBatch(request.params.id, request.tenant, deps)
      await deps.batches.startEnding(id, 'cancelled', deps.now())
      return show(await requireBatch(id, request.tenant, deps), deps)
    },
  )
}

function registerReading(app: FastifyInstance, deps: BatchRouteDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.get(
    '/v1/batches',
    {
      schema: {
        summary: 'Batches of this tenant, newest first',
        querystring: batchListQuery,
        response: { 200: batchList, ...failures },
      },
    },
    async ({ query: { after, limit }, tenant }) => {
      if (after !== undefined && !isBatchId(after)) {
        throw new BrokerError('invalid_request', 'Invalid query parameter after: expected a batch id.', {
          param: 'after',
        })
      }
      const page = { tenant: tenant.name, limit, ...(after !== undefined && { after }) }
      const { batches, hasMore } = await deps.batches.list(page)
      const views = batches.map((batch) => batchView(batch, glanceAtBatch(batch, deps.now())))
      return listView(views, hasMore)
    },
  )

  typed.get(
    '/v1/batches/:id',
    { schema: { summary: 'One batch', params, response: { 200: batchObject, ...failures } } },
    async (request) => show(await requireBatch(request.params.id, request.tenant, deps), deps),
  )
}

async function show(batch: BatchRecord, deps: BatchRouteDeps) {
  return batchView(batch, await locateBatch(batch, deps))
}
