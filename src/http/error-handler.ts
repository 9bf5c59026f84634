import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { BrokerError, type ErrorCode, errorRow } from '../core/errors.ts'
import type { Logger } from '../core/telemetry.ts'

export interface ErrorBody {
  readonly error: { message: string; type: string; code: string; param: string | null }
}

/** OpenAI's error shape: all four keys, always. */
export function errorBody(code: ErrorCode, message: string, param: string | null = null): ErrorBody {
  return { error: { message, type: errorRow(code).type, code, param } }
}

/** Writes a failure with the status and the retry headers of its code. */
export function sendError(reply: FastifyReply, code: ErrorCode, message: string, param: string | null = null): void {
  const row = errorRow(code)
  if (row.retryAfterSeconds !== undefined) reply.header('retry-after', String(row.retryAfterSeconds))
  if (row.shouldRetry === false) reply.header('x-should-retry', 'false')
  void reply
    .code(row.status)
    .type('application/json')
    .send(JSON.stringify(errorBody(code, message, param)))
}

/** The only place that turns a thrown error into an answer. What is not ours tells the client nothing. */
export function registerErrorHandler(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = toBrokerError(error)
    if (known) return sendError(reply, known.code, known.message, known.param)
    log.error({ err: error, request_id: request.id }, 'request failed')
    return sendError(reply, 'internal_error', `Sluice failed; the request id is ${request.id}.`)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]
    return sendError(reply, 'route_not_found', `There is no ${request.method} ${path?.slice(0, 200)}.`)
  })
}

function toBrokerError(error: FastifyError): BrokerError | null {
  if (error instanceof BrokerError) return error
  if (error.validation) return fromValidation(error)
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new BrokerError('body_too_large')
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new BrokerError('unsupported_media_type')
  if (error.code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return new BrokerError('invalid_json', 'The body is empty.')
  if (typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500) {
    return new BrokerError('invalid_request', 'The request could not be read.')
  }
  return null
}

/** Names the field as the client wrote it: `messages[0].role`. */
function fromValidation(error: FastifyError): BrokerError {
  const [first] = error.validation ?? []
  const path = (first?.instancePath ?? '')
    .split('/')
    .filter((part) => part !== '')
    .map((part, index) => (/^\d+$/.test(part) ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('')
  const param = path === '' ? null : path
  const where = error.validationContext === 'querystring' ? 'query parameter' : 'field'
  const message = param
    ? `Invalid ${where} ${param}: ${first?.message}`
    : `Invalid ${error.validationContext}: ${first?.message}`
  return new BrokerError('invalid_request', message, param === null ? {} : { param })
}
