/**
 * The port to an upstream: one deployment, called for one attempt. An adapter translates to and from OpenAI's
 * chat-completions dialect and turns every failure into a `ProviderError`; it never retries and never logs content.
 */

/** How long each phase of one upstream call may take, in milliseconds. */
export interface CallTimeouts {
  /** Opening the connection, TLS included. */
  readonly connectMs: number
  /** From the request's last byte to the answer's headers. A waiting call has its whole generation in here. */
  readonly firstByteMs: number
  /** The longest silence between two pieces of a body. */
  readonly idleMs: number
  /** The whole call. */
  readonly totalMs: number
}

export interface ProviderCall {
  /**
   * The endpoint's request body in OpenAI's dialect as JSON text without `model`, `stream` and `stream_options`, always an object:
   * `{…}`. It stays text so that a pass-through provider can send it on without parsing it.
   */
  readonly bodyJson: string
  /** W3C trace context and the like; the adapter adds its own authorization. */
  readonly headers: Readonly<Record<string, string>>
  /** Aborts the call: cancellation, lost lease, shutdown. */
  readonly signal: AbortSignal
}

/** Tokens in OpenAI's words, as the upstream counted them. The details are parts of the two sums, not on top of them. */
export interface TokenUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details?: { readonly cached_tokens?: number }
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number }
}

export interface Completion {
  /** The endpoint's answer as JSON text, passed on as the upstream wrote it where it speaks the dialect. */
  readonly bodyJson: string
  readonly usage: TokenUsage | null
}

export interface Provider {
  /** One waiting call. Rejects with `ProviderError` only. */
  complete(call: ProviderCall): Promise<Completion>
  /**
   * One streaming call. Yields the JSON text of each `chat.completion.chunk`, never `[DONE]`; the chunk with `usage` is
   * asked for always and comes last. Several chunks that arrive together are yielded together. Ends normally only when
   * the upstream said that it finished (a `finish_reason` was seen and the stream closed as it should); anything else
   * throws `ProviderError`, a cut stream `cut_stream`.
   */
  stream(call: ProviderCall): AsyncIterable<readonly string[]>
  /**
   * One call of the embeddings endpoint: OpenAI's request body in, its `list` of `embedding` objects out. Rejects with
   * `ProviderError` only; with `unsupported` where the upstream has no embeddings.
   */
  embed(call: ProviderCall): Promise<Completion>
  /** Closes idle connections. */
  close(): Promise<void>
}

/** What went wrong upstream, as far as the next step depends on it. */
export type ProviderFailure =
  /** 429: too many requests or tokens for this account, now. */
  | 'rate_limited'
  /** 503 or 529, or the upstream's own word for it: no room for anybody, now. */
  | 'overloaded'
  /** Other 5xx, and 408, 409, 425: the same request may well pass later. */
  | 'server_error'
  /** 402, `insufficient_quota` and the like: the account is used up, which no waiting of a job cures. */
  | 'quota_exhausted'
  /** 401 or 403: our key, not the caller's request. */
  | 'auth'
  /** 404 and the like: this upstream does not have the model. */
  | 'model_not_found'
  /** The prompt, or prompt and answer together, are longer than this model takes. */
  | 'context_too_long'
  /** The upstream's own rules let the prompt, or the answer, not pass. */
  | 'content_policy'
  /** Asks for what this upstream can't do. Said before any call: a field is never dropped in silence. */
  | 'unsupported'
  /** 400, 413, 422: the request itself; every upstream would refuse it. */
  | 'invalid_request'
  /** Refused, reset, DNS, TLS: no answer at all. */
  | 'connection'
  | 'connect_timeout'
  | 'first_byte_timeout'
  | 'idle_timeout'
  | 'total_timeout'
  /** A 200 whose stream ended without its terminal chunk. */
  | 'cut_stream'
  /** An answer that is not the dialect: not JSON, HTML, an object without choices. */
  | 'invalid_response'
  /** `ProviderCall.signal` fired. */
  | 'aborted'

export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  readonly failure: ProviderFailure
  readonly status: number | null
  /** What the upstream asked for in `Retry-After` or `retry-after-ms`, in milliseconds. */
  readonly retryAfterMs: number | null

  /** `message` must not quote the upstream's body: it may repeat the prompt. */
  constructor(
    failure: ProviderFailure,
    message: string,
    facts: { status?: number; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, facts.cause === undefined ? {} : { cause: facts.cause })
    this.failure = failure
    this.status = facts.status ?? null
    this.retryAfterMs = facts.retryAfterMs ?? null
  }
}
