/** AWS Bedrock's Converse API: docs.aws.amazon.com/bedrock/latest/APIReference, Converse, ConverseStream, InvokeModel. */
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock'
import { getModelCapabilities } from '@ai-sdk/anthropic/internal'
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { JsonObject } from '../core/json-object.ts'
import { type Provider, ProviderError, type ProviderFailure } from '../core/provider.ts'
import { chooseThinking, withoutNeutral } from './anthropic.ts'
import { readBedrockEvents } from './bedrock-frames.ts'
import type { ChatRequest } from './language-models/chat-request.ts'
import type { EmbeddingOptions, ModelDialect, RefusalFacts, Send, StreamStep } from './language-models/dialect.ts'
import type { EmbeddingRequest } from './language-models/embeddings.ts'
import { notAnAnswer, reported, textIn, type Verdict, withVerdict } from './language-models/failures.ts'
import { createLanguageModelProvider, type LanguageModelOptions } from './language-models/provider.ts'
import { unsupported } from './language-models/unsupported.ts'
import { readKey } from './upstream-options.ts'

const name = 'Bedrock'

export interface BedrockOptions extends LanguageModelOptions {
  readonly region: string
  /** Asked at every call. With none, `apiKey` is a Bedrock API key. */
  readonly credentials?: () => BedrockCredentials
}

