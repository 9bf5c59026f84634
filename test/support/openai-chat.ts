import { z } from 'zod'

/**
 * What OpenAI says its chat completions and embeddings answer with: the OpenAPI description of openai/openai-openapi,
 * version 2.3.0, commit f85dbe2 of 2026-08-21 (`CreateChatCompletionResponse`, `CreateChatCompletionStreamResponse`,
 * `CreateEmbeddingResponse`). Objects are closed, so that a field of our own shows.
 *
 * What answers have beyond it, and why:
 * - `reasoning_content`, `thinking_blocks`, `extra_content`: thoughts of a model and what proves them (docs/providers.md)
 * - `annotations` in a delta: OpenAI's own servers send those of a web search there
 * - an embedding as text: what `encoding_format: "base64"` asks for has no schema
 */
const count = z.int().min(0)

const topLogprob = z.strictObject({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()).nullable() })
const tokenLogprob = topLogprob.extend({ top_logprobs: z.array(topLogprob) })
const tokenLogprobs = z.array(tokenLogprob).nullable()
const logprobs = z.strictObject({ content: tokenLogprobs, refusal: tokenLogprobs })

const finishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'function_call'])
const serviceTier = z.enum(['auto', 'default', 'flex', 'scale', 'priority', 'fast']).nullable()

const annotation = z.strictObject({
  type: z.literal('url_citation'),
  url_citation: z.strictObject({ end_index: z.int(), start_index: z.int(), url: z.string(), title: z.string() }),
})
const toolCall = z.discriminatedUnion('type', [
  z.strictObject({
    id: z.string().min(1),
    type: z.literal('function'),
    function: z.strictObject({ name: z.string().min(1), arguments: z.string() }),
    extra_content: z.looseObject({}).optional(),
  }),
  z.strictObject({
    id: z.string().min(1),
    type: z.literal('custom'),
    custom: z.strictObject({ name: z.string(), input: z.string() }),
  }),
])
const functionCall = z.strictObject({ name: z.string(), arguments: z.string() })
const thoughts = {
  reasoning_content: z.string().nullish(),
  thinking_blocks: z.array(z.looseObject({ type: z.string() })).optional(),
  extra_content: z.looseObject({}).optional(),
}
const audio = z.strictObject({ id: z.string(), expires_at: z.int(), data: z.string(), transcript: z.string() })

const completionUsage = z.strictObject({
  completion_tokens: count,
  prompt_tokens: count,
  total_tokens: count,
  completion_tokens_details: z
    .strictObject({
      accepted_prediction_tokens: count,
      audio_tokens: count,
      reasoning_tokens: count,
      text_tokens: count,
      rejected_prediction_tokens: count,
    })
    .partial()
    .optional(),
  prompt_tokens_details: z
    .strictObject({
      audio_tokens: count,
      cached_tokens: count,
      text_tokens: count,
      image_tokens: count,
      cache_write_tokens: count,
    })
    .partial()
    .optional(),
})

const message = z.strictObject({
  role: z.literal('assistant'),
  content: z.string().nullable(),
  refusal: z.string().nullable(),
  tool_calls: z.array(toolCall).optional(),
  annotations: z.array(annotation).optional(),
  function_call: functionCall.optional(),
  audio: audio.nullish(),
  ...thoughts,
})

/** `CreateChatCompletionResponse`. */
export const chatCompletion = z.strictObject({
  id: z.string().min(1),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string().min(1),
  choices: z
    .array(z.strictObject({ finish_reason: finishReason, index: count, message, logprobs: logprobs.nullable() }))
    .min(1),
  metadata: z.record(z.string(), z.string()).nullish(),
  service_tier: serviceTier.optional(),
  system_fingerprint: z.string().optional(),
  usage: completionUsage.optional(),
})

const delta = z.strictObject({
  role: z.enum(['developer', 'system', 'user', 'assistant', 'tool']).optional(),
  content: z.string().nullish(),
  refusal: z.string().nullish(),
  function_call: functionCall.partial().optional(),
  tool_calls: z
    .array(
      z.strictObject({
        index: count,
        id: z.string().optional(),
        type: z.literal('function').optional(),
        function: functionCall.partial().optional(),
        extra_content: z.looseObject({}).optional(),
      }),
    )
    .optional(),
  annotations: z.array(annotation).optional(),
  ...thoughts,
})

/** `CreateChatCompletionStreamResponse`. */
export const chatCompletionChunk = z.strictObject({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.strictObject({
      index: count,
      delta,
      logprobs: logprobs.nullish(),
      finish_reason: finishReason.nullable(),
    }),
  ),
  obfuscation: z.string().optional(),
  service_tier: serviceTier.optional(),
  system_fingerprint: z.string().optional(),
  usage: completionUsage.nullish(),
})

/** `CreateEmbeddingResponse`. */
export const embeddingList = z.strictObject({
  object: z.literal('list'),
  data: z
    .array(
      z.strictObject({
        object: z.literal('embedding'),
        index: count,
        embedding: z.union([z.array(z.number()).min(1), z.base64().min(1)]),
      }),
    )
    .min(1),
  model: z.string().min(1),
  usage: z.strictObject({ prompt_tokens: count, total_tokens: count }),
})
