import { z } from 'zod'

/** What of OpenAI's chat-completions request the sandbox looks at; everything else is accepted and ignored. */
const chatSchema = z.object({
  model: z.string().min(1),
  messages: z
    .array(
      z.object({
        role: z.enum(['developer', 'system', 'user', 'assistant', 'tool', 'function']),
        content: z.union([z.string(), z.array(z.looseObject({ type: z.string() })), z.null()]).optional(),
      }),
    )
    .min(1),
  n: z.literal(1, 'The sandbox gives one choice.').nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  response_format: z.object({ type: z.enum(['text', 'json_object', 'json_schema']) }).nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
})

export interface ChatRequest {
  readonly model: string
  /** The text of the last user message. */
  readonly prompt: string
  /** All text of all messages, for the estimate of tokens. */
  readonly promptBytes: number
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly wantsJson: boolean
  /** A system or developer message says what to do, so that the user message can be all data. */
  readonly hasInstructions: boolean
  readonly maxTokens: number | null
}

/** What OpenAI's error object says about a bad request. */
interface RequestProblem {
  readonly message: string
  readonly param: string | null
  readonly code: string | null
}

export type ParsedChat =
  | { readonly ok: true; readonly chat: ChatRequest }
  | { readonly ok: false; readonly problem: RequestProblem }

/** Reads a chat-completions body. Problems name the field and never quote the body. */
export function parseChatRequest(body: string): ParsedChat {
  const json = parseJson(body)
  if (json === undefined) return refuse({ message: 'The body is not valid JSON.', param: null, code: 'invalid_json' })
  const parsed = chatSchema.safeParse(json)
  if (!parsed.success) return refuse(describeIssue(parsed.error))
  const { model, messages, stream, stream_options, response_format, ...limits } = parsed.data
  const texts = messages.map(({ content }) => textOf(content))
  const lastUser = messages.findLastIndex(({ role }) => role === 'user')
  return {
    ok: true,
    chat: {
      model,
      prompt: texts[lastUser] ?? '',
      promptBytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0),
      stream: stream === true,
      includeUsage: stream_options?.include_usage === true,
      wantsJson: response_format?.type === 'json_object' || response_format?.type === 'json_schema',
      hasInstructions: messages.some(({ role }) => role === 'system' || role === 'developer'),
      maxTokens: limits.max_completion_tokens ?? limits.max_tokens ?? null,
    },
  }
}

/** Undefined when the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function refuse(problem: RequestProblem): ParsedChat {
  return { ok: false, problem }
}

function describeIssue(error: z.ZodError): RequestProblem {
  const [issue] = error.issues
  const path = issue?.path ?? []
  const param = path.reduce<string>(
    (name, part) =>
      typeof part === 'number' ? `${name}[${part}]` : name === '' ? String(part) : `${name}.${String(part)}`,
    '',
  )
  if (param === '') return { message: 'The body must be a JSON object.', param: null, code: 'invalid_type' }
  if (issue?.message.includes('received undefined')) {
    return { message: `Missing required parameter: '${param}'.`, param, code: 'missing_required_parameter' }
  }
  return { message: `Invalid '${param}': ${issue?.message ?? 'not allowed.'}`, param, code: 'invalid_value' }
}

function textOf(content: string | readonly Record<string, unknown>[] | null | undefined): string {
  if (typeof content === 'string') return content
  return (content ?? []).map(({ text }) => (typeof text === 'string' ? text : '')).join('')
}
