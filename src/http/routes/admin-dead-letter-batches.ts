import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { toUsd } from '../../core/pricing.ts'
import {
  type BatchResult,
  type DeadLetterDeps,
  discardDeadLetter,
  forEachDeadLetter,
  quoteAsOperator,
  replayAsOperator,
  type Selection,
} from '../../pipeline/dead-letter-batches.ts'
import { filterFields, toFilter } from '../dead-letter-filter.ts'
import { quoteObject, toQuote } from '../dead-letter-view.ts'
import { readReplayOptions, replayFields } from '../replay-request.ts'
import { closedObject, errorBody } from '../schemas.ts'

const most = 1_000

const selectionFields = {
  ids: z.array(z.string().max(100)).min(1).max(most).optional().describe('Either these, or those that fit `filter`.'),
  filter: closedObject({ ...filterFields, replayed: z.boolean().optional() })
    .optional()
    .describe('Those that fit, the latest first; `{}` is all of them.'),
  limit: z.int().min(1).max(most).default(100).describe('At most so many by a filter.'),
}

const isSelection = ({ ids, filter }: { ids?: unknown; filter?: unknown }) =>
  (ids === undefined) !== (filter === undefined)
const selectionRule = { error: 'expected either `ids` or `filter`', path: ['ids'] }

const replayBatch = closedObject({
  ...selectionFields,
  filter: closedObject(filterFields)
    .optional()
    .describe('Those that fit and have not been replayed, the latest first.'),
  ...replayFields,
}).refine(isSelection, selectionRule)
const discardBatch = closedObject({
  ...selectionFields,
  dry_run: z.boolean().default(false).describe('Only says which ones.'),
}).refine(isSelection, selectionRule)

const failure = z.object({ code: z.string(), message: z.string() }).nullable()

const replayAnswer = z
  .object({
    object: z.literal('list'),
    dry_run: z.boolean(),
    data: z.array(
      z.object({
        id: z.string(),
        job: z.string().nullable().describe('The job that runs it again; null in a dry run, or where it was refused.'),
        quote: quoteObject.nullable().describe('In a dry run.'),
        error: failure,
      }),
    ),
    cost_usd: z.number().nullable().describe('In a dry run: at most, each at its first deployment.'),
    most_usd: z.number().nullable().describe('In a dry run: at most, each at its dearest deployment.'),
    has_more: z.boolean().describe('There are others that fit; ask again.'),
  })
  .meta({ id: 'ReplayBatch' })

const discardAnswer = z
  .object({
    object: z.literal('list'),
    dry_run: z.boolean(),
    data: z.array(z.object({ id: z.string(), deleted: z.boolean(), error: failure })),
    has_more: z.boolean(),
  })
  .meta({ id: 'DiscardBatch' })

const failures = { 400: errorBody, 401: errorBody, 503: errorBody }

/** The same for many dead letters at once. */
export function registerDeadLetterBatchRoutes(app: FastifyInstance, deps: DeadLetterDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.post(
    '/admin/v1/dead-letters/replay',
    {
      schema: {
        summary: 'Runs many dead letters again; a dry run says what it would cost',
        body: replayBatch,
        response: { 200: replayAnswer, ...failures },
      },
    },
    async ({ body }) => {
      const options = readReplayOptions(body, deps.accept.now())
      const filter = body.filter && { ...body.filter, replayed: false }
      const selection = toSelection({ ...body, filter }, deps)
      if (body.dry_run) {
        const quotes = await forEachDeadLetter(selection, (job) => quoteAsOperator(job, options, deps), deps)
        return answerQuotes(quotes)
      }
      const { outcomes, hasMore } = await forEachDeadLetter(
        selection,
        (job) => replayAsOperator(job, options, deps),
        deps,
      )
      const data = outcomes.map(({ id, value, error }) => ({ id, job: value?.id ?? null, quote: null, error }))
      return { object: 'list' as const, dry_run: false, data, cost_usd: null, most_usd: null, has_more: hasMore }
    },
  )

  typed.post(
    '/admin/v1/dead-letters/discard',
    {
      schema: {
        summary: 'Throws many dead letters away',
        body: discardBatch,
        response: { 200: discardAnswer, ...failures },
      },
    },
    async ({ body }) => {
      const act = body.dry_run
        ? async () => {}
        : (job: Parameters<typeof discardDeadLetter>[0]) => discardDeadLetter(job, deps)
      const { outcomes, hasMore } = await forEachDeadLetter(toSelection(body, deps), act, deps)
      const data = outcomes.map(({ id, error }) => ({ id, deleted: error === null && !body.dry_run, error }))
      return { object: 'list' as const, dry_run: body.dry_run, data, has_more: hasMore }
    },
  )
}

function toSelection(
  { ids, filter = {}, limit }: z.output<typeof discardBatch>,
  { deadLetters }: DeadLetterDeps,
): Selection {
  return ids ? { ids } : { filter: toFilter(filter, deadLetters.retentionMs), limit }
}

function answerQuotes({ outcomes, hasMore }: BatchResult<Awaited<ReturnType<typeof quoteAsOperator>>>) {
  const sum = (field: 'cost' | 'costAtMost') =>
    toUsd(outcomes.reduce((total, { value }) => total + (value?.[field] ?? 0), 0))
  return {
    object: 'list' as const,
    dry_run: true,
    data: outcomes.map(({ id, value, error }) => ({ id, job: null, quote: value && toQuote(value), error })),
    cost_usd: sum('cost'),
    most_usd: sum('costAtMost'),
    has_more: hasMore,
  }
}
