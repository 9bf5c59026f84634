/** OpenAI's embeddings endpoint over the library's embedding models. */
import { z } from 'zod'
import { parseJsonObject } from '../../core/json-object.ts'
import { type Completion, type ProviderCall, ProviderError, type TokenUsage } from '../../core/provider.ts'
import { encodeVector } from '../vector-encoding.ts'
import type { EmbeddingDialect, EmbeddingOptions } from './dialect.ts'
import { firstField, unsupported } from './unsupported.ts'
import { type Upstream, UpstreamCall } from './upstream-call.ts'

const embeddingRequest = z.strictObject({
  // Tokens of OpenAI's own tokenizers mean nothing to others.
  input: z.union([z.string(), z.array(z.string()).min(1)]),
  dimensions: z.int().min(1).optional(),
  encoding_format: z.enum(['float', 'base64']).optional(),
  /** What the texts are for, where a model tells queries from documents. */
  input_type: z.string().optional(),
  user: z.unknown().optional(),
})
export type EmbeddingRequest = z.infer<typeof embeddingRequest>

/** How many calls one request may have under way: a model that takes one text at a time would else take for ever. */
const callsAtOnce = 8

interface Embedded {
  readonly vectors: readonly (readonly number[])[]
  /** Tokens of the texts, or null where the upstream does not count them. */
  readonly tokens: number | null
}

/**
 * Embeds all texts of a request, in as many calls as the model needs; `totalMs` is for all of them together. Throws
 * `ProviderError` only, with `unsupported` where the API has no embeddings or no word for a field.
 */
export async function embedTexts(upstream: Upstream, call: ProviderCall): Promise<Completion> {
  const { dialect, options } = upstream
  if (dialect.embeddings === null) throw new ProviderError('unsupported', `${dialect.name} has no embeddings`)
  const request = readRequest(call.bodyJson, dialect.name)
  const settings = dialect.embeddings.adjust(request)
  const texts = typeof request.input === 'string' ? [request.input] : request.input
  const clock = startClock(call.signal, options.timeouts.totalMs)
  try {
    const embedded = await embedAll(upstream, dialect.embeddings, texts, settings, { ...call, signal: clock.signal })
    return toList(embedded, request, options.model)
  } catch (error) {
    clock.stop()
    throw clock.isOver() ? new ProviderError('total_timeout', 'The calls took longer than they may in all') : error
  } finally {
    clock.stop()
  }
}

function readRequest(bodyJson: string, name: string): EmbeddingRequest {
  const fields = Object.entries(parseJsonObject(bodyJson) ?? {}).filter(([, value]) => value !== null)
  const parsed = embeddingRequest.safeParse(Object.fromEntries(fields))
  if (!parsed.success) throw unsupported(name, firstField(parsed.error))
  return parsed.data
}

async function embedAll(
  upstream: Upstream,
  embeddings: EmbeddingDialect,
  texts: readonly string[],
  settings: EmbeddingOptions,
  call: ProviderCall,
): Promise<Embedded[]> {
  const perCall =
    (await embeddings.createModel(new UpstreamCall(upstream, call).fetchRaw).maxEmbeddingsPerCall) ?? texts.length
  const groups = Array.from({ length: Math.ceil(texts.length / perCall) }, (_, index) =>
    texts.slice(index * perCall, (index + 1) * perCall),
  )
  const results: Embedded[] = []
  for (let start = 0; start < groups.length; start += callsAtOnce) {
    const running = groups.slice(start, start + callsAtOnce)
    results.push(
      ...(await Promise.all(running.map((group) => embedGroup(upstream, embeddings, group, settings, call)))),
    )
  }
  return results
}

async function embedGroup(
  upstream: Upstream,
  embeddings: EmbeddingDialect,
  values: string[],
  settings: EmbeddingOptions,
  call: ProviderCall,
): Promise<Embedded> {
  const upstreamCall = new UpstreamCall(upstream, call)
  try {
    const {
      embeddings: vectors,
      usage,
      response,
    } = await embeddings.createModel(upstreamCall.fetchRaw).doEmbed({ values, ...settings })
    if (vectors.length !== values.length || vectors.some((vector) => vector.length === 0)) {
      throw new ProviderError('invalid_response', 'The answer has not one embedding for each text')
    }
    const tokens = usage?.tokens ?? embeddings.countTokens?.(response?.body)
    return { vectors, tokens: Number.isSafeInteger(tokens) ? (tokens ?? null) : null }
  } catch (error) {
    throw upstreamCall.toFailure(error)
  }
}

/** A signal that fires with the caller's, after `totalMs`, or when it is stopped: what is still running is then vain. */
function startClock(signal: AbortSignal, totalMs: number) {
  const timeout = AbortSignal.timeout(Math.min(totalMs, 2 ** 31 - 1))
  const controller = new AbortController()
  return {
    signal: AbortSignal.any([signal, timeout, controller.signal]),
    isOver: () => timeout.aborted && !signal.aborted,
    stop: () => controller.abort(),
  }
}

function toList(embedded: readonly Embedded[], request: EmbeddingRequest, model: string): Completion {
  const vectors = embedded.flatMap((each) => each.vectors)
  const usage = embedded.reduce<TokenUsage | null>(
    (sum, { tokens }) => {
      if (sum === null || tokens === null) return null
      const prompt_tokens = sum.prompt_tokens + tokens
      return { prompt_tokens, completion_tokens: 0, total_tokens: prompt_tokens }
    },
    { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  )
  const bodyJson = JSON.stringify({
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: request.encoding_format === 'base64' ? encodeVector(vector) : vector,
    })),
    model,
    // OpenAI always counts them: 0 where the upstream does not.
    usage: { prompt_tokens: usage?.prompt_tokens ?? 0, total_tokens: usage?.total_tokens ?? 0 },
  })
  return { bodyJson, usage }
}
