import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { LedgerRow } from '../../core/record-archive.ts'
import { assertSameArchive, type LedgerDeps, readLedger } from '../../pipeline/read-ledger.ts'
import { sendRows } from '../row-stream.ts'
import { closedObject, errorBody } from '../schemas.ts'
import { parseRange, rangeQuery } from '../time-range.ts'

const dayMs = 24 * 60 * 60 * 1000

const ledgerQuery = closedObject({
  ...rangeQuery,
  tenant: z.string().optional(),
  format: z.enum(['csv', 'jsonl']).default('jsonl'),
})

const columns = [
  'attempt',
  'job',
  'tenant',
  'key',
  'model',
  'deployment',
  'pool',
  'outcome',
  'status',
  'tokens_in',
  'tokens_out',
  'tokens_cached',
  'tokens_reasoning',
  'estimated',
  'micro_usd',
  'tags',
  'priority',
  'class',
  'queued_ms',
  'started_ms',
  'finished_ms',
  'first_token_ms',
  'id',
] as const satisfies readonly (keyof LedgerRow)[]

export function registerAdminLedgerRoutes(app: FastifyInstance, deps: LedgerDeps): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/admin/v1/ledger',
    {
      schema: {
        summary: 'The ledger: one row per attempt, by the time when it ended, streamed',
        querystring: ledgerQuery,
        response: {
          200: z.string().describe('CSV with a head, or one JSON object per line.'),
          400: errorBody,
          401: errorBody,
          503: errorBody,
        },
      },
    },
    async (request, reply) => {
      const { tenant, format, ...times } = request.query
      const range = parseRange(times, dayMs)
      // Once rows flow, an error can only cut the answer off.
      await assertSameArchive(deps)
      const rows = readLedger(deps, { ...range, tenant }) as AsyncIterable<Readonly<Record<string, unknown>>>
      return sendRows(reply, rows, { format, columns, name: 'ledger' })
    },
  )
}
