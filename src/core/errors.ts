/**
 * Every failure that Sluice reports, by code. One row says which HTTP status it becomes, which OpenAI error type a
 * client sees, and whether trying the same request again can help. The rows decide what SDKs do: they retry 408, 409,
 * 429 and 5xx unless `x-should-retry: false` says otherwise.
 *
 * `retryAfterSeconds` becomes `Retry-After`; `shouldRetry: false` becomes `x-should-retry: false` where the status alone
 * would make a client try again.
 */
interface ErrorRow {
  readonly status: number
  readonly type: 'invalid_request_error' | 'rate_limit_error' | 'server_error' | 'policy_error' | 'insufficient_quota'
  readonly summary: string
  readonly retryAfterSeconds?: number
  readonly shouldRetry?: false
}

export const errorRegistry = {
  invalid_request: { status: 400, type: 'invalid_request_error', summary: 'The request does not match the schema.' },
  invalid_json: { status: 400, type: 'invalid_request_error', summary: 'The body is not valid JSON in UTF-8.' },
  invalid_header: { status: 400, type: 'invalid_request_error', summary: 'A header has a value that is not allowed.' },
  unsupported_media_type: { status: 415, type: 'invalid_request_error', summary: 'The body must be application/json.' },
  body_too_large: { status: 413, type: 'invalid_request_error', summary: 'The body is larger than the server takes.' },
  invalid_api_key: { status: 401, type: 'invalid_request_error', summary: 'The API key is missing or unknown.' },
  invalid_node_token: { status: 401, type: 'invalid_request_error', summary: 'The node token is missing or unknown.' },
  node_protocol_mismatch: {
    status: 400,
    type: 'invalid_request_error',
    summary: 'Node and broker speak different versions of their protocol.',
  },
  node_forbidden: { status: 403, type: 'policy_error', summary: 'The node token is not good for this.' },
  lease_lost: {
    status: 409,
    type: 'invalid_request_error',
    summary: 'The node holds that job no longer.',
    shouldRetry: false,
  },
  model_not_found: { status: 404, type: 'invalid_request_error', summary: 'No such model for this key.' },
  job_not_found: { status: 404, type: 'invalid_request_error', summary: 'No such job for this key.' },
  response_not_found: { status: 404, type: 'invalid_request_error', summary: 'No such response for this key.' },
  previous_response_not_found: {
    status: 400,
    type: 'invalid_request_error',
    summary: 'The response to go on from is not there, was not stored, or has expired.',
  },
  job_not_replayable: {
    status: 409,
    type: 'invalid_request_error',
    summary: 'The job is no dead letter, or what it takes to run it again is gone.',
    shouldRetry: false,
  },
  webhook_endpoint_not_found: {
    status: 404,
    type: 'invalid_request_error',
    summary: 'No such webhook endpoint for this key.',
  },
  webhook_delivery_not_found: {
    status: 404,
    type: 'invalid_request_error',
    summary: 'No such webhook delivery for this key.',
  },
  webhook_not_resendable: {
    status: 409,
    type: 'invalid_request_error',
    summary: 'The endpoint is disabled, or what was sent is no longer kept.',
    shouldRetry: false,
  },
  file_not_found: { status: 404, type: 'invalid_request_error', summary: 'No such file for this key.' },
  file_in_use: {
    status: 409,
    type: 'invalid_request_error',
    summary: 'A batch that has not ended needs the file.',
    shouldRetry: false,
  },
  batch_not_found: { status: 404, type: 'invalid_request_error', summary: 'No such batch for this key.' },
  batch_not_retryable: {
    status: 409,
    type: 'invalid_request_error',
    summary: 'The batch has not ended, none of its lines failed, or its files are gone.',
    shouldRetry: false,
  },
  tenant_not_found: { status: 404, type: 'invalid_request_error', summary: 'No such tenant.' },
  node_not_found: { status: 404, type: 'invalid_request_error', summary: 'No such node.' },
  route_not_found: { status: 404, type: 'invalid_request_error', summary: 'No such path.' },
  idempotency_key_reused: {
    status: 422,
    type: 'invalid_request_error',
    summary: 'The Idempotency-Key was used with another request.',
    shouldRetry: false,
  },
  no_eligible_deployment: {
    status: 403,
    type: 'policy_error',
    summary: 'No deployment may see a job of this sensitivity.',
  },
  content_blocked: {
    status: 403,
    type: 'policy_error',
    summary: 'The request holds what the policy does not let in.',
  },
  answer_blocked: {
    status: 403,
    type: 'policy_error',
    summary: 'The answer holds what the policy does not let out.',
  },
  detector_unavailable: {
    status: 503,
    type: 'server_error',
    summary: 'A detector of personal data is away, and nothing passes unexamined.',
    retryAfterSeconds: 5,
  },
  budget_exceeded: {
    status: 429,
    type: 'insufficient_quota',
    summary: 'A budget has no room for the request.',
    shouldRetry: false,
  },
  rate_limit_exceeded: {
    status: 429,
    type: 'rate_limit_error',
    summary: 'Too many requests or tokens per minute.',
    retryAfterSeconds: 60,
  },
  job_cancelled: { status: 400, type: 'invalid_request_error', summary: 'The job was cancelled.' },
  deadline_exceeded: {
    status: 504,
    type: 'server_error',
    summary: 'The job passed its deadline.',
    shouldRetry: false,
  },
  upstream_rejected: {
    status: 400,
    type: 'invalid_request_error',
    summary: 'The upstream refused the request as invalid.',
  },
  context_length_exceeded: {
    status: 400,
    type: 'invalid_request_error',
    summary: 'The request is longer than any deployment takes that may serve it.',
  },
  content_filter: {
    status: 400,
    type: 'invalid_request_error',
    summary: 'The own rules of the upstream refused the request.',
  },
  unsupported_by_deployments: {
    status: 400,
    type: 'invalid_request_error',
    summary: 'No deployment that may serve the request can do all that it asks for.',
  },
  upstream_failed: {
    status: 502,
    type: 'server_error',
    summary: 'Every attempt at every deployment failed; the job is a dead letter.',
    shouldRetry: false,
  },
  stream_interrupted: {
    status: 502,
    type: 'server_error',
    summary: 'The answer broke off after its first token.',
    shouldRetry: false,
  },
  unprocessable_job: {
    status: 500,
    type: 'server_error',
    summary: 'The job could not be processed by any worker.',
    shouldRetry: false,
  },
  queue_full: {
    status: 429,
    type: 'rate_limit_error',
    summary: 'Too many open jobs; try again later.',
    retryAfterSeconds: 5,
  },
  redis_unavailable: {
    status: 503,
    type: 'server_error',
    summary: 'The job store is away or too slow; send it again.',
    retryAfterSeconds: 1,
  },
  blob_store_unavailable: {
    status: 503,
    type: 'server_error',
    summary: 'The store of files is away; try again.',
    retryAfterSeconds: 5,
  },
  internal_error: { status: 500, type: 'server_error', summary: 'Sluice failed; the operator has the details.' },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorRegistry

/** What a job carries in `error` and what OpenAI's error shape carries: never content of a prompt or an answer. */
export interface JobError {
  readonly code: ErrorCode
  readonly message: string
}

/** A failure with a code of the registry. `param` names the field at fault, as a client wrote it. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError'
  readonly code: ErrorCode
  readonly param: string | null
  /** When trying again can help; the row of the code says it where this is null. */
  readonly retryAfterSeconds: number | null
  /** False where trying again cannot help although the row of the code says so. */
  readonly shouldRetry: boolean

  constructor(
    code: ErrorCode,
    message?: string,
    options: { param?: string; retryAfterSeconds?: number; shouldRetry?: false; cause?: unknown } = {},
  ) {
    super(message ?? errorRegistry[code].summary, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.param = options.param ?? null
    this.retryAfterSeconds = options.retryAfterSeconds ?? null
    this.shouldRetry = options.shouldRetry ?? true
  }
}

export function errorRow(code: ErrorCode): ErrorRow {
  return errorRegistry[code]
}
