import { z } from 'zod'
import { capabilities } from '../core/capabilities.ts'
import { timerDuration } from './duration.ts'
import { providerNames, providerPresets } from './provider-presets.ts'
import { apiKey, baseUrl, deploymentId, headersOf, headerValue } from './schema-fields.ts'

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

const aws = z
  .strictObject({
    region: z
      .string()
      .regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, { error: 'must be a region such as "eu-central-1"' })
      .describe('The region, which is part of the address.'),
    access_key_id: apiKey.optional().describe('With `secret_access_key`; without them `api_key` is a Bedrock API key.'),
    secret_access_key: apiKey.optional().describe('With `access_key_id`.'),
    session_token: apiKey.optional().describe('Of temporary credentials.'),
  })
  .describe('Where Bedrock is called and as whom.')

const perMinute = z.int().min(1).max(1_000_000_000).optional()
const tokens = z.int().min(1).max(10_000_000).optional()

export const deployment = z
  .strictObject({
    id: deploymentId.describe('Name of the deployment, unique over the file.'),
    pool: z.string().describe('The pool whose dispatchers call it.'),
    provider: z.enum(providerNames).describe('Who serves it; decides the dialect and the usual base URL.'),
    model: z.string().min(1).max(300).describe("The model's name at the provider."),
    base_url: baseUrl.optional().describe("The provider's URL, up to where `/chat/completions` would follow."),
    api_key: apiKey.optional().describe("The provider's key, sent as its dialect wants it."),
    api_version: z.string().min(1).max(50).optional().describe('Version of the API, for `azure`.'),
    aws: aws.optional(),
    tier: z
      .int()
      .min(1)
      .max(100)
      .default(1)
      .describe('Deployments of a lower tier go before those of a higher one, whatever the strategy says.'),
    weight: z
      .int()
      .min(0)
      .max(1_000_000)
      .optional()
      .describe('Share of the jobs that it gets first among its tier; 0 only as a fallback. Splits and canaries.'),
    concurrency: z
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .describe(
        'Calls at the same time, per dispatcher; if unset, what its server says, 1 for local ones, 16 for clouds.',
      ),
    max_parallel: z.int().min(1).max(1_000_000).optional().describe('Calls at the same time, over all dispatchers.'),
    rpm: perMinute.describe('Requests per minute, over all dispatchers.'),
    tpm: perMinute.describe('Tokens per minute, in and out, over all dispatchers.'),
    per_node: z
      .boolean()
      .optional()
      .describe('Whether every node has an upstream of its own; if unset, true for a base URL on the loopback.'),
    free: z.boolean().default(false).describe('Whether calls cost nothing.'),
    price: price.optional().describe('What tokens cost, where the catalogue does not know or is not right.'),
    max_output_tokens: tokens.describe(
      'The most tokens of an answer whose request names no limit, for tenants with a budget.',
    ),
    context_tokens: tokens.describe('Tokens that prompt and answer may have together; the catalogue’s if unset.'),
    capabilities: z
      .array(z.enum(capabilities))
      .max(capabilities.length)
      .optional()
      .describe('What it can do, where the usual of its provider is not right.'),
    keep_alive: z
      .union([timerDuration, z.literal(-1)])
      .optional()
      .describe('How long Ollama keeps the model loaded after a call; -1 for ever.'),
    num_ctx: tokens.describe('The context that Ollama loads the model with; every job gets the same.'),
    headers: headersOf(headerValue.describe('Value of the header.'))
      .optional()
      .describe('Further headers of each call, by name; the values are secrets.'),
    timeouts,
  })
  .transform((value) => {
    const base_url = value.base_url ?? providerPresets[value.provider].baseUrl ?? undefined
    return { ...value, base_url, per_node: value.per_node ?? isLoopback(base_url) }
  })
  .describe('One upstream that can serve the model.')

function isLoopback(url: string | undefined): boolean {
  const host = url === undefined ? undefined : URL.parse(url)?.hostname
  return host !== undefined && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(host)
}

export type DeploymentConfig = z.output<typeof deployment>
