import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { type BudgetState, budgetPeriods } from '../../core/budget.ts'
import { toUsd } from '../../core/pricing.ts'
import { closedObject, errorBody } from '../schemas.ts'

/** Where the budgets of all tenants stand at a moment. */
export type BudgetReader = (nowMs: number) => Promise<readonly BudgetState[]>

const budgetQuery = closedObject({ tenant: z.string().optional() })

const budgetList = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.looseObject({
        id: z.string(),
        tenant: z.string(),
        per: z.enum(budgetPeriods),
        window: z.enum(['calendar', 'rolling']),
        limit_usd: z.number(),
        soft_usd: z.number().nullable(),
        spent_usd: z.number(),
        reserved_usd: z.number().describe('Held for jobs that have not ended.'),
        resets_at: z.number().nullable().describe('Unix time in seconds; null for a total.'),
      }),
    ),
  })
  .meta({ id: 'BudgetList' })

export function registerAdminBudgetRoutes(app: FastifyInstance, { budgets }: { budgets: BudgetReader }): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/admin/v1/budgets',
    {
      schema: {
        summary: 'What the budgets have left',
        querystring: budgetQuery,
        response: { 200: budgetList, 400: errorBody, 401: errorBody, 503: errorBody },
      },
    },
    async (request) => {
      const { tenant } = request.query
      const states = await budgets(Date.now())
      const wanted = states.filter(({ budget }) => tenant === undefined || budget.scope.tenant === tenant)
      return { object: 'list' as const, data: wanted.map(toView) }
    },
  )
}

function toView({ budget, spent, reserved, resetsAtMs }: BudgetState) {
  const { id, scope, per, window, limit, softLimit } = budget
  return {
    id,
    tenant: scope.tenant,
    ...(scope.key !== undefined && { key: scope.key }),
    ...(scope.tag !== undefined && { tag: `${scope.tag.name}=${scope.tag.value}` }),
    ...(scope.model !== undefined && { model: scope.model }),
    per,
    window,
    limit_usd: toUsd(limit),
    soft_usd: softLimit === null ? null : toUsd(softLimit),
    spent_usd: toUsd(spent),
    reserved_usd: toUsd(reserved),
    resets_at: resetsAtMs === null ? null : Math.ceil(resetsAtMs / 1000),
  }
}
