import { isJsonObject, type JsonObject } from '../../core/json-object.ts'
import { ProviderError, type ProviderFailure } from '../../core/provider.ts'
import type { RefusalFacts } from './dialect.ts'

/** What an upstream's own words add to what the status has said. The code is one of a fixed list: it may be shown. */
export interface Verdict {
  readonly failure: ProviderFailure
  readonly code?: string
  readonly retryAfterMs?: number
}

/** The refusal as the verdict has it. */
export function withVerdict({ error, status }: RefusalFacts, verdict: Verdict | null): ProviderError {
  if (verdict === null) return error
  const retryAfterMs = error.retryAfterMs ?? verdict.retryAfterMs
  const message = `The upstream answered ${status}${verdict.code === undefined ? '' : ` (${verdict.code})`}`
  return new ProviderError(verdict.failure, message, {
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** The failure that an answer under status 200 reports. */
export function reported(verdict: Verdict | null): ProviderError {
  const code = verdict?.code
  const message = `The upstream reported an error${code === undefined ? '' : ` (${code})`}`
  const { retryAfterMs } = verdict ?? {}
  return new ProviderError(verdict?.failure ?? 'server_error', message, {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

export function notAnAnswer(upstream: string): ProviderError {
  return new ProviderError('invalid_response', `The answer is not one of ${upstream}'s`)
}

export function objectIn(value: JsonObject | null, name: string): JsonObject {
  const found = value?.[name]
  return isJsonObject(found) ? found : {}
}

/** A text of an upstream's, for patterns alone: it may repeat the prompt. */
export function textIn(value: JsonObject, name: string): string {
  const found = value[name]
  return typeof found === 'string' ? found.slice(0, 2_000) : ''
}