export interface BedrockCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Where Bedrock answers in a region, for those of the public partition and of China. */
export function bedrockUrl(region: string): string {
  return `https://bedrock-runtime.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
}

export function createBedrockProvider(options: BedrockOptions): Provider {
  const { model } = options
  const isClaude = /anthropic/.test(model)
  return createLanguageModelProvider(options, {
    name,
    prompt: { audio: false, imageUrlType: () => null },
    partOptions: {
      // Others refuse the mark, or cache by themselves.
      cacheControl: ({ ttl }) =>
        isClaude || model.includes('amazon.nova-')
          ? { amazonBedrock: { cachePoint: { type: 'default', ...(ttl === undefined ? {} : { ttl }) } } }
          : undefined,
      thinking: (block) => ({
        amazonBedrock: block.type === 'thinking' ? { signature: block.signature } : { redactedContent: block.data },
      }),
      signature: () => undefined,
    },
    // The library signs.
    authorize: () => ({}),
    createModel: (send, isDry) => libraryFor(options, send, isDry)(model),
    embeddings: {
      createModel: (send) => libraryFor(options, send, false).embedding(model),
      adjust: (request) => adjustEmbedding(request, model),
    },
    logprobs: null,
    emptyAnswer: {
      output: { message: { role: 'assistant', content: [] } },
      stopReason: 'end_turn',
      usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 },
    },
    adjust: (callOptions, request) =>
      isClaude ? adjustForClaude(callOptions, request, model) : adjustForOthers(callOptions, request),
    readEvents: readBedrockEvents,
    judgeEvent,
    judgeAnswer: (value) => {
      if (typeof value.stopReason !== 'string') throw notAnAnswer(name)
    },
    judgeRefusal: (refusal) => withVerdict(refusal, readVerdict(errorTypeOf(refusal), refusal.body ?? {})),
    readThinking: (text, { amazonBedrock }) => {
      if (typeof amazonBedrock?.signature === 'string') {
        return { type: 'thinking', thinking: text, signature: amazonBedrock.signature }
      }
      const data = amazonBedrock?.redactedContent ?? amazonBedrock?.redactedData
      return typeof data === 'string' ? { type: 'redacted_thinking', data } : null
    },
    readSignature: () => null,
  } satisfies ModelDialect)
}

/** Every setting is given, since the library reads those that are not from the environment. */
function libraryFor(options: BedrockOptions, send: Send, isDry: boolean) {
  const { baseUrl: baseURL, region, apiKey } = options
  if (isDry) return createAmazonBedrock({ region, baseURL, fetch: send, apiKey: 'none' })
  const credentials = readCredentials(options)
  if (credentials !== null) return createAmazonBedrock({ region, baseURL, fetch: send, apiKey: '', ...credentials })
  if (apiKey === undefined) throw new ProviderError('auth', 'Bedrock has neither credentials nor an API key')
  return createAmazonBedrock({ region, baseURL, fetch: send, apiKey: readKey(apiKey) })
}

function readCredentials({ credentials }: BedrockOptions): BedrockCredentials | null {
  try {
    return credentials?.() ?? null
  } catch (error) {
    throw new ProviderError('auth', 'The credentials could not be read', { cause: error })
  }
}

function adjustForClaude(
  options: LanguageModelV4CallOptions,
  request: ChatRequest,
  model: string,
): LanguageModelV4CallOptions {
  refuseBareJson(request)
  const { topK, reasoning: _, ...rest } = withoutNeutral(options)
  // Claude takes only one of the two; on its own API the library says so.
  if (rest.temperature !== undefined && rest.topP !== undefined) throw unsupported(name, 'top_p')
  const capabilities = getModelCapabilities(model)
  const thinking = chooseThinking(name, options, options.maxOutputTokens ?? capabilities.maxOutputTokens, model)
  const { reasoning, thinkingOptions, outputTokens } = thinking
  return {
    ...rest,
    ...(outputTokens !== undefined && { maxOutputTokens: outputTokens }),
    ...(reasoning !== undefined && { reasoning }),
    providerOptions: {
      amazonBedrock: {
        ...(topK !== undefined && { additionalModelRequestFields: { top_k: topK } }),
        ...(thinkingOptions !== undefined && { reasoningConfig: thinkingOptions.thinking }),
      },
      ...(request.parallel_tool_calls === false && { anthropic: { disableParallelToolUse: true } }),
    },
  }
}

function adjustForOthers(options: LanguageModelV4CallOptions, request: ChatRequest): LanguageModelV4CallOptions {
  refuseBareJson(request)
  if (options.topK !== undefined) throw unsupported(name, 'top_k')
  if (request.parallel_tool_calls === false) throw unsupported(name, 'parallel_tool_calls')
  return options
}

/** The library drops it without a word. */
function refuseBareJson(request: ChatRequest): void {
  if (request.response_format?.type === 'json_object') throw unsupported(name, 'response_format')
}

const purposes: ReadonlySet<string> = new Set(['search_document', 'search_query', 'classification', 'clustering'])

function adjustEmbedding({ dimensions, input_type: inputType }: EmbeddingRequest, model: string): EmbeddingOptions {
  const isCohere = model.includes('cohere.embed-')
  const isNova = model.includes('amazon.nova-')
  if (inputType !== undefined && !(isCohere && purposes.has(inputType))) throw unsupported(name, 'input_type')
  // Titan's first embedding model and Cohere's third have one size.
  if (dimensions !== undefined && /titan-embed-text-v1|cohere\.embed-(?:english|multilingual)-v3/.test(model)) {
    throw unsupported(name, 'dimensions')
  }
  if (isCohere) {
    // Cohere must be told; documents are the usual case, and what other gateways say.
    const purpose = { inputType: inputType ?? 'search_document' }
    return { providerOptions: { amazonBedrock: { ...purpose, ...(dimensions && { outputDimension: dimensions }) } } }
  }
  if (dimensions === undefined) return {}
  return { providerOptions: { amazonBedrock: isNova ? { embeddingDimension: dimensions } : { dimensions } } }
}

function judgeEvent(value: JsonObject): StreamStep {
  for (const [type, payload] of Object.entries(value)) {
    if (/(?:Exception|Error)$/.test(type)) {
      throw reported(readVerdict(type, payload as JsonObject) ?? { failure: 'server_error' })
    }
  }
  if (value.messageStop !== undefined) return 'finished'
  return value.metadata === undefined ? 'more' : 'last'
}

/** `ThrottlingException:http://internal.amazon.com/…` in a header, or `com.amazon…#ThrottlingException` in the body. */
function errorTypeOf({ headers, body }: RefusalFacts): string {
  const inHeader = String(headers['x-amzn-errortype'] ?? '').split(':')[0] ?? ''
  return inHeader !== ''
    ? inHeader
    : (textIn(body ?? {}, '__type')
        .split('#')
        .at(-1) ?? '')
}

/** `ValidationException` is left to the words of its message and to the status. */
const failures: Readonly<Record<string, ProviderFailure>> = {
  AccessDeniedException: 'auth',
  ExpiredTokenException: 'auth',
  IncompleteSignature: 'auth',
  InternalServerException: 'server_error',
  InvalidSignatureException: 'auth',
  MissingAuthenticationTokenException: 'auth',
  ModelErrorException: 'server_error',
  ModelNotReadyException: 'overloaded',
  ModelStreamErrorException: 'server_error',
  ModelTimeoutException: 'server_error',
  ResourceNotFoundException: 'model_not_found',
  ServiceQuotaExceededException: 'quota_exhausted',
  ServiceUnavailableException: 'overloaded',
  ThrottlingException: 'rate_limited',
  UnrecognizedClientException: 'auth',
}

const validationWords: readonly (readonly [ProviderFailure, RegExp])[] = [
  ['context_too_long', /Member must have length less than or equal to \d{7}/],
  ['context_too_long', /too long|too many input tokens|exceeds? (?:the )?(?:model'?s )?(?:maximum|context)|context l/i],
  ['model_not_found', /model identifier is invalid|on-demand throughput isn|end of its life/i],
  ['unsupported', /does(?:n't| not) support|not supported|unsupported/i],
  ['content_policy', /blocked by (?:content|our content) filter/i],
]

/** Types come with a capital letter in headers and without one in streams. */
function readVerdict(type: string, body: JsonObject): Verdict | null {
  const code = type.charAt(0).toUpperCase() + type.slice(1)
  const message = textIn(body, 'message') || textIn(body, 'Message')
  if (code === 'ValidationException') {
    const failure = validationWords.find(([, pattern]) => pattern.test(message))?.[0]
    return { failure: failure ?? 'invalid_request', code }
  }
  const failure = Object.hasOwn(failures, code) ? failures[code] : undefined
  if (failure === undefined) return null
  return { failure: /tokens per day/i.test(message) ? 'quota_exhausted' : failure, code }
}
