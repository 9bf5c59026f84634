/**
 * From OpenAI's chat-completions request to Ollama's `POST /api/chat`. What Ollama can't do is refused by name rather
 * than dropped: a caller who asked for a tool call and got prose would never know why.
 */
import { z } from 'zod'
import { parseJsonObject } from '../core/json-object.ts'
import { ProviderError } from '../core/provider.ts'
import { ignoredFields } from './ignored-fields.ts'
import { keepAliveOf, type OllamaOptions } from './ollama-options.ts'

const anything = z.unknown().optional()

const textPart = z.object({ type: z.literal('text'), text: z.string() })
const refusalPart = z.object({ type: z.literal('refusal'), refusal: z.string() })
const imagePart = z.object({
  type: z.literal('image_url'),
  // Ollama fetches nothing.
  image_url: z.object({ url: z.string().regex(/^data:[^,]*;base64,/) }),
})
const contentPart = z.discriminatedUnion('type', [textPart, refusalPart, imagePart])

/** Ollama wants arguments as an object, OpenAI's dialect has them as JSON text. */
const toolArguments = z.string().transform((text, context) => {
  const value = text.trim() === '' ? {} : parseJsonObject(text)
  if (value !== null) return value
  context.addIssue('expected the JSON text of an object')
  return z.NEVER
})

const toolCall = z.object({
  id: z.string().nullish(),
  function: z.object({ name: z.string(), arguments: toolArguments }),
})

/** What comes back from an answer of ours is taken; a field that says something and has no place at Ollama is not. */
const message = z.strictObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(z.unknown())]).nullish(),
  refusal: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
  // Of the tool, in messages of the role `tool`; Ollama knows no names of other speakers.
  name: z.string().nullish(),
  annotations: anything,
  // Signatures and marks of other upstreams, which say nothing to this one.
  thinking_blocks: anything,
  extra_content: anything,
  cache_control: anything,
  reasoning_details: anything,
  provider_specific_fields: anything,
  audio: z.null().optional(),
  function_call: z.null().optional(),
})

const responseFormat = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({ type: z.literal('json_schema'), json_schema: z.object({ schema: z.record(z.string(), z.unknown()) }) }),
])

/** `minimal` and `xhigh` are OpenAI's own; the nearest that Ollama knows stands in. */
const thinkByEffort = {
  none: false,
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
} as const

/** These are taken at the one value that changes nothing. */
const neutral = {
  logit_bias: z.strictObject({}).optional(),
  modalities: z.tuple([z.literal('text')]).optional(),
  n: z.literal(1).optional(),
  // Nothing keeps a model at Ollama from calling several tools at once.
  parallel_tool_calls: z.literal(true).optional(),
  verbosity: z.literal('medium').optional(),
}

/** Settings that OpenAI has not and Ollama has, under its own names. */
const ownSettings = {
  top_k: z.number().optional(),
  min_p: z.number().optional(),
  repeat_penalty: z.number().optional(),
}

const chatRequest = z.strictObject({
  messages: z.array(message).min(1),
  tools: z.array(z.looseObject({ type: z.literal('function') })).optional(),
  // `none` is done by sending no tools.
  tool_choice: z.enum(['auto', 'none']).optional(),
  response_format: responseFormat.optional(),
  reasoning_effort: z.literal(Object.keys(thinkByEffort) as (keyof typeof thinkByEffort)[]).optional(),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  seed: z.number().optional(),
  frequency_penalty: z.number().optional(),
  presence_penalty: z.number().optional(),
  stop: z.union([z.string(), z.array(z.string())]).optional(),
  max_tokens: z.number().optional(),
  max_completion_tokens: z.number().optional(),
  logprobs: z.boolean().optional(),
  top_logprobs: z.int().min(0).max(20).optional(),
  ...ownSettings,
  ...neutral,
  ...ignoredFields,
})

type ChatRequest = z.infer<typeof chatRequest>
type Message = z.infer<typeof message>

/**
 * The JSON text of the body for `/api/chat`. Throws `ProviderError('unsupported')` without a status, since no call was
 * made; its message names the field that is malformed or that Ollama can't honour, never its value.
 *
 * `truncate` and `shift` are off: by itself Ollama would leave the oldest messages out, or forget them while it writes,
 * and not say so. A prompt that is too long is refused instead, and an answer ends with `length`.
 */
