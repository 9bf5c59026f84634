import { z } from 'zod'
import { capabilities } from '../core/capabilities.ts'
import { strategies } from '../core/route-facts.ts'
import { priorities, residencies, sensitivities } from '../core/vocabulary.ts'
import { longDuration } from './duration.ts'
import { deployment } from './schema-deployments.ts'
import { apiKey, modelsOf, poolsOf } from './schema-fields.ts'

export type { DeploymentConfig } from './schema-deployments.ts'

const pool = z
  .strictObject({
    residency: z
      .enum(residencies)
      .describe("Where the pool's dispatchers run. Restricted jobs never enter a lane of a cloud pool."),
    node_tokens: z
      .array(apiKey)
      .max(1_000)
      .default([])
      .describe('Tokens with which nodes of this pool may work over HTTPS instead of Redis.'),
  })
  .describe('A group of interchangeable dispatchers.')

const names = z.array(z.string()).max(100)
const tokenCount = z.int().min(0).max(1_000_000_000)

const condition = z
  .strictObject({
    tags: z.record(z.string(), z.string()).optional().describe('Tags that the job carries, all of them.'),
    tenants: names.optional().describe('Tenants, any of them.'),
    priorities: z.array(z.enum(priorities)).optional().describe('Priorities, any of them.'),
    sensitivities: z.array(z.enum(sensitivities)).optional().describe('Classes as decided, any of them.'),
    min_prompt_tokens: tokenCount.optional().describe('Estimated input tokens, at least.'),
    max_prompt_tokens: tokenCount.optional().describe('Estimated input tokens, at most.'),
    needs: z.array(z.enum(capabilities)).optional().describe('What the request needs, all of them.'),
  })
  .describe('All that is given must fit.')

const targets = z
  .strictObject({
    deployments: names.optional().describe('Deployments of the model, by id.'),
    pools: names.optional().describe('All deployments in these pools.'),
  })
  .refine(({ deployments, pools: named }) => deployments !== undefined || named !== undefined, {
    error: 'needs `deployments` or `pools`',
  })

const rule = z
  .strictObject({
    when: condition,
    only: targets.optional().describe('No other deployment of the model may serve.'),
    prefer: targets.optional().describe('These go first, in this order; the others follow.'),
    strategy: z.enum(strategies).optional().describe('Instead of the strategy of the model.'),
  })
  .describe('The first rule that fits decides; a job that none fits goes by the strategy alone.')

const usdPerMillion = z.number().min(0).max(100_000)

const cache = z
  .strictObject({
    ttl: longDuration.describe('How long an answer is given again.'),
    max_kb: z.int().min(1).max(65_536).default(256).describe('Answers that are larger are not kept, in KiB.'),
  })
  .describe('Gives identical requests of a tenant the same answer. Absent: never.')

const model = z
  .strictObject({
    strategy: z.enum(strategies).default('ordered').describe('Which deployment of a tier is tried first.'),
    deployments: z
      .array(deployment)
      .min(1, { error: 'needs at least one deployment' })
      .describe('The upstreams that serve this model, in order.'),
    rules: z.array(rule).max(100).default([]).describe('Which deployments serve which jobs.'),
    fallbacks: z.array(z.string()).default([]).describe('Models to go on with when no deployment is left, in order.'),
    context_window_fallbacks: z
      .array(z.string())
      .default([])
      .describe('Models to go on with when the prompt is too long for this one.'),
    content_policy_fallbacks: z
      .array(z.string())
      .default([])
      .describe("Models to go on with when a provider's own rules refuse the request."),
    max_price: z
      .strictObject({
        input: usdPerMillion.optional().describe('For input tokens.'),
        output: usdPerMillion.optional().describe('For output tokens.'),
      })
      .optional()
      .describe('Deployments that cost more, in US dollars per million tokens, are left out.'),
    on_outage: z
      .enum(['fallback', 'wait'])
      .default('fallback')
      .describe('What a job does when its deployment is away: go to the next one, or wait until its deadline.'),
    on_cut_stream: z
      .enum(['restart', 'fail'])
      .default('restart')
      .describe('What follows when an answer breaks off after its first token, for readers who can be told.'),
    cache: cache.optional(),
  })
  .describe('A name that applications ask for, and what serves it.')

export const pools = poolsOf(pool).describe('Pools by name.')
export const models = modelsOf(model).describe('Models by name.')

export type ModelConfig = z.output<typeof model>
export type RuleConfig = z.output<typeof rule>
