import type { DialectQuirks } from '../core/dialect.ts'
import { type CallTimeouts, type ProviderCall, ProviderError } from '../core/provider.ts'

/** What every adapter needs to know about the deployment that it calls. */
export interface UpstreamOptions {
  /** What the adapter's own paths are appended to: up to and including `/v1` for OpenAI, without `/api` for Ollama. */
  readonly baseUrl: string
  /** The upstream's own name of the model. */
  readonly model: string
  /** Asked at every call, so that a key can change while the provider lives. */
  readonly apiKey?: () => string
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>>
  readonly timeouts: CallTimeouts
  /** How many calls may run at once. */
  readonly connections: number
  /** The header that the key goes into, `authorization` as a bearer token unless it is said. */
  readonly keyHeader?: 'api-key'
  readonly quirks?: DialectQuirks
}

/** Returns what makes the headers of one call: the deployment's, the call's, then those that the adapter vouches for. */
export function createHeaderMaker(
  options: UpstreamOptions,
): (call: ProviderCall, accept: string) => Record<string, string> {
  const { apiKey, keyHeader } = options
  // A name in two spellings would be sent twice.
  const ofDeployment = lowerCaseNames({ 'user-agent': 'sluice', ...options.headers })
  return (call, accept) => {
    const headers: Record<string, string> = { ...ofDeployment, ...call.headers }
    headers['content-type'] = 'application/json'
    headers.accept = accept
    if (apiKey !== undefined && keyHeader !== undefined) headers[keyHeader] = readKey(apiKey)
    else if (apiKey !== undefined) headers.authorization = `Bearer ${readKey(apiKey)}`
    return headers
  }
}

/** The key as it is now. Throws `auth` where it can't be read. */
export function readKey(apiKey: () => string): string {
  try {
    return apiKey()
  } catch (error) {
    throw new ProviderError('auth', 'The API key could not be read', { cause: error })
  }
}

export function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
