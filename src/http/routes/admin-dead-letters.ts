import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { decodeCursor } from '../../core/dead-letter.ts'
import { BrokerError } from '../../core/errors.ts'
import {
  type DeadLetterDeps,
  discardDeadLetter,
  quoteAsOperator,
  replayAsOperator,
  requireDeadLetter,
} from '../../pipeline/dead-letter-batches.ts'
import { filterFields, toFilter } from '../dead-letter-filter.ts'
import { deadLetterObject, quoteObject, toDeadLetter, toQuote } from '../dead-letter-view.ts'
import { acceptedView } from '../job-view.ts'
import { readReplayOptions, replayedJob, replayRequest } from '../replay-request.ts'
import { closedObject, errorBody } from '../schemas.ts'
import { registerDeadLetterBatchRoutes } from './admin-dead-letter-batches.ts'

const listQuery = closedObject({
  ...filterFields,
  replayed: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
  after: z.string().optional().describe('`next` of the page before.'),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
})

const listAnswer = z
  .object({
    object: z.literal('list'),
    data: z.array(deadLetterObject),
    has_more: z.boolean(),
    next: z.string().nullable(),
  })
  .meta({ id: 'DeadLetterList' })

const params = z.object({ id: z.string() })
const failures = { 400: errorBody, 401: errorBody, 404: errorBody, 503: errorBody }

/** Dead letters of all tenants: to list, look at, run again and throw away. */
export function registerAdminDeadLetterRoutes(app: FastifyInstance, deps: DeadLetterDeps): void {
  registerReading(app, deps)
  registerActing(app, deps)
  registerDeadLetterBatchRoutes(app, deps)
}

function registerReading(app: FastifyInstance, deps: DeadLetterDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  const { deadLetters } = deps
  typed.get(
    '/admin/v1/dead-letters',
    {
      schema: {
        summary: 'Jobs that failed, the latest first, with every attempt and without content',
        querystring: listQuery,
        response: { 200: listAnswer, ...failures },
      },
    },
    async (request) => {
      const { after, limit, replayed, ...fields } = request.query
      if (after !== undefined && decodeCursor(after) === null) {
        throw new BrokerError('invalid_request', 'Invalid query parameter after: expected `next` of a page.', {
          param: 'after',
        })
      }
      const filter = { ...toFilter(fields, deadLetters.retentionMs), replayed }
      const { letters, next } = await deadLetters.list({ filter, after, limit })
      const data = letters.map((job) => toDeadLetter(job, deadLetters.retentionMs))
      return { object: 'list' as const, data, has_more: next !== null, next }
    },
  )

  typed.get(
    '/admin/v1/dead-letters/:id',
    {
      schema: {
        summary: 'One dead letter',
        params,
        response: { 200: deadLetterObject.extend({ replayable: z.boolean() }), ...failures },
      },
    },
    async (request) => {
      const job = await requireDeadLetter(request.params.id, deps)
      const replayable = job.replayedBy === null && (await deadLetters.canBeReplayed(job.id))
      return { ...toDeadLetter(job, deadLetters.retentionMs), replayable }
    },
  )
}

function registerActing(app: FastifyInstance, deps: DeadLetterDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.post(
    '/admin/v1/dead-letters/:id/replay',
    {
      schema: {
        summary: 'Runs a dead letter again, as a new job; once, however often it is asked for',
        params,
        body: replayRequest,
        response: { 200: quoteObject, 202: replayedJob, ...failures, 409: errorBody, 429: errorBody },
      },
    },
    async (request, reply) => {
      const { body } = request
      const job = await requireDeadLetter(request.params.id, deps)
      const options = readReplayOptions(body ?? {}, deps.accept.now())
      if (body?.dry_run) return reply.send(toQuote(await quoteAsOperator(job, options, deps)))
      const run = await replayAsOperator(job, options, deps)
      const status = run.created ? 'queued' : ((await deps.accept.store.read(run.id))?.status ?? 'queued')
      return reply.code(202).send(acceptedView(run, status))
    },
  )

  typed.delete(
    '/admin/v1/dead-letters/:id',
    {
      schema: {
        summary: 'Throws away what it takes to run it again: its request, masks and events',
        params,
        response: {
          200: z.object({ id: z.string(), object: z.literal('dead_letter'), deleted: z.literal(true) }),
          ...failures,
        },
      },
    },
    async (request) => {
      const job = await requireDeadLetter(request.params.id, deps)
      await discardDeadLetter(job, deps)
      return { id: job.id, object: 'dead_letter' as const, deleted: true as const }
    },
  )
}
