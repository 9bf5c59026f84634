/** Google's Gemini API: ai.google.dev/api/generate-content, "Troubleshooting", "Thought signatures", "Embeddings". */
import { createGoogle } from '@ai-sdk/google'
import { getGoogleLanguageModelEntry } from '@ai-sdk/google/internal'
import type { LanguageModelV4CallOptions, LanguageModelV4FinishReason, LanguageModelV4Prompt } from '@ai-sdk/provider'
import { isJsonObject, type JsonObject } from '../core/json-object.ts'
import { type Provider, ProviderError, type ProviderFailure } from '../core/provider.ts'
import { askLogprobs, readLogprobs } from './gemini-logprobs.ts'
import type { ChatRequest } from './language-models/chat-request.ts'
import type { ModelDialect, Send, StreamStep } from './language-models/dialect.ts'
import { nearestEffort, thinkingShare } from './language-models/effort.ts'
import { notAnAnswer, objectIn, reported, textIn, type Verdict, withVerdict } from './language-models/failures.ts'
import { createLanguageModelProvider, type LanguageModelOptions } from './language-models/provider.ts'
import { readServerSentEvents } from './language-models/server-sent-events.ts'
import { unsupported } from './language-models/unsupported.ts'
import { readKey } from './upstream-options.ts'

const name = 'Gemini'

export function createGeminiProvider(options: LanguageModelOptions): Provider {
  const { apiKey, baseUrl, model } = options
  // The key is put in where the call is made, so the library gets none to read from the environment.
  const libraryFor = (send: Send) => createGoogle({ apiKey: 'none', baseURL: baseUrl, fetch: send })
  return createLanguageModelProvider(options, {
    name,
    prompt: { audio: true, imageUrlType: (url) => imageUrlType(url, model) },
    partOptions: {
      // Gemini caches prefixes by itself.
      cacheControl: () => undefined,
      thinking: () => undefined,
      signature: (thoughtSignature) => ({ google: { thoughtSignature } }),
    },
    authorize: () => (apiKey === undefined ? {} : { 'x-goog-api-key': readKey(apiKey) }),
    createModel: (send) => libraryFor(send)(model),
    embeddings: {
      createModel: (send) => libraryFor(send).embedding(model),
      adjust: ({ dimensions, input_type }) => {
        if (input_type !== undefined) throw unsupported(name, 'input_type')
        return dimensions === undefined ? {} : { dimensions }
      },
      countTokens: (body) => {
        const count = objectIn(isJsonObject(body) ? body : null, 'usageMetadata').promptTokenCount
        return typeof count === 'number' ? count : undefined
      },
    },
    logprobs: { ask: askLogprobs, read: readLogprobs },
    emptyAnswer: { candidates: [{ content: { parts: [] }, finishReason: 'STOP' }] },
    adjust: (callOptions, request) => adjust(callOptions, request, model),
    readEvents: readServerSentEvents,
    judgeEvent,
    judgeAnswer: (value) => {
      judgeEvent(value)
      if (!Array.isArray(value.candidates)) throw notAnAnswer(name)
    },
    judgeRefusal: (refusal) => withVerdict(refusal, readVerdict(refusal.body)),
    judgeFinish,
    readThinking: () => null,
    readSignature: ({ google }) => (typeof google?.thoughtSignature === 'string' ? google.thoughtSignature : null),
  } satisfies ModelDialect)
}