export function toOllamaBody(bodyJson: string, options: OllamaOptions, stream: boolean): string {
  const body = parseJsonObject(bodyJson)
  // In OpenAI's dialect a field that is null was not given.
  const fields = Object.entries(body ?? {}).filter(([, value]) => value !== null)
  const parsed = chatRequest.safeParse(Object.fromEntries(fields))
  if (!parsed.success) throw unsupportedField(parsed.error)
  const request = parsed.data
  const effort = request.reasoning_effort
  // What is undefined is not written.
  return JSON.stringify({
    model: options.model,
    stream,
    messages: toMessages(request.messages),
    options: toOptions(request, options.contextTokens),
    tools: request.tool_choice === 'none' ? undefined : request.tools,
    format: toFormat(request.response_format),
    think: effort && thinkByEffort[effort],
    logprobs: request.logprobs,
    top_logprobs: request.logprobs ? request.top_logprobs : undefined,
    keep_alive: keepAliveOf(options),
    truncate: false,
    shift: false,
  })
}

function toMessages(messages: readonly Message[]): object[] {
  const toolNames = new Map<string, string>()
  return messages.map((entry, index) => {
    for (const call of entry.tool_calls ?? []) if (call.id) toolNames.set(call.id, call.function.name)
    const isTool = entry.role === 'tool'
    if (entry.name && !isTool) throw unsupported(`messages.${index}.name`)
    const toolName = isTool ? (entry.name ?? toolNames.get(entry.tool_call_id ?? '')) : undefined
    return {
      role: entry.role === 'developer' ? 'system' : entry.role,
      ...toContent(entry.content ?? entry.refusal, `messages.${index}.content`),
      thinking: entry.reasoning_content ?? entry.reasoning ?? undefined,
      tool_calls: entry.tool_calls ?? undefined,
      tool_call_id: entry.tool_call_id ?? undefined,
      tool_name: toolName,
    }
  })
}

/** Parts are checked here and not in the schema, where a union would only say that the whole content is wrong. */
function toContent(content: Message['content'], path: string): { content: string; images?: string[] } {
  if (!Array.isArray(content)) return { content: content ?? '' }
  const texts: string[] = []
  const images: string[] = []
  for (const [index, raw] of content.entries()) {
    const parsed = contentPart.safeParse(raw)
    if (!parsed.success) throw unsupported(`${path}.${index}.${firstField(parsed.error)}`)
    const part = parsed.data
    if (part.type === 'text') texts.push(part.text)
    else if (part.type === 'refusal') texts.push(part.refusal)
    else images.push(part.image_url.url.slice(part.image_url.url.indexOf(',') + 1))
  }
  return { content: texts.join('\n'), ...(images.length > 0 ? { images } : {}) }
}

function toOptions(request: ChatRequest, contextTokens: number | undefined): object {
  const { temperature, top_p, top_k, min_p, seed, stop } = request
  const { frequency_penalty, presence_penalty, repeat_penalty } = request
  return {
    num_ctx: contextTokens,
    temperature,
    top_p,
    top_k,
    min_p,
    seed,
    repeat_penalty,
    frequency_penalty,
    presence_penalty,
    stop: typeof stop === 'string' ? [stop] : stop,
    num_predict: request.max_completion_tokens ?? request.max_tokens,
  }
}

function toFormat(format: ChatRequest['response_format']): unknown {
  if (format?.type === 'json_object') return 'json'
  return format?.type === 'json_schema' ? format.json_schema.schema : undefined
}

/** The error for a body that does not fit: it names the first field that doesn't. */
export function unsupportedField(error: z.ZodError): ProviderError {
  return unsupported(firstField(error))
}

function firstField(error: z.ZodError): string {
  const issue = error.issues[0]
  if (issue === undefined) return 'body'
  const last = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : []
  return [...issue.path, ...last].map(String).join('.').slice(0, 100) || 'body'
}

function unsupported(field: string): ProviderError {
  return new ProviderError('unsupported', `Ollama does not support ${field} as given`)
}
