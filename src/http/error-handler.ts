import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
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
export function sendError(
  reply: FastifyReply,
  code: ErrorCode,
  message: string,
  facts: { param?: string | null; retryAfterSeconds?: number | null; shouldRetry?: boolean } = {},
): void {
  const { param = null } = facts
  const row = errorRow(code)
  const retryAfterSeconds = facts.retryAfterSeconds ?? row.retryAfterSeconds
  const isFinal = row.shouldRetry === false || facts.shouldRetry === false
  if (retryAfterSeconds !== undefined && !isFinal) reply.header('retry-after', String(retryAfterSeconds))
  if (isFinal) reply.header('x-should-retry', 'false')
  void reply
    .code(row.status)
    .type('application/json')
    .send(JSON.stringify(errorBody(code, message, param)))
}

/** The only place that turns a thrown error into an answer. What is not ours tells the client nothing. */
export function registerErrorHandler(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler(createErrorHandler(log))
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]
    return sendError(reply, 'route_not_found', `There is no ${request.method} ${path?.slice(0, 200)}.`)
  })
}

/** For URLs that no route was looked up for, such as `/v1/jobs/%zz`: no hook has run. */
export function routingErrorHandler(log: Logger): ErrorHandler {
  const handle = createErrorHandler(log)
  return (error, request, reply) => {
    reply.header('x-request-id', request.id)
    handle(error, request, reply)
  }
}

type ErrorHandler = (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => void

function createErrorHandler(log: Logger): ErrorHandler {
  return (error, request, reply) => {
    const known = toBrokerError(error)
    // Fastify would close the connection on a client that still sends: many report a broken pipe then, and not the
    // answer. Node reads the rest and drops it, for as long as a request may take.
    if (known?.code === 'body_too_large') reply.removeHeader('connection')
    if (known) return sendError(reply, known.code, known.message, known)
    log.error({ err: error, request_id: request.id }, 'request failed')
    sendError(reply, 'internal_error', `Sluice failed; the request id is ${request.id}.`)
  }
}

function toBrokerError(error: FastifyError): BrokerError | null {
  if (error instanceof BrokerError) return error
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new BrokerError('body_too_large')
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new BrokerError('unsupported_media_type')
  if (typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500) {
    return new BrokerError('invalid_request', 'The request could not be read.')
  }
  return null
}
