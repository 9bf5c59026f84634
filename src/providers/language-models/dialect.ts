import type {
  EmbeddingModelV4,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  SharedV4ProviderMetadata,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider'
import type { JsonObject } from '../../core/json-object.ts'
import type { ProviderError } from '../../core/provider.ts'
import type { HttpAnswer } from '../http-client.ts'
import type { CacheControl, ChatRequest, ThinkingBlock } from './chat-request.ts'
import type { EmbeddingRequest } from './embeddings.ts'

/** How the library sends: our own `fetch`, made anew for each call. */
export type Send = typeof globalThis.fetch

/** One event of a streamed answer: the bytes that the library reads, and what is in them. */
export interface StreamEvent {
  readonly bytes: Uint8Array
  readonly value: JsonObject
}

/**
 * Where an event leaves a stream. `finished`: the answer is whole, but counts may still come. `done`: it is whole, and
 * nothing comes after. `last`: nothing comes after, and whether it is whole was to be said before. `skip`: not known to
 * this version of the library, and not needed.
 */
export type StreamStep = 'more' | 'skip' | 'finished' | 'done' | 'last'

/** A refusal as far as it was read; `body` may repeat the prompt. */
export interface RefusalFacts {
  /** What the status alone says. */
  readonly error: ProviderError
  readonly status: number
  readonly headers: HttpAnswer['headers']
  readonly body: JsonObject | null
}

/** The options that the library keeps under its own name of a provider. */
interface PartOptions {
  readonly cacheControl: (mark: CacheControl) => SharedV4ProviderOptions | undefined
  readonly thinking: (block: ThinkingBlock) => SharedV4ProviderOptions | undefined
  readonly signature: (thoughtSignature: string) => SharedV4ProviderOptions | undefined
}

/** What a message may hold. */
interface PromptLimits {
  readonly audio: boolean
  /** The media type to send for an image that the upstream fetches itself, or null where it can't. */
  readonly imageUrlType: (url: URL) => string | null
}

export type EmbeddingOptions = Pick<Parameters<EmbeddingModelV4['doEmbed']>[0], 'dimensions' | 'providerOptions'>

export interface EmbeddingDialect {
  readonly createModel: (send: Send) => EmbeddingModelV4
  /** Throws `unsupported` for what the model has nothing for. */
  readonly adjust: (request: EmbeddingRequest) => EmbeddingOptions
  /** Tokens of the texts in an answer, where the library does not read them. */
  readonly countTokens?: (body: unknown) => number | undefined
}

/** Probabilities of tokens, which the library does not know: asked for and read beside it. */
interface LogprobsDialect {
  /** A request's body that also asks for them, and for this many others at each place. */
  readonly ask: (body: JsonObject, others: number) => JsonObject
  /** Those in an answer, or in one event of it, as OpenAI has them. */
  readonly read: (value: JsonObject) => readonly TokenLogprob[]
}

export interface TokenLogprob {
  readonly token: string
  readonly logprob: number
  readonly bytes: readonly number[]
  readonly top_logprobs?: readonly TokenLogprob[]
}

/**
 * What one API has of its own. The library translates between its common model and the API's words; what is on the wire,
 * and what each failure means, is said here.
 */
export interface ModelDialect {
  /** As messages name it. */
  readonly name: string
  readonly prompt: PromptLimits
  readonly partOptions: PartOptions
  /** Headers that prove who calls; none where the library signs. Throws `auth` where a key can't be read. */
  readonly authorize: () => Readonly<Record<string, string>>
  /** A model that sends with `send`; with `isDry` no key is needed since nothing leaves the process. */
  readonly createModel: (send: Send, isDry: boolean) => LanguageModelV4
  readonly embeddings: EmbeddingDialect | null
  readonly logprobs: LogprobsDialect | null
  /** The least that the library takes for an answer. */
  readonly emptyAnswer: JsonObject
  /** Changes the common options to what this API has for them. Throws `unsupported` for what it has nothing for. */
  readonly adjust: (options: LanguageModelV4CallOptions, request: ChatRequest) => LanguageModelV4CallOptions
  /** The events of a streamed answer. Throws `invalid_response` for anything else, `cut_stream` inside an event. */
  readonly readEvents: (answer: HttpAnswer) => AsyncIterable<StreamEvent>
  /** Where an event leaves the stream. Throws the `ProviderError` that it reports, or `invalid_response`. */
  readonly judgeEvent: (value: JsonObject) => StreamStep
  /** Throws what an answer in one piece reports in place of an answer. */
  readonly judgeAnswer: (value: JsonObject) => void
  readonly judgeRefusal: (refusal: RefusalFacts) => ProviderError
  /** Throws where an answer ended in a way that is a failure. */
  readonly judgeFinish?: (reason: LanguageModelV4FinishReason) => void
  /** The signed thought behind metadata of the library's, if there is one. */
  readonly readThinking: (text: string, metadata: SharedV4ProviderMetadata) => ThinkingBlock | null
  readonly readSignature: (metadata: SharedV4ProviderMetadata) => string | null
}
