/**
 * OpenAI's chat-completions request, as far as an API of another dialect can express it. A field that is not here is
 * refused by its name: a caller whose field was dropped in silence would never know why the answer is not what was asked.
 */
import { z } from 'zod'
import { parseJsonObject } from '../../core/json-object.ts'
import { ignoredFields } from '../ignored-fields.ts'
import { firstField, unsupported } from './unsupported.ts'

/** Anthropic's marker of a prefix that is worth caching; its gateways take it on OpenAI's parts, messages and tools. */
const cacheControl = z.strictObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).optional() })
export type CacheControl = z.infer<typeof cacheControl>

/** What Gemini signs its thoughts with, where Google's own OpenAI-compatible endpoint has it. */
const extraContent = z.object({ google: z.object({ thought_signature: z.string().nullish() }).nullish() }).nullish()

const cached = { cache_control: cacheControl.nullish() }

export const contentPart = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string(), ...cached }),
  z.object({ type: z.literal('refusal'), refusal: z.string() }),
  z.object({ type: z.literal('image_url'), image_url: z.object({ url: z.string() }), ...cached }),
  z.object({
    type: z.literal('file'),
    // A file that OpenAI keeps can't be named to others.
    file: z.strictObject({ file_data: z.string(), filename: z.string().nullish() }),
    ...cached,
  }),
  z.object({
    type: z.literal('input_audio'),
    input_audio: z.object({ data: z.string(), format: z.enum(['wav', 'mp3']) }),
    ...cached,
  }),
])
export type ContentPart = z.infer<typeof contentPart>

/** The upstreams want arguments as an object, OpenAI's dialect has them as JSON text. */
const toolArguments = z.string().transform((text, context) => {
  const value = text.trim() === '' ? {} : parseJsonObject(text)
  if (value !== null) return value
  context.addIssue('expected the JSON text of an object')
  return z.NEVER
})

const toolCall = z.object({
  id: z.string(),
  type: z.literal('function').optional(),
  function: z.object({ name: z.string(), arguments: toolArguments }),
  extra_content: extraContent,
})

/** A thought as the upstream wrote it, with what proves that it did. Sent back unchanged, it is taken for its own. */
const thinkingBlock = z.discriminatedUnion('type', [
  z.object({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
  z.object({ type: z.literal('redacted_thinking'), data: z.string() }),
])
export type ThinkingBlock = z.infer<typeof thinkingBlock>

const message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(z.unknown())]).nullish(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
  thinking_blocks: z.array(thinkingBlock).nullish(),
  extra_content: extraContent,
  ...cached,
})
export type ChatMessage = z.infer<typeof message>

const schemaObject = z.record(z.string(), z.unknown())

const tool = z.object({
  type: z.literal('function'),
  function: z.object({
    name: z.string(),
    description: z.string().nullish(),
    parameters: schemaObject.nullish(),
    strict: z.boolean().nullish(),
  }),
  ...cached,
})

const toolChoice = z.union([
  z.enum(['auto', 'none', 'required']),
  z.object({ type: z.literal('function'), function: z.object({ name: z.string() }) }),
])

const responseFormat = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    json_schema: z.object({ name: z.string().optional(), description: z.string().nullish(), schema: schemaObject }),
  }),
])

/** These are taken at the one value that changes nothing. */
const neutral = {
  logit_bias: z.strictObject({}).optional(),
  modalities: z.tuple([z.literal('text')]).optional(),
  n: z.literal(1).optional(),
}

const outputTokens = z.int().min(1).optional()

const chatRequest = z.strictObject({
  messages: z.array(message).min(1),
  tools: z.array(tool).optional(),
  tool_choice: toolChoice.optional(),
  parallel_tool_calls: z.boolean().optional(),
  response_format: responseFormat.optional(),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  top_k: z.number().optional(),
  seed: z.int().optional(),
  frequency_penalty: z.number().optional(),
  presence_penalty: z.number().optional(),
  stop: z.union([z.string(), z.array(z.string())]).optional(),
  logprobs: z.boolean().optional(),
  top_logprobs: z.int().min(0).max(20).optional(),
  max_tokens: outputTokens,
  max_completion_tokens: outputTokens,
  ...neutral,
  ...ignoredFields,
})
export type ChatRequest = z.infer<typeof chatRequest>

/** Reads a request for `upstream`. Throws `unsupported` with the path of the first field that can't be expressed. */
export function readChatRequest(bodyJson: string, upstream: string): ChatRequest {
  // In OpenAI's dialect a field that is null was not given.
  const fields = Object.entries(parseJsonObject(bodyJson) ?? {}).filter(([, value]) => value !== null)
  const parsed = chatRequest.safeParse(Object.fromEntries(fields))
  if (!parsed.success) throw unsupported(upstream, firstField(parsed.error))
  return parsed.data
}
