import { UrlGuardError, urlRules } from './url-guard.ts'

type NoAnswerCode =
  | 'timeout'
  | 'connect_timeout'
  | 'connection_failed'
  | 'dns_failed'
  | 'tls_failed'
  | 'invalid_response'

/** Why an attempt to deliver failed, each in one sentence. `docs/telemetry.md` lists the same codes. */
export const deliveryErrors = {
  http_status: 'The receiver answered, but neither 2xx nor 3xx.',
  redirected: 'The receiver answered 3xx, which is not followed.',
  timeout: 'The receiver did not answer in time.',
  connect_timeout: 'No connection could be opened in time.',
  connection_failed: 'The connection was refused, reset, or closed without an answer.',
  dns_failed: 'The name of the receiver has no address.',
  tls_failed: 'The TLS handshake failed, or the certificate does not hold.',
  invalid_response: 'The answer is not HTTP.',
  invalid_secret: 'The secret is not whsec_ and base64; nothing was sent.',
  ...urlRules,
} as const

export type DeliveryErrorCode = keyof typeof deliveryErrors

const codes: Readonly<Record<string, NoAnswerCode>> = {
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  UND_ERR_HEADERS_OVERFLOW: 'invalid_response',
  ENOTFOUND: 'dns_failed',
  EAI_AGAIN: 'dns_failed',
  EAI_FAIL: 'dns_failed',
}

/** OpenSSL's verification results, which Node uses as codes, and Node's own TLS codes. */
const tlsCode = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|EPROTO)/

/** Why no answer came: a rule of the URL guard, or what the network, TLS or HTTP made of the attempt. */
export function deliveryErrorCode(error: unknown): NoAnswerCode | UrlGuardError['code'] {
  if (error instanceof UrlGuardError) return error.code
  if (!(error instanceof Error)) return 'connection_failed'
  if (error.name === 'TimeoutError') return 'timeout'
  if (error.name === 'HTTPParserError') return 'invalid_response'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (tlsCode.test(code)) return 'tls_failed'
  return codes[code] ?? 'connection_failed'
}
