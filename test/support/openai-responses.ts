import { z } from 'zod'

/**
 * What OpenAI says its Responses API answers with: the OpenAPI description of openai/openai-openapi, version 2.3.0, as of
 * 2026-08-21, for messages, function calls and reasoning. Objects are closed, so that a field of our own shows; `store`
 * is the one field that OpenAI's servers send and its description does not have.
 */
const status = z.enum(['in_progress', 'completed', 'incomplete'])
const count = z.int().min(0)
const json = z.record(z.string(), z.unknown())

const topLogProb = z.strictObject({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()) })
const logProb = topLogProb.extend({ top_logprobs: z.array(topLogProb) })
const eventLogProb = z.strictObject({
  token: z.string(),
  logprob: z.number(),
  top_logprobs: z.array(z.strictObject({ token: z.string(), logprob: z.number() })),
})
const urlCitation = z.strictObject({
  type: z.literal('url_citation'),
  url: z.url(),
  title: z.string(),
  start_index: z.int(),
  end_index: z.int(),
})
const outputText = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(urlCitation),
  logprobs: z.array(logProb),
})
const refusal = z.strictObject({ type: z.literal('refusal'), refusal: z.string() })
const part = z.discriminatedUnion('type', [outputText, refusal])
const summaryText = z.strictObject({ type: z.literal('summary_text'), text: z.string() })

const outputMessage = z.strictObject({
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  status,
  content: z.array(part),
})
const functionCall = z.strictObject({
  id: z.string(),
  type: z.literal('function_call'),
  call_id: z.string().min(1),
  name: z.string(),
  arguments: z.string(),
  status,
})
const reasoningItem = z.strictObject({
  id: z.string(),
  type: z.literal('reasoning'),
  summary: z.array(summaryText),
})
const outputItem = z.discriminatedUnion('type', [outputMessage, functionCall, reasoningItem])

const tool = z.strictObject({
  type: z.literal('function'),
  name: z.string(),
  description: z.string().nullish(),
  parameters: json.nullable(),
  strict: z.boolean().nullable(),
})
const format = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    name: z.string(),
    schema: json,
    description: z.string().optional(),
    strict: z.boolean().nullish(),
  }),
])
const namedFunction = z.strictObject({ type: z.literal('function'), name: z.string() })

const usage = z.strictObject({
  input_tokens: count,
  input_tokens_details: z.strictObject({ cached_tokens: count, cache_write_tokens: count }),
  output_tokens: count,
  output_tokens_details: z.strictObject({ reasoning_tokens: count }),
  total_tokens: count,
})

/** `Response`. */
export const responseObject = z.strictObject({
  id: z.string().regex(/^resp_/),
  object: z.literal('response'),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  status: z.enum(['completed', 'failed', 'in_progress', 'cancelled', 'queued', 'incomplete']),
  background: z.boolean(),
  error: z
    .strictObject({
      code: z.enum(['server_error', 'rate_limit_exceeded', 'invalid_prompt']),
      message: z.string().min(1),
    })
    .nullable(),
  incomplete_details: z.strictObject({ reason: z.enum(['max_output_tokens', 'content_filter']) }).nullable(),
  instructions: z.string().nullable(),
  max_output_tokens: z.int().nullable(),
  max_tool_calls: z.int().nullable(),
  metadata: z.record(z.string(), z.string()),
  model: z.string(),
  output: z.array(outputItem),
  parallel_tool_calls: z.boolean(),
  previous_response_id: z.string().nullable(),
  prompt_cache_key: z.string().nullable(),
  reasoning: z.strictObject({ effort: z.string().nullable(), summary: z.string().nullable() }),
  safety_identifier: z.string().nullable(),
  service_tier: z.enum(['default', 'flex', 'priority']),
  store: z.boolean(),
  temperature: z.number().nullable(),
  text: z.strictObject({ format, verbosity: z.enum(['low', 'medium', 'high']).optional() }),
  tool_choice: z.union([
    z.enum(['none', 'auto', 'required']),
    namedFunction,
    z.strictObject({ type: z.literal('allowed_tools'), mode: z.enum(['auto', 'required']), tools: z.array(json) }),
  ]),
  tools: z.array(tool),
  top_logprobs: z.int().min(0).max(20),
  top_p: z.number().nullable(),
  truncation: z.literal('disabled'),
  usage: usage.optional(),
  user: z.string().optional(),
})

