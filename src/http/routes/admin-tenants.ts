import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { TenantHoldings } from '../../core/erasure.ts'
import { BrokerError } from '../../core/errors.ts'
import { type EraseDeps, eraseTenant } from '../../pipeline/erase-tenant.ts'
import { closedObject, errorBody } from '../schemas.ts'

export interface AdminTenantDeps {
  readonly erasing: EraseDeps
  /** Those of the configuration. */
  readonly tenantNames: readonly string[]
}

const tenantList = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        name: z.string(),
        configured: z.boolean().describe('False for one that is in the configuration no more and has left something.'),
        jobs: z.number().describe('Jobs of which something is kept.'),
        files: z.number(),
        batches: z.number(),
        webhook_endpoints: z.number(),
      }),
    ),
  })
  .meta({ id: 'TenantList' })

const count = z.number().int()
const erased = z
  .object({
    object: z.literal('tenant.data.deleted'),
    tenant: z.string(),
    before: z.string().describe('What was made later was left; RFC 3339.'),
    deleted: z.object({
      jobs: count,
      dead_letters: count.describe('How many of the jobs were dead letters.'),
      batches: count,
      files: count,
      bytes: count.describe('Of the files.'),
      webhook_endpoints: count,
      webhook_deliveries: count,
      cached_answers: count,
      idempotency_keys: count,
    }),
    kept: z.record(z.string(), z.string()).describe('What is kept on purpose, and why.'),
    complete: z.boolean().describe('False: call again with the same `before`.'),
  })
  .meta({ id: 'TenantDataDeleted' })

const kept = {
  ledger: 'What each call of a model cost: ids, model, tokens, money, tags. No content; for accounts and audits.',
  usage: 'Sums of that per day, for 400 days.',
  budgets: 'What was spent in the windows of budgets, and requests and tokens of the last minutes. No content.',
  audit_trail: 'What was decided about each job, and that this was erased. No content.',
} as const

const params = closedObject({ tenant: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'expected the name of a tenant') })
const query = closedObject({
  before: z
    .string()
    .optional()
    .describe(
      'Leave what was made after this time (RFC 3339, with its offset), or from the beginning of this day (UTC) on; now unless given. To go on, that of the first answer.',
    ),
})
const failures = { 400: errorBody, 401: errorBody, 404: errorBody, 503: errorBody }

/** Tenants, and the end of what is known of one. */
export function registerAdminTenantRoutes(app: FastifyInstance, { erasing, tenantNames }: AdminTenantDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  typed.get(
    '/admin/v1/tenants',
    {
      schema: {
        summary: 'Tenants of the configuration, and former ones of whom something is kept',
        response: { 200: tenantList, ...failures },
      },
    },
    async () => {
      const names = new Set([...tenantNames, ...(await erasing.data.known())])
      const holdings = await erasing.data.holdings([...names].sort())
      const views = holdings.map((each) => toView(each, erasing.isConfigured(each.tenant)))
      const data = views.filter((view) => view.configured || hasAnything(view))
      return { object: 'list' as const, data }
    },
  )
  typed.delete(
    '/admin/v1/tenants/:tenant/data',
    {
      schema: {
        summary: 'Erases what a tenant said and was told, in all places; call it until `complete`',
        params,
        querystring: query,
        response: { 200: erased, ...failures },
      },
    },
    async (request) => {
      const { tenant } = request.params
      const { untilMs, deleted, isComplete } = await eraseTenant(tenant, readBefore(request.query.before), erasing)
      const before = new Date(untilMs).toISOString()
      return { object: 'tenant.data.deleted' as const, tenant, before, deleted, kept, complete: isComplete }
    },
  )
}

function toView({ tenant: name, jobs, files, batches, endpoints }: TenantHoldings, configured: boolean) {
  return { name, configured, jobs, files, batches, webhook_endpoints: endpoints }
}

function hasAnything({ jobs, files, batches, webhook_endpoints }: ReturnType<typeof toView>): boolean {
  return jobs + files + batches + webhook_endpoints > 0
}

/** A time without an offset would be one of the server's place, and other hours would be erased than were meant. */
const moment = z.union([z.iso.datetime({ offset: true }), z.iso.date()])
const beforeRule =
  'expected a time that has passed, with its offset (2026-11-21T08:00:00Z), or the beginning of a day (2026-11-21, UTC)'

function readBefore(text: string | undefined): number {
  const nowMs = Date.now()
  if (text === undefined) return nowMs
  const beforeMs = moment.safeParse(text).success ? Date.parse(text) : Number.NaN
  if (beforeMs <= nowMs) return beforeMs
  throw new BrokerError('invalid_request', `Invalid query parameter before: ${beforeRule}.`, { param: 'before' })
}
