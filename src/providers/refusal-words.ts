/**
 * What an upstream's own words in an error mean. Statuses alone do not tell: "too long" comes as 400, 413, 422 and 500,
 * "no money left" as 401, 402, 403, 412 and 429. Codes and types are compared as they are; for upstreams that have none
 * there are narrow patterns on the message. A message may repeat the prompt: it is looked at here and goes no further.
 *
 * The words are from the providers' references of errors and rate limits, from the sources of the open servers (vLLM,
 * llama.cpp `server-context.cpp`, Ollama `llama_server.go` and `images.go`, mlx_lm `server.py`, LiteLLM `exceptions.py`),
 * and from bug reports that quote an answer (LM Studio's tracker #237 and #546, continuedev, cline, lobehub).
 */
import { isJsonObject, type JsonObject } from '../core/json-object.ts'
import type { ProviderFailure } from '../core/provider.ts'

/** An error's parts that say what it means. */
export interface UpstreamWords {
  /** Codes and types, most specific first, in small letters. */
  readonly codes: readonly string[]
  /** For this file alone. */
  readonly message: string
}

const noWords: UpstreamWords = { codes: [], message: '' }

/** A message that is longer than this quotes something. */
const longestMessage = 2_000

const codesOf: Readonly<Partial<Record<ProviderFailure, readonly string[]>>> = {
  context_too_long: [
    'context_length_exceeded',
    'exceed_context_size_error',
    'model_context_window_exceeded',
    'string_above_max_length',
    'tokens_limit_reached',
  ],
  content_policy: [
    'content_filter',
    'content_policy_violation',
    'data_inspection_failed',
    'invalid_prompt',
    'moderation_blocked',
    'responsibleaipolicyviolation',
  ],
  quota_exhausted: [
    'billing_hard_limit_reached',
    'billing_not_active',
    'budget_exceeded',
    'credit_limit',
    'exceeded_current_quota_error',
    'insufficient_quota',
    'payment_required',
  ],
  model_not_found: [
    'deploymentnotfound',
    'invalid_model',
    'model_decommissioned',
    'model_not_available',
    'model_not_found',
    'unknown_model',
  ],
  unsupported: [
    'extra_forbidden',
    'model_not_supported',
    'not_supported_error',
    'operationnotsupported',
    'unknown_parameter',
    'unsupported_parameter',
    'unsupported_value',
  ],
  overloaded: [
    'capacity_exceeded',
    'engine_overloaded',
    'engine_overloaded_error',
    'overloaded_error',
    'queue_exceeded',
    'resource_unavailable',
    'server_is_overloaded',
    'server_overloaded',
    'service_tier_capacity_exceeded',
    'slow_down',
    'unavailable_error',
  ],
  // The model wrote a call or JSON that does not fit; it may write another one next time. Groq's words.
  server_error: ['json_validate_failed', 'tool_use_failed'],
}

/** These only mean something together with a status, and may be shown. */
const plainCodes: readonly string[] = [
  'authentication_error',
  'invalid_api_key',
  'invalid_request_error',
  'invalid_value',
  'not_found_error',
  'permission_error',
  'rate_limit_error',
  'rate_limit_exceeded',
  'request_too_large',
  'server_error',
  'unsupported_country_region_territory',
]

