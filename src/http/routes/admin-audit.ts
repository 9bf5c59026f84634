import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { parseEntry } from '../../core/audit-chain.ts'
import { BrokerError } from '../../core/errors.ts'
import { isJobId, jobMadeAtMs } from '../../core/job.ts'
import type { TimeRange } from '../../core/record-archive.ts'
import { assertSameArchive, type LedgerDeps } from '../../pipeline/read-ledger.ts'
import { closedObject, errorBody } from '../schemas.ts'
import { parseRange, rangeQuery } from '../time-range.ts'

const dayMs = 24 * 60 * 60 * 1000

const auditQuery = closedObject({
  ...rangeQuery,
  tenant: z.string().optional(),
  job: z.string().optional().describe('Only entries of this job; `from` is then when it was made.'),
  after: z.coerce.number().int().min(0).optional().describe('The last `seq` of the page before; takes a tenant.'),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
})

const auditList = z
  .object({
    object: z.literal('list'),
    data: z.array(z.looseObject({ seq: z.number(), tenant: z.string(), hash: z.string(), prev: z.string() })),
    has_more: z.boolean(),
  })
  .meta({ id: 'AuditList' })

const headList = z
  .object({
    object: z.literal('list'),
    data: z.array(z.object({ tenant: z.string(), seq: z.number(), hash: z.string() })),
  })
  .meta({ id: 'AuditHeadList' })

const failures = { 400: errorBody, 401: errorBody, 503: errorBody }

export function registerAdminAuditRoutes(app: FastifyInstance, deps: LedgerDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.get(
    '/admin/v1/audit',
    {
      schema: {
        summary: 'Entries of the audit trail, by tenant and oldest first, as archived',
        querystring: auditQuery,
        response: { 200: auditList, ...failures },
      },
    },
    async (request, reply) => {
      await assertSameArchive(deps)
      const { data, hasMore } = await readTrail(deps, request.query)
      return reply.send({ object: 'list', data, has_more: hasMore })
    },
  )

  typed.get(
    '/admin/v1/audit/heads',
    { schema: { summary: 'Where each tenant’s audit chain ends', response: { 200: headList, ...failures } } },
    async () => {
      const heads = [...(await deps.tail.heads())].map(([tenant, head]) => ({ tenant, ...head }))
      return { object: 'list' as const, data: heads.sort((left, right) => (left.tenant < right.tenant ? -1 : 1)) }
    },
  )
}

type AuditQuery = z.output<typeof auditQuery>
type Entry = z.output<typeof auditList>['data'][number]

async function readTrail({ archive }: LedgerDeps, query: AuditQuery): Promise<{ data: Entry[]; hasMore: boolean }> {
  const { tenant, job, after = 0, limit } = query
  if (after > 0 && tenant === undefined) {
    throw new BrokerError('invalid_request', 'Invalid query parameter after: it takes a tenant.', { param: 'after' })
  }
  const range = rangeOf(query)
  const data: Entry[] = []
  for (const name of tenant === undefined ? [...(await archive.tenants())].sort() : [tenant]) {
    for await (const line of archive.audit(name, range)) {
      if (job !== undefined && !line.includes(`"job":"${job}"`)) continue
      if ((parseEntry(line)?.seq ?? 0) <= after) continue
      if (data.length === limit) return { data, hasMore: true }
      data.push(JSON.parse(line) as Entry)
    }
  }
  return { data, hasMore: false }
}

/** A job's id says when it was made, which spares reading what is older. */
function rangeOf({ from, to, job }: AuditQuery): TimeRange {
  if (job === undefined || from !== undefined) return parseRange({ from, to }, dayMs)
  if (!isJobId(job)) {
    throw new BrokerError('invalid_request', 'Invalid query parameter job: expected a job id.', { param: 'job' })
  }
  return parseRange({ from: new Date(jobMadeAtMs(job) - dayMs).toISOString(), to }, dayMs)
}
