/** Anthropic's Messages API: platform.claude.com/docs/en/api/messages, "Errors", "Streaming". */
import { createAnthropic } from '@ai-sdk/anthropic'
import { getModelCapabilities } from '@ai-sdk/anthropic/internal'
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { JsonObject } from '../core/json-object.ts'
import type { Provider, ProviderFailure } from '../core/provider.ts'
import type { ChatRequest } from './language-models/chat-request.ts'
import type { ModelDialect, StreamStep } from './language-models/dialect.ts'
import { nearestEffort, thinkingBudgetTokens } from './language-models/effort.ts'
import { notAnAnswer, objectIn, reported, textIn, type Verdict, withVerdict } from './language-models/failures.ts'
import { createLanguageModelProvider, type LanguageModelOptions } from './language-models/provider.ts'
import { readServerSentEvents } from './language-models/server-sent-events.ts'
import { unsupported } from './language-models/unsupported.ts'
import { readKey } from './upstream-options.ts'

const name = 'Anthropic'

export function createAnthropicProvider(options: LanguageModelOptions): Provider {
  const { apiKey, baseUrl, model } = options
  return createLanguageModelProvider(options, {
    name,
    prompt: { audio: false, imageUrlType: () => 'image' },
    partOptions: {
      cacheControl: (mark) => ({ anthropic: { cacheControl: mark } }),
      thinking: (block) => ({
        anthropic: block.type === 'thinking' ? { signature: block.signature } : { redactedData: block.data },
      }),
      signature: () => undefined,
    },
    authorize: () => (apiKey === undefined ? {} : { 'x-api-key': readKey(apiKey) }),
    // The key is put in where the call is made, so the library gets none to read from the environment.
    createModel: (send) => createAnthropic({ apiKey: 'none', baseURL: baseUrl, fetch: send })(model),
    embeddings: null,
    logprobs: null,
    emptyAnswer: {
      type: 'message',
      id: '',
      role: 'assistant',
      model: '',
      content: [],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 0, output_tokens: 0 },
    },
    adjust: (callOptions, request) => adjust(callOptions, request, model),
    readEvents: readServerSentEvents,
    judgeEvent,
    judgeAnswer,
    judgeRefusal: (refusal) => withVerdict(refusal, readVerdict(refusal.body)),
    readThinking: (text, { anthropic }) => {
      if (typeof anthropic?.signature === 'string') {
        return { type: 'thinking', thinking: text, signature: anthropic.signature }
      }
      const data = anthropic?.redactedData
      return typeof data === 'string' ? { type: 'redacted_thinking', data } : null
    },
    readSignature: () => null,
  } satisfies ModelDialect)
}

function adjust(options: LanguageModelV4CallOptions, request: ChatRequest, model: string): LanguageModelV4CallOptions {
  const { maxOutputTokens, ...rest } = withoutNeutral(options)
  const capabilities = getModelCapabilities(model)
  const most = capabilities.isKnownModel ? capabilities.maxOutputTokens : Number.POSITIVE_INFINITY
  // A limit above the model's own limits nothing.
  const outputTokens = maxOutputTokens === undefined ? undefined : Math.min(maxOutputTokens, most)
  const thinking = chooseThinking(name, rest, outputTokens ?? capabilities.maxOutputTokens, model)
  const { thinkingOptions, reasoning } = thinking
  const limit = thinking.outputTokens ?? outputTokens
  const { reasoning: _, ...settings } = rest
  return {
    ...settings,
    ...(limit !== undefined && { maxOutputTokens: limit }),
    ...(reasoning !== undefined && { reasoning }),
    providerOptions: {
      anthropic: {
        // Else tools would look different to a stream's request, and its cached prefix would be another one.
        toolStreaming: false,
        ...(request.parallel_tool_calls === false && { disableParallelToolUse: true }),
        ...thinkingOptions,
      },
    },
  }
}