/** In their order: the first that fits decides. */
const patterns: readonly (readonly [ProviderFailure, RegExp])[] = [
  ['context_too_long', /maximum (?:context|prompt|model|input) length (?:is|of) [\d,]+|\bmaximum context length of\b/i],
  ['context_too_long', /reduce the length of (?:the|your) (?:messages|input|prompt)|too large for model with \d/i],
  ['context_too_long', /(?:exceeds?|longer than|greater than) the (?:model'?s )?(?:maximum |available )?context\b/i],
  ['context_too_long', /context the overflows|context overflows|prompt is too long: \d|context window exceed/i],
  // Together's and TGI's; a part of llama.cpp's for embeddings; LiteLLM's name for all of these.
  ['context_too_long', /`max_new_tokens` must be <=|input is too large to process|ContextWindowExceededError/],
  // One request that is above the tokens per minute of the account passes at no time (OpenAI, Groq).
  ['context_too_long', /^Request too large for /],
  ['content_policy', /content management policy|Content Exists Risk|violates usage guidelines|ContentPolicyViolation/i],
  ['content_policy', /flagged as potentially violating|requires moderation on|may contain inappropriate content/i],
  ['quota_exhausted', /exceeded your current quota|insufficient (?:account )?(?:balance|credits|funds)\b/i],
  [
    'quota_exhausted',
    /used all available credits|monthly spending limit|credit balance is too low|Budget has been exc/i,
  ],
  ['quota_exhausted', /requires more credits|Key limit exceeded|no credits remaining|credits? expired/i],
  ['unsupported', /No endpoints found that support|Unsupported (?:parameter|value|field)|Unrecognized request arg/i],
  ['unsupported', /\bdoes not support\b|not supported (?:with|by|for|on) th(?:is|e)\b|is unsupported\b/i],
  ['unsupported', /Extra inputs are not permitted|UnsupportedParamsError|Unknown parameter:|max_tokens is too large/],
  ['unsupported', /--enable-auto-tool-choice|requires --jinja|image input is not supported|not a multimodal model/i],
  ['unsupported', /response_format type is unavailable/i],
  ['model_not_found', /\bmodel [`'"]?[\w./:@-]{1,200}[`'"]? (?:does not exist|not found)/i],
  ['model_not_found', /Model Not Exist|Model not found|is not a valid model ID|has been decommissioned/i],
  ['model_not_found', /Invalid model(?: name)?\b|No endpoints found for|Repository Not Found|No models? loaded/i],
  ['model_not_found', /could not load model|Failed to load model|API deployment for this resource does not exist/i],
  ['overloaded', /\boverloaded\b|server busy|high demand|system is too busy|capacity exceeded|^Loading model/i],
]

/** Statuses whose message may say more than they do. Others (401, 408, 5xx of a gateway) mean what they say. */
const telling: ReadonlySet<number> = new Set([200, 400, 401, 402, 403, 404, 412, 413, 422, 429, 500, 501, 503])

const failureByCode = new Map<string, ProviderFailure>(
  Object.entries(codesOf).flatMap(([failure, codes]) =>
    codes.map((code) => [code, failure as ProviderFailure] as const),
  ),
)
const knownCodes: ReadonlySet<string> = new Set([...failureByCode.keys(), ...plainCodes])

/** What the words mean; null where they say no more than the status. `status` is 200 for an error in a stream. */
export function failureByWords({ codes, message }: UpstreamWords, status: number): ProviderFailure | null {
  // A code for "too many tokens a minute" hides a request that is too large at any time.
  if (/^Request too large for /.test(message)) return 'context_too_long'
  for (const code of codes) {
    const failure = failureByCode.get(code)
    if (failure !== undefined) return failure
  }
  if (!telling.has(status) || message === '') return null
  return patterns.find(([, pattern]) => pattern.test(message))?.[0] ?? null
}

/** The first code that may be shown. Any other text of the upstream's could repeat the prompt. */
export function shownCode({ codes }: UpstreamWords): string | null {
  return codes.find((code) => knownCodes.has(code)) ?? null
}

/**
 * The words of an error body: OpenAI's `{error: {…}}`, `{error: "…", code}` (xAI, Ollama, LM Studio, mlx_lm), the bare
 * object of Mistral, NVIDIA's `detail`, FastAPI's list of details, and what gateways have from behind them.
 */
export function readWords(body: JsonObject | null): UpstreamWords {
  if (body === null) return noWords
  const { error } = body
  if (isJsonObject(error)) return wordsOf(error, body)
  if (typeof error === 'string') return wordsOf({ message: error, code: body.code, type: body.type }, body)
  return wordsOf(body, body)
}

function wordsOf(error: JsonObject, body: JsonObject): UpstreamWords {
  const inner = isJsonObject(error.innererror) ? error.innererror : {}
  const metadata = isJsonObject(error.metadata) ? error.metadata : {}
  // Mistral puts FastAPI's details into `message`, as an object or as the list alone.
  const nested = isJsonObject(error.message) ? error.message.detail : error.message
  const detail = error.detail ?? (Array.isArray(nested) ? nested : body.detail)
  const [firstDetail] = Array.isArray(detail) ? detail : []
  const details = isJsonObject(firstDetail) ? firstDetail : {}
  // OpenRouter: its own moderation has refused the prompt.
  const flagged = metadata.flagged_input !== undefined ? 'content_policy_violation' : null
  const codes = [flagged, inner.code, error.code, error.type, details.type]
  const texts = [error.message, detail, details.msg, metadata.raw]
  return {
    codes: codes.filter((code) => typeof code === 'string').map((code) => code.toLowerCase()),
    message: texts
      .filter((text) => typeof text === 'string')
      .map((text) => text.slice(0, longestMessage))
      .join('\n'),
  }
}

const againPattern =
  /\b(?:try again in|retry after|retry in) ((?:\d{1,6}(?:\.\d{1,6})?(?:ms|[hms]| (?:milli)?seconds?)){1,4})/i

/** When the message says that a call may come again ("Please try again in 7m12s"), in the words of a duration. */
export function againIn({ message }: UpstreamWords): string | null {
  return againPattern.exec(message)?.[1] ?? null
}
