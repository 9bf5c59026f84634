import { z } from 'zod'
import type { ResponseRequest } from '../core/responses/request.ts'
import { readItems, unsupported } from './response-items.ts'
import { closedObject, metadata } from './schemas.ts'

const name = z.string().regex(/^[\w-]{1,64}$/, { error: 'expected up to 64 letters, digits, _ and -' })
const jsonSchema = z.record(z.string(), z.unknown())

const functionTool = closedObject({
  type: z.literal('function', { error: 'only tools of type function are supported here' }),
  name,
  description: z.string().nullish(),
  parameters: jsonSchema.nullish(),
  strict: z.boolean().nullish(),
  defer_loading: unsupported,
  allowed_callers: unsupported,
  output_schema: unsupported,
})

const namedFunction = closedObject({
  type: z.literal('function', { error: 'only tools of type function are supported here' }),
  name,
})

const toolChoice = z.union(
  [
    z.enum(['auto', 'none', 'required']),
    namedFunction,
    closedObject({
      type: z.literal('allowed_tools', { error: 'expected function or allowed_tools; others are not supported here' }),
      mode: z.enum(['auto', 'required']),
      tools: z.array(namedFunction).min(1),
    }),
  ],
  { error: 'expected auto, none, required, a function, or allowed_tools' },
)

const textFormat = z.discriminatedUnion(
  'type',
  [
    closedObject({ type: z.literal('text') }),
    closedObject({ type: z.literal('json_object') }),
    closedObject({
      type: z.literal('json_schema'),
      name,
      schema: jsonSchema,
      description: z.string().nullish(),
      strict: z.boolean().nullish(),
    }),
  ],
  { error: 'expected text, json_object or json_schema' },
)

/**
 * What `POST /v1/responses` takes: of OpenAI's request (its OpenAPI description 2.3.0) all that a chat completion can do
 * as well. The rest is refused by name, unless it is null. Items of `input` are checked by `readResponseRequest`.
 */
export const responseRequest = closedObject({
  model: z.string().min(1).max(200).describe('A model of GET /v1/models.'),
  input: z
    .union([z.string(), z.array(z.looseObject({}))], { error: 'expected a text or a list of items' })
    .nullish()
    .describe('Messages, function calls and their outputs, reasoning, references to items of earlier responses.'),
  instructions: z.string().nullish().describe('Goes before the input; not carried over to later responses.'),
  previous_response_id: z.string().min(1).max(200).nullish().describe('A stored response to go on from.'),
  tools: z.array(functionTool).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: closedObject({
    format: textFormat.nullish(),
    verbosity: z.enum(['low', 'medium', 'high']).nullish(),
  }).nullish(),
  reasoning: closedObject({
    effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
    summary: z.enum(['auto', 'concise', 'detailed']).nullish(),
    generate_summary: unsupported,
    context: unsupported,
    mode: unsupported,
  }).nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  include: z
    .array(
      z.enum(['message.output_text.logprobs', 'reasoning.encrypted_content'], {
        error: 'expected message.output_text.logprobs or reasoning.encrypted_content; others are not supported here',
      }),
    )
    .nullish(),
  metadata: metadata.nullish(),
  store: z.boolean().nullish().describe('False: can be read once, and is destroyed then.'),
  background: z.boolean().nullish().describe('Answers at once; the response is read by its id.'),
  stream: z.boolean().nullish(),
  stream_options: closedObject({
    include_obfuscation: z.literal(false, { error: 'not supported here' }).nullish(),
  }).nullish(),
  service_tier: z.enum(['auto', 'default', 'flex', 'priority']).nullish(),
  truncation: z.literal('disabled', { error: 'only disabled is supported here' }).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().max(64).nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_retention: unsupported,
  prompt_cache_options: unsupported,
  conversation: unsupported,
  prompt: unsupported,
  context_management: unsupported,
  max_tool_calls: unsupported,
  moderation: unsupported,
}).meta({ id: 'ResponseRequest' })

/** Checks the items too, which have too many forms for one schema. @throws BrokerError `invalid_request` */
export function readResponseRequest(body: z.infer<typeof responseRequest>): ResponseRequest {
  const { input, ...rest } = body
  return { ...rest, input: Array.isArray(input) ? readItems(input) : input }
}

export const responseParams = z.object({ response_id: z.string() })

const flag = z.enum(['true', 'false']).transform((text) => text === 'true')

export const responseQuery = closedObject({
  stream: flag.optional().describe('The events of the response, from its first on.'),
  starting_after: z.coerce
    .number()
    .int()
    .min(-1)
    .optional()
    .describe('Only events after this sequence number; the first one is 0, so -1 is all of them.'),
  include_obfuscation: z.literal('false', { error: 'not supported here' }).optional(),
  wait: z.coerce.number().min(0).max(60).optional().describe('Seconds to wait for the end; where a 303 leads.'),
})

export const inputItemsQuery = closedObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional().describe('The last id of the page before.'),
})
