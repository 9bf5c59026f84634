/** Small helpers of the sandbox's HTTP side: bodies in, JSON and errors out, waiting that ends with the connection. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

const maxBodyBytes = 32 * 1024 * 1024

/** The body as text, or null when it is larger than the sandbox takes. Rejects when the client goes away. */
export function readBody(request: IncomingMessage): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let bytes = 0
    request.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes <= maxBodyBytes) parts.push(part)
      else resolve(null)
    })
    request.on('end', () => resolve(parts.length === 1 ? String(parts[0]) : Buffer.concat(parts).toString()))
    request.on('error', reject)
  })
}

export function sendJson(response: ServerResponse, status: number, body: string | object): void {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
  response.end(bytes)
}

export interface ErrorFacts {
  readonly message: string
  readonly type: string
  readonly code?: string | null
  readonly param?: string | null
}

/** OpenAI's error object: all four keys, always. */
export function sendError(response: ServerResponse, status: number, facts: ErrorFacts): void {
  const { message, type, code = null, param = null } = facts
  sendJson(response, status, { error: { message, type, param, code } })
}

export function sendTooLarge(response: ServerResponse): void {
  // The rest of the body is still on its way; the connection is of no use after it.
  response.setHeader('connection', 'close')
  const message = `The body is larger than ${maxBodyBytes} bytes.`
  sendError(response, 413, { message, type: 'invalid_request_error', code: 'body_too_large' })
}

/** Waits, and returns at once when the client goes away; then `response.destroyed` is true. */
export async function waitOrClosed(response: ServerResponse, durationMs: number): Promise<void> {
  const closed = new AbortController()
  const onClose = () => closed.abort()
  response.once('close', onClose)
  try {
    await delay(durationMs, undefined, { signal: closed.signal })
  } catch {
    // The only reason is the close above.
  } finally {
    response.off('close', onClose)
  }
}

/** Writes, and waits while the client reads more slowly than that. */
export async function writeGently(response: ServerResponse, text: string): Promise<void> {
  if (response.write(text) || response.destroyed) return
  await Promise.race([once(response, 'drain'), once(response, 'close')])
}
