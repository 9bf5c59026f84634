import type { ZodTypeProvider } from '@fastify/type-provider-zod'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { capabilities } from '../../core/capabilities.ts'
import { BrokerError } from '../../core/errors.ts'
import { createJobId } from '../../core/job.ts'
import { toUsd } from '../../core/pricing.ts'
import { endpoints, priorities, residencies, sensitivities } from '../../core/vocabulary.ts'
import {
  type ExplainDeps,
  type ExplainedDeployment,
  type Explanation,
  explainRoute,
} from '../../pipeline/explain-route.ts'
import { sliceField } from '../json-field.ts'
import { deadlineToMs } from '../request-headers.ts'
import { closedObject, deadlineField, errorBody } from '../schemas.ts'

const tokens = z.int().min(0).max(1_000_000_000)
const usualDeadlineSeconds = 3_600

const routeQuestion = closedObject({
  model: z.string().min(1).max(200),
  tenant: z.string().optional().describe('Whose job it is. Without one: nobody’s, with the usual class.'),
  endpoint: z.enum(endpoints).default('/v1/chat/completions'),
  body: z.looseObject({}).optional().describe('The endpoint’s request body; it is examined as a job’s, and not kept.'),
  stream: z.boolean().optional().describe('As the body says, if unset.'),
  needs: z.array(z.enum(capabilities)).default([]).describe('Beyond what the body needs.'),
  tags: z.record(z.string(), z.string()).default({}),
  priority: z.enum(priorities).default('standard'),
  sensitivity: z.enum(sensitivities).optional().describe('As a caller would ask; the tenant’s default if unset.'),
  deadline: deadlineField.default(usualDeadlineSeconds),
  prompt_tokens: tokens.optional().describe('Instead of counting those of the body.'),
  output_tokens: tokens.optional().describe('Instead of the limit of the body.'),
  job: z.string().max(100).optional().describe('The id that weighted draws go by; a new one if unset.'),
}).meta({ id: 'RouteQuestion' })

const place = {
  deployment: z.string(),
  model: z.string(),
  pool: z.string(),
  residency: z.enum(residencies),
  provider: z.string(),
}

const routeAnswer = z
  .object({
    object: z.literal('route'),
    model: z.string(),
    sensitivity: z.enum(sensitivities),
    sensitivity_reason: z.string(),
    found: z.record(z.string(), z.number()).describe('Places per entity type.'),
    needs: z.array(z.string()),
    prompt_tokens: z.number().nullable().describe('By estimate; null where nobody needed it.'),
    rules: z.record(z.string(), z.number()).describe('The rule that decided, from 1, by model.'),
    deployments: z
      .array(
        z.looseObject({
          ...place,
          after: z.enum(['context_too_long', 'content_policy']).nullable().describe('Only after this failure.'),
          standing: z.enum(['ready', 'busy', 'late', 'away']),
          note: z.string().nullable().describe('Why it is not ready, or a budget has no room for it.'),
          estimated_cost_usd: z.number().describe('With an answer of the usual length.'),
          most_cost_usd: z.number().describe('What a budget would hold for it.'),
        }),
      )
      .describe('Who would serve, in order.'),
    left_out: z.array(z.object({ ...place, obstacle: z.string(), reason: z.string() })),
    error: z
      .object({ code: z.string(), message: z.string() })
      .nullable()
      .describe('Why the job would not be served; null where it would.'),
  })
  .meta({ id: 'Route' })

const failures = { 400: errorBody, 401: errorBody, 404: errorBody, 503: errorBody }

export function registerAdminRouteRoutes(app: FastifyInstance, { route }: { route: ExplainDeps }): void {
  app.withTypeProvider<ZodTypeProvider>().post(
    '/admin/v1/route',
    {
      schema: {
        summary: 'Which deployments would serve such a job now, in which order, and why each other one would not',
        body: routeQuestion,
        response: { 200: routeAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const { body } = request
      const refuse = (rule: string) =>
        new BrokerError('invalid_request', `Invalid field deadline: ${rule}.`, { param: 'deadline' })
      const explanation = await explainRoute(
        {
          model: body.model,
          tenant: body.tenant ?? null,
          tags: body.tags,
          priority: body.priority,
          sensitivity: body.sensitivity ?? null,
          deadlineMs: deadlineToMs(body.deadline, route.now(), refuse),
          endpoint: body.endpoint,
          bodyJson: body.body === undefined ? null : sliceField(request.bodyText, 'body'),
          stream: body.stream ?? body.body?.stream === true,
          needs: body.needs,
          promptTokens: body.prompt_tokens ?? (body.body === undefined ? 0 : null),
          outputTokens: body.output_tokens ?? null,
          seed: body.job ?? createJobId(),
        },
        route,
      )
      return reply.send(toView(body.model, explanation))
    },
  )
}

function toView(model: string, explanation: Explanation) {
  const { sensitivity, reason, found, request, rules, candidates, leftOut, refused } = explanation
  return {
    object: 'route' as const,
    model,
    sensitivity,
    sensitivity_reason: reason,
    found,
    needs: [...request.wish().needs],
    prompt_tokens: request.prompt.counted,
    rules: Object.fromEntries(rules),
    deployments: candidates.map(toCandidateView),
    left_out: leftOut.map((each) => ({
      ...placeOf(each.deployment),
      obstacle: each.obstacle,
      reason: each.reason,
    })),
    error: refused && { code: refused.code, message: refused.message },
  }
}

function placeOf({ id, model, pool, residency, provider }: ExplainedDeployment['deployment']) {
  return { deployment: id, model, pool, residency, provider }
}

/** The numbers that it was judged by are those that this process has seen last. */
function toCandidateView({ deployment, after, stand, signals, ...costs }: ExplainedDeployment) {
  const { gate, readyNodes, speed, load } = signals
  const { requestsPerMinute, tokensPerMinute, parallel } = deployment.limits
  return {
    ...placeOf(deployment),
    after,
    standing: stand.standing,
    note: [stand.note, costs.overBudget].filter((note) => note !== null).join('; ') || null,
    tier: deployment.tier,
    weight: deployment.weight,
    estimated_cost_usd: toUsd(costs.estimatedCost),
    most_cost_usd: toUsd(costs.costAtMost),
    context_tokens: deployment.contextTokens,
    limits: { rpm: requestsPerMinute, tpm: tokensPerMinute, max_parallel: parallel },
    breaker: gate?.breaker ?? 'closed',
    ready_nodes: readyNodes,
    running: gate?.running ?? 0,
    parked: gate?.parked ?? 0,
    load,
    speed: speed && { first_token_ms: speed.firstTokenMs, tokens_per_second: speed.tokensPerSecond },
  }
}