/** Without the settings that say what Claude does anyway, and that some of its models refuse to be told. */
export function withoutNeutral(options: LanguageModelV4CallOptions): LanguageModelV4CallOptions {
  const { temperature, topP, ...rest } = options
  return {
    ...rest,
    ...(temperature !== undefined && temperature !== 1 && { temperature }),
    ...(topP !== undefined && topP !== 1 && { topP }),
  }
}

export interface Thinking {
  readonly reasoning?: LanguageModelV4CallOptions['reasoning']
  readonly thinkingOptions?: { readonly thinking: { readonly type: 'enabled'; readonly budgetTokens: number } }
  /** What is left for the answer; the library adds the budget to it. */
  readonly outputTokens?: number
}

/** How a Claude is told to think: newer ones by an effort, older ones by a number of tokens. */
export function chooseThinking(
  upstream: string,
  { reasoning }: LanguageModelV4CallOptions,
  outputTokens: number,
  model: string,
): Thinking {
  if (reasoning === undefined || reasoning === 'provider-default' || reasoning === 'none') return { reasoning }
  const { supportsAdaptiveThinking, supportsXhighEffort } = getModelCapabilities(model)
  if (supportsAdaptiveThinking) {
    return { reasoning: nearestEffort(reasoning, ['low', 'medium', 'high', ...(supportsXhighEffort ? ['xhigh'] : [])]) }
  }
  const budgetTokens = thinkingBudgetTokens(reasoning, outputTokens)
  if (budgetTokens === null) throw unsupported(upstream, 'reasoning_effort with so few max_tokens')
  const thinkingOptions = { thinking: { type: 'enabled', budgetTokens } } as const
  return { thinkingOptions, outputTokens: outputTokens - budgetTokens }
}

/** Its documentation reserves new kinds of events; they are to be passed over. */
const steps: Readonly<Record<string, StreamStep>> = {
  message_start: 'more',
  content_block_start: 'more',
  content_block_delta: 'more',
  content_block_stop: 'more',
  message_delta: 'more',
  message_stop: 'done',
}

function judgeEvent(value: JsonObject): StreamStep {
  if (value.type === 'error') throw reported(readVerdict(value))
  if (typeof value.type !== 'string') throw notAnAnswer(name)
  return Object.hasOwn(steps, value.type) ? (steps[value.type] ?? 'skip') : 'skip'
}

function judgeAnswer(value: JsonObject): void {
  if (value.type === 'error') throw reported(readVerdict(value))
  if (!Array.isArray(value.content)) throw notAnAnswer(name)
}

/** `invalid_request_error` is left to the words of its message and to the status. */
const failures: Readonly<Record<string, ProviderFailure>> = {
  api_error: 'server_error',
  authentication_error: 'auth',
  billing_error: 'quota_exhausted',
  not_found_error: 'model_not_found',
  overloaded_error: 'overloaded',
  permission_error: 'auth',
  rate_limit_error: 'rate_limited',
  // Of bytes, which no other API counts the same way.
  request_too_large: 'context_too_long',
  timeout_error: 'server_error',
}

const words: readonly (readonly [ProviderFailure, RegExp])[] = [
  ['context_too_long', /prompt is too long|exceed context limit|exceeds? the maximum context|context window/i],
  ['quota_exhausted', /credit balance is too low|reached your specified API usage limits/i],
  ['content_policy', /blocked by content filtering|Output blocked/i],
  ['unsupported', /not supported (?:for|by|on|with)|does not support|is deprecated for this model/i],
]

function readVerdict(body: JsonObject | null): Verdict | null {
  const error = objectIn(body, 'error')
  const code = textIn(error, 'type')
  const message = textIn(error, 'message')
  const byWords = code === 'invalid_request_error' ? words.find(([, pattern]) => pattern.test(message))?.[0] : undefined
  if (byWords !== undefined) return { failure: byWords, code }
  const failure = Object.hasOwn(failures, code) ? failures[code] : undefined
  return failure === undefined ? null : { failure, code }
}
