import { z } from 'zod'
import { residencies } from '../core/vocabulary.ts'
import { timerDuration } from './duration.ts'
import { providerNames, providerPresets } from './provider-presets.ts'
import { apiKey, baseUrl, deploymentId, headersOf, headerValue, modelsOf, poolsOf } from './schema-fields.ts'

const strategies = ['ordered', 'cheapest', 'fastest', 'least-busy'] as const

const pool = z
  .strictObject({
    residency: z
      .enum(residencies)
      .describe("Where the pool's dispatchers run. Restricted jobs never enter a lane of a cloud pool."),
  })
  .describe('A group of interchangeable dispatchers.')

const timeouts = z
  .strictObject({
    connect: timerDuration.prefault('5s').describe('Opening the connection, TLS included.'),
    first_byte: timerDuration
      .prefault('120s')
      .describe("From the request's last byte to the answer's headers; a waiting call generates in here."),
    idle: timerDuration.prefault('60s').describe('The longest silence between two pieces of an answer.'),
    total: timerDuration.prefault('600s').describe('The whole call.'),
  })
  .prefault({})
  .describe('How long each phase of one call may take.')

const usdPerMillion = z.number().min(0).max(100_000)

const price = z
  .strictObject({
    input: usdPerMillion.describe('Input tokens.'),
    output: usdPerMillion.describe('Output tokens.'),
    cached_input: usdPerMillion
      .optional()
      .describe('Input tokens from the cache of the provider; as `input` if unset.'),
    reasoning: usdPerMillion.optional().describe('Reasoning tokens; as `output` if unset.'),
  })
  .describe('Prices in US dollars per million tokens.')

const deployment = z
  .strictObject({
    id: deploymentId.describe('Name of the deployment, unique over the file.'),
    pool: z.string().describe('The pool whose dispatchers call it.'),
    provider: z.enum(providerNames).describe('Who serves it; decides the dialect and the usual base URL.'),
    model: z.string().min(1).max(300).describe("The model's name at the provider."),
    base_url: baseUrl.optional().describe("The provider's URL, up to where `/chat/completions` would follow."),
    api_key: apiKey.optional().describe('Sent as `Authorization: Bearer`.'),
    concurrency: z.int().min(1).max(10_000).default(16).describe('Calls at the same time, per dispatcher.'),
    free: z.boolean().default(false).describe('Whether calls cost nothing.'),
    price: price.optional().describe('What tokens cost, where the catalogue does not know or is not right.'),
    max_output_tokens: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe('The most tokens of an answer whose request names no limit, for tenants with a budget.'),
    rpm: z.int().min(1).max(1_000_000_000).optional().describe('Requests per minute that the provider allows.'),
    tpm: z.int().min(1).max(1_000_000_000).optional().describe('Tokens per minute that the provider allows.'),
    headers: headersOf(headerValue.describe('Value of the header.'))
      .optional()
      .describe('Further headers of each call, by name; the values are secrets.'),
    timeouts,
  })
  .transform((value) => ({
    ...value,
    base_url: value.base_url ?? providerPresets[value.provider].baseUrl ?? undefined,
  }))
  .describe('One upstream that can serve the model.')

const model = z
  .strictObject({
    strategy: z.enum(strategies).default('ordered').describe('Which deployment is tried first.'),
    fallbacks: z.array(z.string()).default([]).describe('Models to go on with when no deployment is left, in order.'),
    deployments: z
      .array(deployment)
      .min(1, { error: 'needs at least one deployment' })
      .describe('The upstreams that serve this model, in order.'),
  })
  .describe('A name that applications ask for, and what serves it.')

export const pools = poolsOf(pool).describe('Pools by name.')
export const models = modelsOf(model).describe('Models by name.')

export type DeploymentConfig = z.output<typeof deployment>
export type ModelConfig = z.output<typeof model>
