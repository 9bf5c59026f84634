/** From the objects of Ollama's `/api/chat` to OpenAI's `chat.completion` and its chunks. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { isJsonObject, parseJsonObject } from '../core/json-object.ts'
import { type Completion, ProviderError, type TokenUsage } from '../core/provider.ts'
import { type OllamaOptions, refuseRemoteAnswer } from './ollama-options.ts'
import { reportedError } from './upstream-refusal.ts'

const count = z.number().int().nonnegative()

const toolCall = z.object({
  id: z.string().optional(),
  function: z.object({ name: z.string(), arguments: z.unknown() }),
})

const tokenLogprob = { token: z.string(), logprob: z.number(), bytes: z.array(z.number()).nullish() }
const logprob = z.object({ ...tokenLogprob, top_logprobs: z.array(z.object(tokenLogprob)).nullish() })

const part = z.object({
  model: z.string(),
  created_at: z.string().optional(),
  message: z
    .object({
      content: z.string().nullish(),
      thinking: z.string().nullish(),
      tool_calls: z.array(toolCall).nullish(),
    })
    .optional(),
  done: z.boolean(),
  done_reason: z.string().optional(),
  logprobs: z.array(logprob).nullish(),
  prompt_eval_count: count.optional(),
  eval_count: count.optional(),
})

/** One line of a stream, or the whole of a waiting answer. */
type OllamaPart = z.infer<typeof part>

/**
 * Reads one object. Throws what an error in it means, `unsupported` where a cloud has written it and that is refused,
 * `invalid_response` where it is none of these.
 */
export function readOllamaPart(text: string, options: OllamaOptions): OllamaPart {
  const value = parseJsonObject(text)
  if (typeof value?.error === 'string' || isJsonObject(value?.error)) throw reportedError(value.error, value.status)
  refuseRemoteAnswer(value, options)
  const parsed = part.safeParse(value)
  if (!parsed.success) throw new ProviderError('invalid_response', "The answer is not one of Ollama's chat objects")
  return parsed.data
}

/** The answer to a waiting call. */
export function toCompletion(answer: OllamaPart): Completion {
  if (!answer.done) throw new ProviderError('invalid_response', 'The answer is only the first part of one')
  const calls = toToolCalls(answer)
  const content = answer.message?.content ?? ''
  const thinking = answer.message?.thinking
  const usage = readUsage(answer)
  const bodyJson = JSON.stringify({
    ...createHead('chat.completion', answer),
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: calls.length > 0 && content === '' ? null : content,
          refusal: null,
          ...(thinking ? { reasoning_content: thinking } : {}),
          ...(calls.length > 0 ? { tool_calls: calls } : {}),
        },
        logprobs: toLogprobs(answer),
        finish_reason: finishReason(answer, calls.length > 0),
      },
    ],
    ...(usage === null ? {} : { usage }),
  })
  return { bodyJson, usage }
}

/** Turns the parts of one streamed answer, in their order, into chunks. */
export class OllamaChunks {
  isDone = false
  #head: object | null = null
  #callCount = 0

  /** The chunks of one part: the role before the first, `finish_reason` and then usage after the last. */
  take(answer: OllamaPart): string[] {
    const chunks: string[] = []
    if (this.#head === null) {
      this.#head = createHead('chat.completion.chunk', answer)
      chunks.push(this.#chunk({ role: 'assistant', content: '' }))
    }
    const { content, thinking } = answer.message ?? {}
    if (thinking) chunks.push(this.#chunk({ reasoning_content: thinking }))
    const logprobs = toLogprobs(answer)
    if (content || logprobs) chunks.push(this.#chunk({ content: content ?? '' }, null, logprobs))
    const calls = toToolCalls(answer)
    if (calls.length > 0) {
      // Ollama numbers the calls of a part, or all of them, or none; clients put pieces together by this number.
      chunks.push(
        this.#chunk({ tool_calls: calls.map((call, index) => ({ index: this.#callCount + index, ...call })) }),
      )
      this.#callCount += calls.length
    }
    if (answer.done) {
      this.isDone = true
      chunks.push(this.#chunk({}, finishReason(answer, this.#callCount > 0)))
      const usage = readUsage(answer)
      if (usage !== null) chunks.push(JSON.stringify({ ...this.#head, choices: [], usage }))
    }
    return chunks
  }

  #chunk(delta: object, finish_reason: string | null = null, logprobs: object | null = null): string {
    return JSON.stringify({ ...this.#head, choices: [{ index: 0, delta, logprobs, finish_reason }] })
  }
}

function createHead(object: string, { created_at, model }: OllamaPart): object {
  const createdMs = Date.parse(created_at ?? '')
  const created = Math.floor((Number.isNaN(createdMs) ? Date.now() : createdMs) / 1000)
  return { id: `chatcmpl-${createSuffix()}`, object, created, model }
}

function toToolCalls({ message }: OllamaPart): object[] {
  return (message?.tool_calls ?? []).map(({ id, function: called }) => ({
    id: id || `call_${createSuffix()}`,
    type: 'function',
    function: { name: called.name, arguments: JSON.stringify(called.arguments ?? {}) },
  }))
}

/** Ollama leaves the bytes out of tokens that have none, and the alternatives where none were asked for. */
function toLogprobs({ logprobs }: OllamaPart): object | null {
  if (!logprobs || logprobs.length === 0) return null
  const content = logprobs.map(({ token, logprob, bytes, top_logprobs }) => ({
    token,
    logprob,
    bytes: bytes ?? null,
    top_logprobs: (top_logprobs ?? []).map((top) => ({ ...top, bytes: top.bytes ?? null })),
  }))
  return { content, refusal: null }
}

function createSuffix(): string {
  return randomUUID().replaceAll('-', '')
}

/** `load` and `unload` come without any output, when a request carried nothing to answer. */
function finishReason({ done_reason }: OllamaPart, hasCalls: boolean): string {
  if (hasCalls) return 'tool_calls'
  return done_reason === 'length' ? 'length' : 'stop'
}

/** Ollama leaves a count of zero out, such as that of a prompt which was still in its cache. */
function readUsage({ prompt_eval_count, eval_count }: OllamaPart): TokenUsage | null {
  if (prompt_eval_count === undefined && eval_count === undefined) return null
  const prompt_tokens = prompt_eval_count ?? 0
  const completion_tokens = eval_count ?? 0
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
}
