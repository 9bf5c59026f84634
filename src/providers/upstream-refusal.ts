import { isJsonObject, type JsonObject, parseJsonObject } from '../core/json-object.ts'
import { ProviderError, type ProviderFailure } from '../core/provider.ts'
import type { HttpAnswer } from './http-client.ts'
import { parseRetryAfterMs } from './retry-after.ts'

/** What an answer other than 2xx says, as far as it decides the failure. */
export interface RefusalFacts {
  readonly status: number
  readonly retryAfterMs: number | null
  /** The upstream's error code, if it is one of those below. */
  readonly code: string | null
}

export interface Refusal {
  readonly error: ProviderError
  /** For the adapter to look into. It may repeat the prompt: never log it, never put it into an error. */
  readonly bodyText: string
}

/** An error is a few hundred bytes; one that echoes the whole request is not worth reading to its end. */
const maxBodyBytes = 64 * 1024

/** Codes that may be shown. Any other text of the upstream's could repeat the prompt. */
const knownCodes: ReadonlySet<string> = new Set([
  'authentication_error',
  'billing_hard_limit_reached',
  'capacity_exceeded',
  'content_filter',
  'content_policy_violation',
  'context_length_exceeded',
  'insufficient_quota',
  'invalid_api_key',
  'invalid_request_error',
  'invalid_value',
  'model_not_found',
  'not_found_error',
  'overloaded_error',
  'permission_error',
  'rate_limit_error',
  'rate_limit_exceeded',
  'request_too_large',
  'resource_unavailable',
  'server_error',
  'string_above_max_length',
  'unsupported_country_region_territory',
  'unsupported_parameter',
  'unsupported_value',
])

/** A quota that is used up does not come back while a job waits: it is our account at fault, like a bad key. */
const accountCodes: ReadonlySet<string> = new Set(['insufficient_quota', 'billing_hard_limit_reached'])

/**
 * The failure behind a status, for upstreams that speak OpenAI's dialect. 498 is Groq's full flex tier, 529
 * Anthropic's overload; 408, 409 and 425 mean that the same request may well pass later.
 */
export function classifyRefusal({ status, retryAfterMs, code }: RefusalFacts): ProviderFailure {
  if (status === 401 || status === 402 || status === 403) return 'auth'
  if (status === 429) return code !== null && accountCodes.has(code) ? 'auth' : 'rate_limited'
  if (status === 498) return 'rate_limited'
  if ((status === 503 || status === 529) && retryAfterMs !== null) return 'rate_limited'
  if (status >= 500 || status === 408 || status === 409 || status === 425) return 'server_error'
  return status >= 400 ? 'invalid_request' : 'invalid_response'
}

/** Reads an answer other than 2xx to its end, so that its connection can be used again, and says what it means. */
export async function readRefusal(
  answer: HttpAnswer,
  classify: (facts: RefusalFacts) => ProviderFailure = classifyRefusal,
): Promise<Refusal> {
  const { status } = answer
  const retryAfterMs = parseRetryAfterMs(answer.headers, Date.now())
  const bodyText = await answer.readText(maxBodyBytes).catch((error: unknown) => {
    if (error instanceof ProviderError && (error.failure === 'aborted' || error.failure === 'total_timeout'))
      throw error
    // The status has said what matters; a body that is too long or breaks off would only hide it.
    return ''
  })
  const code = findKnownCode(bodyText)
  const message = `The upstream answered ${status}${code === null ? '' : ` (${code})`}`
  const error = new ProviderError(classify({ status, retryAfterMs, code }), message, {
    status,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  })
  return { error, bodyText }
}

/** The failure behind an `error` field in an answer that began with status 200. */
export function reportedError(error: unknown): ProviderError {
  const code = isJsonObject(error) ? knownCodeOf(error) : null
  return new ProviderError('server_error', `The upstream reported an error${code === null ? '' : ` (${code})`}`)
}

function findKnownCode(bodyText: string): string | null {
  const error = parseJsonObject(bodyText)?.error
  return isJsonObject(error) ? knownCodeOf(error) : null
}

function knownCodeOf(error: JsonObject): string | null {
  for (const candidate of [error.code, error.type]) {
    if (typeof candidate === 'string' && knownCodes.has(candidate)) return candidate
  }
  return null
}