/** Gemini wants to know the type of what it fetches, which only the end of its path tells. Before 2.5 it fetched nothing. */
const typesByEnding: ReadonlyMap<string, string> = new Map([
  ['png', 'image/png'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['webp', 'image/webp'],
  ['heic', 'image/heic'],
  ['heif', 'image/heif'],
])

function imageUrlType(url: URL, model: string): string | null {
  if (/(?:^|\/)gemini-(?:1|2\.0)/.test(model)) return null
  return typesByEnding.get(url.pathname.slice(url.pathname.lastIndexOf('.') + 1).toLowerCase()) ?? null
}

function adjust(options: LanguageModelV4CallOptions, request: ChatRequest, model: string): LanguageModelV4CallOptions {
  if (request.parallel_tool_calls === false) throw unsupported(name, 'parallel_tool_calls')
  const { capabilities } = getGoogleLanguageModelEntry(model)
  const prompt = capabilities.language.tools.functionResponseParts ? signCalls(options.prompt) : options.prompt
  return chooseThinking({ ...options, prompt }, capabilities.language.reasoning)
}

/** What Google's documentation gives for calls that it did not sign itself: made by another model, or by hand. */
const unsigned = { google: { thoughtSignature: 'skip_thought_signature_validator' } }

/** Gemini 3 refuses a turn with calls whose first one is not signed. */
function signCalls(prompt: LanguageModelV4Prompt): LanguageModelV4Prompt {
  return prompt.map((message) => {
    if (message.role !== 'assistant') return message
    const first = message.content.findIndex((part) => part.type === 'tool-call')
    const content = message.content.map((part, index) =>
      index === first && part.providerOptions === undefined ? { ...part, providerOptions: unsigned } : part,
    )
    return { ...message, content }
  })
}

type Reasoning = ReturnType<typeof getGoogleLanguageModelEntry>['capabilities']['language']['reasoning']

function chooseThinking(
  options: LanguageModelV4CallOptions,
  { efforts, minBudget, maxBudget }: Reasoning,
): LanguageModelV4CallOptions {
  const { reasoning } = options
  if (reasoning === undefined || reasoning === 'provider-default' || reasoning === 'none') return options
  // Thoughts are paid for in any case; who asks for an effort sees them.
  const thinkingConfig = { includeThoughts: true }
  if (efforts !== undefined) {
    return { ...options, reasoning: nearestEffort(reasoning, efforts), providerOptions: { google: { thinkingConfig } } }
  }
  const { reasoning: _, ...rest } = options
  if (rest.maxOutputTokens === undefined) return { ...options, providerOptions: { google: { thinkingConfig } } }
  // The limit covers thoughts and answer; the library's own budget could be above it, and nothing would be left.
  const wanted = Math.floor(rest.maxOutputTokens * thinkingShare(reasoning))
  const thinkingBudget = Math.max(minBudget ?? 0, Math.min(wanted, maxBudget ?? wanted))
  return { ...rest, providerOptions: { google: { thinkingConfig: { ...thinkingConfig, thinkingBudget } } } }
}

function judgeEvent(value: JsonObject): StreamStep {
  if (isJsonObject(value.error)) throw reported(readVerdict(value))
  const { candidates, promptFeedback, usageMetadata } = value
  const [candidate] = Array.isArray(candidates) ? candidates : []
  if (candidate === undefined && isJsonObject(promptFeedback) && isBlocked(promptFeedback.blockReason)) {
    throw new ProviderError('content_policy', "The upstream's rules did not let the prompt pass")
  }
  if (isJsonObject(candidate)) {
    // `CONTINUATION` among them: the library asks for the rest, in a further call.
    return typeof candidate.finishReason === 'string' ? 'finished' : 'more'
  }
  if (candidate === undefined && (isJsonObject(usageMetadata) || isJsonObject(promptFeedback))) return 'more'
  throw notAnAnswer(name)
}

function isBlocked(reason: unknown): boolean {
  return typeof reason === 'string' && reason !== '' && !/^BLOCK(?:ED)?_REASON_UNSPECIFIED$/.test(reason)
}

/** Reasons that say that the model failed, not that it was done; the next try may go better. */
const failedReasons: ReadonlySet<string> = new Set([
  'OTHER',
  'MALFORMED_FUNCTION_CALL',
  'MALFORMED_RESPONSE',
  'UNEXPECTED_TOOL_CALL',
  'TOO_MANY_TOOL_CALLS',
])

function judgeFinish({ raw }: LanguageModelV4FinishReason): void {
  if (raw !== undefined && failedReasons.has(raw)) {
    throw new ProviderError('server_error', `The upstream gave up its answer (${raw})`)
  }
  if (raw === 'LANGUAGE') throw new ProviderError('unsupported', 'Gemini does not support the language of the prompt')
}

/** Google's RPC codes. `INVALID_ARGUMENT` is left to the words of its message and to the status. */
const failures: Readonly<Record<string, ProviderFailure>> = {
  ABORTED: 'server_error',
  DEADLINE_EXCEEDED: 'server_error',
  INTERNAL: 'server_error',
  NOT_FOUND: 'model_not_found',
  PERMISSION_DENIED: 'auth',
  RESOURCE_EXHAUSTED: 'rate_limited',
  UNAUTHENTICATED: 'auth',
  UNAVAILABLE: 'overloaded',
  UNIMPLEMENTED: 'unsupported',
  UNKNOWN: 'server_error',
}

const invalidWords: readonly (readonly [ProviderFailure, RegExp])[] = [
  ['context_too_long', /input token count|exceeds the maximum number of (?:input )?tokens/i],
  ['auth', /API key (?:not valid|expired|not found)|User location is not supported/i],
  ['quota_exhausted', /billing/i],
  ['unsupported', /is not supported|not enabled for|does not support|unsupported/i],
]

function readVerdict(body: JsonObject | null): Verdict | null {
  const error = objectIn(body, 'error')
  const code = textIn(error, 'status')
  const message = textIn(error, 'message')
  const details = (Array.isArray(error.details) ? error.details : []).filter(isJsonObject)
  if (code === 'INVALID_ARGUMENT' || code === 'FAILED_PRECONDITION') {
    if (details.some(({ reason }) => reason === 'API_KEY_INVALID')) return { failure: 'auth', code }
    const failure = invalidWords.find(([, pattern]) => pattern.test(message))?.[0]
    return failure === undefined ? null : { failure, code }
  }
  const failure = Object.hasOwn(failures, code) ? failures[code] : undefined
  if (failure === undefined) return null
  const retryAfterMs = readRetryDelayMs(details)
  if (code === 'RESOURCE_EXHAUSTED' && isQuotaGone(details, message, retryAfterMs)) {
    return { failure: 'quota_exhausted', code }
  }
  return { failure, code, ...(retryAfterMs === null ? {} : { retryAfterMs }) }
}

/** A quota of the day, or the account's money: no waiting of a job brings it back. */
function isQuotaGone(details: readonly JsonObject[], message: string, retryAfterMs: number | null): boolean {
  const quotas = details.flatMap(({ violations }) => (Array.isArray(violations) ? violations : [])).filter(isJsonObject)
  if (quotas.some(({ quotaId }) => typeof quotaId === 'string' && /PerDay/.test(quotaId))) return true
  // The limits of a minute come with the same words, but with a moment to come back.
  return (
    /credits are depleted|spending cap|limit: 0\b/i.test(message) ||
    (retryAfterMs === null && /current quota/.test(message))
  )
}

/** `google.rpc.RetryInfo`: seconds, with a fraction perhaps, as `34.074824224s`. */
function readRetryDelayMs(details: readonly JsonObject[]): number | null {
  for (const { retryDelay } of details) {
    const match = typeof retryDelay === 'string' ? /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(retryDelay) : null
    if (match !== null) return Math.ceil(Number(match[1]) * 1_000)
  }
  return null
}
