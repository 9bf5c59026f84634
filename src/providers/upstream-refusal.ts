import { isJsonObject, type JsonObject, parseJsonObject } from '../core/json-object.ts'
import { ProviderError, type ProviderFailure } from '../core/provider.ts'
import type { HttpAnswer } from './http-client.ts'
import { againIn, failureByWords, readWords, shownCode, type UpstreamWords } from './refusal-words.ts'
import { parseDurationMs, parseRateResetMs, parseRetryAfterMs } from './retry-after.ts'

export interface Refusal {
  readonly error: ProviderError
  /** For the adapter to look into. It may repeat the prompt: never log it, never put it into an error. */
  readonly bodyText: string
}

export interface RefusalHabits {
  /** It answers 404 where generating failed, whatever the reason. */
  readonly notFoundMeansFailed?: boolean
}

/** An error is a few hundred bytes; one that echoes the whole request is not worth reading to its end. */
const maxBodyBytes = 64 * 1024

/**
 * The failure behind a status without further words. 498 is Groq's full flex tier, 529 Anthropic's overload; 408, 409
 * and 425 mean that the same request may well pass later.
 */
export function classifyStatus(status: number): ProviderFailure {
  if (status === 401 || status === 403) return 'auth'
  if (status === 402) return 'quota_exhausted'
  if (status === 404 || status === 410) return 'model_not_found'
  if (status === 429) return 'rate_limited'
  if (status === 498 || status === 503 || status === 529) return 'overloaded'
  if (status === 501) return 'unsupported'
  if (status >= 500 || status === 408 || status === 409 || status === 425) return 'server_error'
  return status >= 400 ? 'invalid_request' : 'invalid_response'
}

/** The failure behind an answer other than 2xx: what its words say, or else its status. */
export function classifyRefusal(status: number, words: UpstreamWords, habits: RefusalHabits = {}): ProviderFailure {
  const byWords = status >= 400 ? failureByWords(words, status) : null
  if (byWords !== null) return byWords
  return status === 404 && habits.notFoundMeansFailed ? 'server_error' : classifyStatus(status)
}

/** Reads an answer other than 2xx to its end, so that its connection can be used again, and says what it means. */
export async function readRefusal(answer: HttpAnswer, habits: RefusalHabits = {}): Promise<Refusal> {
  const { status } = answer
  const bodyText = await answer.readText(maxBodyBytes).catch((error: unknown) => {
    if (error instanceof ProviderError && (error.failure === 'aborted' || error.failure === 'total_timeout'))
      throw error
    // The status has said what matters; a body that is too long or breaks off would only hide it.
    return ''
  })
  const words = readWords(parseJsonObject(bodyText))
  const failure = classifyRefusal(status, words, habits)
  const retryAfterMs = askedPauseMs(answer, failure, words)
  const code = shownCode(words)
  const message = `The upstream answered ${status}${code === null ? '' : ` (${code})`}`
  const error = new ProviderError(failure, message, { status, ...(retryAfterMs === null ? {} : { retryAfterMs }) })
  return { error, bodyText }
}

/** What `Retry-After` says goes before what the limits say, and that before the words of the message. */
function askedPauseMs(answer: HttpAnswer, failure: ProviderFailure, words: UpstreamWords): number | null {
  const nowMs = Date.now()
  const asked = parseRetryAfterMs(answer.headers, nowMs)
  if (asked !== null || (failure !== 'rate_limited' && failure !== 'overloaded')) return asked
  const inWords = againIn(words)
  return parseRateResetMs(answer.headers, nowMs) ?? (inWords === null ? null : parseDurationMs(inWords))
}

/**
 * The failure behind an `error` field in an answer that began with status 200. Gateways put the status that they had
 * from behind them into `code` (OpenRouter), Ollama beside the error.
 */
export function reportedError(error: unknown, statusBeside?: unknown): ProviderError {
  const body: JsonObject = { error }
  const words = readWords(body)
  const status = readStatus(isJsonObject(error) ? (error.code ?? error.status) : null) ?? readStatus(statusBeside)
  const code = shownCode(words)
  const failure = failureByWords(words, status ?? 200) ?? (status === null ? 'server_error' : classifyStatus(status))
  return new ProviderError(failure, `The upstream reported an error${code === null ? '' : ` (${code})`}`)
}

/** An HTTP status of a failure, as a number or in digits. */
function readStatus(value: unknown): number | null {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value
  return typeof status === 'number' && status >= 400 && status < 600 ? status : null
}
