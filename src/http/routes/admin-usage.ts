import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { toUsd } from '../../core/pricing.ts'
import {
  dayOf,
  type UsageDimension,
  type UsageReader,
  UsageSum,
  usageDimensions,
  usageMetrics,
} from '../../core/usage.ts'
import { sendRows } from '../row-stream.ts'
import { closedObject, errorBody } from '../schemas.ts'
import { parseRange, rangeQuery } from '../time-range.ts'

const monthMs = 30 * 24 * 60 * 60 * 1000

const groupBy = z
  .string()
  .default('day,tenant')
  .transform((text) => text.split(',').map((name) => name.trim()))
  .pipe(z.array(z.enum(usageDimensions)).max(usageDimensions.length))
  .describe(`One or more of ${usageDimensions.join(', ')}, with commas. By tag, a job with two tags counts for both.`)

const usageQuery = closedObject({
  ...rangeQuery,
  group_by: groupBy,
  tenant: z.string().optional(),
  format: z.enum(['json', 'csv', 'jsonl']).default('json'),
})

const usageList = z
  .object({
    object: z.literal('list'),
    from: z.string(),
    to: z.string(),
    data: z.array(
      z.looseObject({
        ...Object.fromEntries(usageMetrics.map((metric) => [metric, z.number()])),
        cost_usd: z.number().describe('For people; micro_usd is exact.'),
      }),
    ),
  })
  .meta({ id: 'UsageList' })

export function registerAdminUsageRoutes(app: FastifyInstance, { usage }: { usage: UsageReader }): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/admin/v1/usage',
    {
      schema: {
        summary: 'What was used and what it cost, from the roll-ups per UTC day',
        querystring: usageQuery,
        response: { 200: usageList, 400: errorBody, 401: errorBody, 503: errorBody },
      },
    },
    async (request, reply) => {
      const { group_by: by, tenant, format, ...times } = request.query
      const { fromMs, toMs } = parseRange(times, monthMs)
      const [from, to] = [dayOf(fromMs), dayOf(toMs - 1)]
      const rows = await sumUsage(usage, { from, to, by: [...new Set(by)], tenant })
      if (format !== 'json') {
        const columns = [...new Set(by), ...usageMetrics, 'cost_usd']
        return sendRows(reply, rows, { format, columns, name: `usage-${from}-${to}` })
      }
      return reply.send({ object: 'list', from, to, data: rows })
    },
  )
}

async function sumUsage(
  usage: UsageReader,
  query: { from: string; to: string; by: readonly UsageDimension[]; tenant: string | undefined },
) {
  const sum = new UsageSum(query.by)
  for await (const cell of usage.read(query.from, query.to)) {
    if (query.tenant === undefined || cell.tenant === query.tenant) sum.add(cell)
  }
  return sum.groups().map((group) => ({ ...group, cost_usd: toUsd(group.micro_usd) }))
}