/** Where it stands is ours: official clients take fields that they do not know here, and nowhere else. */
const queuedResponse = responseObject.extend({
  sluice: z
    .strictObject({ queue: z.strictObject({ position: z.int().min(1), eta_seconds: z.int().min(0).nullable() }) })
    .optional(),
})
const lifecycle = { sequence_number: count, response: responseObject }
const inItem = { sequence_number: count, item_id: z.string(), output_index: count }
const inContent = { ...inItem, content_index: count }
const inSummary = { ...inItem, summary_index: count }

/** `ResponseStreamEvent`, of which an `error` also has the nested form that official clients look for. */
export const responseEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('response.created'), ...lifecycle }),
  z.strictObject({ type: z.literal('response.queued'), ...lifecycle, response: queuedResponse }),
  z.strictObject({ type: z.literal('response.in_progress'), ...lifecycle }),
  z.strictObject({ type: z.literal('response.completed'), ...lifecycle }),
  z.strictObject({ type: z.literal('response.incomplete'), ...lifecycle }),
  z.strictObject({ type: z.literal('response.failed'), ...lifecycle }),
  z.strictObject({
    type: z.literal('response.output_item.added'),
    sequence_number: count,
    output_index: count,
    item: outputItem,
  }),
  z.strictObject({
    type: z.literal('response.output_item.done'),
    sequence_number: count,
    output_index: count,
    item: outputItem,
  }),
  z.strictObject({ type: z.literal('response.content_part.added'), ...inContent, part }),
  z.strictObject({ type: z.literal('response.content_part.done'), ...inContent, part }),
  z.strictObject({
    type: z.literal('response.output_text.delta'),
    ...inContent,
    delta: z.string().min(1),
    logprobs: z.array(eventLogProb),
  }),
  z.strictObject({
    type: z.literal('response.output_text.done'),
    ...inContent,
    text: z.string(),
    logprobs: z.array(eventLogProb),
  }),
  z.strictObject({
    type: z.literal('response.output_text.annotation.added'),
    ...inContent,
    annotation_index: count,
    annotation: urlCitation,
  }),
  z.strictObject({ type: z.literal('response.refusal.delta'), ...inContent, delta: z.string().min(1) }),
  z.strictObject({ type: z.literal('response.refusal.done'), ...inContent, refusal: z.string() }),
  z.strictObject({ type: z.literal('response.function_call_arguments.delta'), ...inItem, delta: z.string().min(1) }),
  z.strictObject({
    type: z.literal('response.function_call_arguments.done'),
    ...inItem,
    name: z.string(),
    arguments: z.string(),
  }),
  z.strictObject({ type: z.literal('response.reasoning_summary_part.added'), ...inSummary, part: summaryText }),
  z.strictObject({ type: z.literal('response.reasoning_summary_part.done'), ...inSummary, part: summaryText }),
  z.strictObject({ type: z.literal('response.reasoning_summary_text.delta'), ...inSummary, delta: z.string().min(1) }),
  z.strictObject({ type: z.literal('response.reasoning_summary_text.done'), ...inSummary, text: z.string() }),
  z.strictObject({
    type: z.literal('error'),
    sequence_number: count,
    code: z.string().nullable(),
    message: z.string(),
    param: z.string().nullable(),
    error: z.strictObject({ type: z.string(), code: z.string(), message: z.string(), param: z.null() }),
  }),
])

export type ResponseEventFields = z.infer<typeof responseEvent>

/** `ResponseItemList`. */
export const inputItemList = z.strictObject({
  object: z.literal('list'),
  data: z.array(
    z.union([
      z.strictObject({
        id: z.string(),
        type: z.literal('message'),
        role: z.enum(['user', 'system', 'developer']),
        status,
        content: z.array(z.looseObject({ type: z.enum(['input_text', 'input_image', 'input_file', 'input_audio']) })),
      }),
      outputMessage.extend({
        content: z.array(
          z.discriminatedUnion('type', [outputText.partial({ annotations: true, logprobs: true }), refusal]),
        ),
      }),
      functionCall,
      z.strictObject({
        id: z.string(),
        type: z.literal('function_call_output'),
        call_id: z.string(),
        output: z.union([z.string(), z.array(json)]),
        status,
      }),
      reasoningItem,
    ]),
  ),
  first_id: z.string(),
  last_id: z.string(),
  has_more: z.boolean(),
})
