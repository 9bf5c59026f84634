import type { IncomingHttpHeaders } from 'node:http'

/** A chat request as it reached the sandbox. */
export interface CapturedRequest {
  /** Headers that carry a secret have the value `[removed]`. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const maxRequests = 1000
const maxCharacters = 64 * 1024 * 1024
const secretHeaders = new Set(['authorization', 'proxy-authorization', 'x-api-key', 'api-key', 'cookie'])

/** Appends a request and forgets the oldest ones past the limits. */
export function captureRequest(requests: CapturedRequest[], headers: IncomingHttpHeaders, body: string): void {
  const shown = Object.entries(headers).map(([name, value]) => {
    return [name, secretHeaders.has(name) ? '[removed]' : String(value)] as const
  })
  requests.push({ headers: Object.fromEntries(shown), body })
  let characters = requests.reduce((sum, request) => sum + request.body.length, 0)
  while (requests.length > maxRequests || (characters > maxCharacters && requests.length > 1)) {
    characters -= requests.shift()?.body.length ?? 0
  }
}
