/** OpenAI's embeddings endpoint on Ollama's `POST /api/embed` (github.com/ollama/ollama, docs/api.md, "Generate Embeddings"). */
import { z } from 'zod'
import { parseJsonObject } from '../core/json-object.ts'
import { type Completion, ProviderError } from '../core/provider.ts'
import { keepAliveOf, type OllamaOptions, refuseRemoteAnswer } from './ollama-options.ts'
import { unsupportedField } from './ollama-request.ts'
import { reportedError } from './upstream-refusal.ts'
import { type EncodingFormat, encodeVector } from './vector-encoding.ts'

const embeddingsRequest = z.strictObject({
  // Lists of token numbers are of one model's vocabulary; Ollama takes texts alone.
  input: z.union([z.string(), z.array(z.string()).min(1)]),
  encoding_format: z.enum(['float', 'base64']).optional(),
  dimensions: z.number().optional(),
  user: z.unknown().optional(),
})

const embeddingsAnswer = z.object({
  model: z.string(),
  embeddings: z.array(z.array(z.number()).min(1)).min(1),
  prompt_eval_count: z.number().int().nonnegative().optional(),
})

/**
 * The body for `/api/embed` and how the caller wants the numbers. Throws `unsupported` for what Ollama can't do, naming
 * the field, never its value. Without `truncate: false` it would leave the end of long texts out and not say so.
 */
export function toOllamaEmbedBody(bodyJson: string, options: OllamaOptions): { body: string; format: EncodingFormat } {
  const fields = Object.entries(parseJsonObject(bodyJson) ?? {}).filter(([, value]) => value !== null)
  const parsed = embeddingsRequest.safeParse(Object.fromEntries(fields))
  if (!parsed.success) throw unsupportedField(parsed.error)
  const { input, dimensions, encoding_format: format = 'float' } = parsed.data
  const body = JSON.stringify({
    model: options.model,
    input,
    truncate: false,
    dimensions,
    keep_alive: keepAliveOf(options),
    options: options.contextTokens === undefined ? undefined : { num_ctx: options.contextTokens },
  })
  return { body, format }
}

/** OpenAI's `list` of embeddings, which always counts their tokens: what Ollama leaves out is 0. */
export function toEmbeddings(text: string, format: EncodingFormat, options: OllamaOptions): Completion {
  const value = parseJsonObject(text)
  if (value?.error !== undefined) throw reportedError(value.error, value.status)
  refuseRemoteAnswer(value, options)
  const parsed = embeddingsAnswer.safeParse(value)
  if (!parsed.success) throw new ProviderError('invalid_response', "The answer is not Ollama's list of embeddings")
  const { model, embeddings, prompt_eval_count: tokens } = parsed.data
  const usage = tokens === undefined ? null : { prompt_tokens: tokens, total_tokens: tokens }
  const bodyJson = JSON.stringify({
    object: 'list',
    data: embeddings.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: format === 'float' ? vector : encodeVector(vector),
    })),
    model,
    usage: usage ?? noTokens,
  })
  return { bodyJson, usage: usage === null ? null : { ...usage, completion_tokens: 0 } }
}

const noTokens = { prompt_tokens: 0, total_tokens: 0 }
