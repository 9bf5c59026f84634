import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ErrorCode } from '../core/errors.ts'
import { errorBody } from './error-handler.ts'

/** Answers what is not HTTP, so that nobody has made a request of it: on the bare socket, in the shape of every error. */
export function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code !== 'ECONNRESET' && socket.writable) {
    const { status, code, message } = describe(error.code)
    const body = JSON.stringify(errorBody(code, message))
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: req_${randomUUID()}`,
      'connection: close',
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  }
  socket.destroy(error)
}

function describe(reason: string | undefined): { status: number; code: ErrorCode; message: string } {
  switch (reason) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, code: 'invalid_header', message: 'The headers are larger than the server takes.' }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, code: 'invalid_request', message: 'The request did not arrive in time.' }
    default:
      return { status: 400, code: 'invalid_request', message: 'The request is not valid HTTP/1.1.' }
  }
}
