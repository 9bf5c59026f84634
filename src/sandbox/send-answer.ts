/** How an answer leaves the sandbox: whole, token by token, or spoilt by a fault. */
import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FaultRule } from './faults.ts'
import { sendError, sendJson, waitOrClosed, writeGently } from './http-answers.ts'

/** Where a broken stream breaks if the rule does not say. */
const defaultAfterChunks = 3
/** Without a delay between tokens, so many records share a write: a system call for each would be most of the work. */
const recordsPerWrite = 16

const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** Faults that show before there is an answer. False for those that show in the answer, or are over: latency. */
export function sendFault(response: ServerResponse, rule: FaultRule, stream: boolean): boolean {
  switch (rule.fault) {
    case 'rate_limit':
      setRetryAfter(response, rule)
      sendError(response, 429, {
        message: 'The sandbox was told to refuse: rate limit reached.',
        type: 'requests',
        code: 'rate_limit_exceeded',
      })
      return true
    case 'server_error':
      setRetryAfter(response, rule)
      sendError(response, rule.retry_after_s === undefined ? 500 : 503, {
        message: 'The sandbox was told to fail.',
        type: 'server_error',
      })
      return true
    case 'unauthorized':
      sendError(response, 401, {
        message: 'The sandbox was told to refuse this key.',
        type: 'invalid_request_error',
        code: 'invalid_api_key',
      })
      return true
    case 'garbage':
      response.writeHead(200, stream ? streamHeaders : { 'content-type': 'application/json' })
      response.end(stream ? 'data: {"id":"chatcmpl-\n\n' : '{"id":"chatcmpl-')
      return true
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<!doctype html><title>Welcome</title><p>Please sign in to use this network.')
      return true
    case 'hang':
      return true
    case 'reset':
      if (stream && rule.after_chunks !== undefined) return false
      response.socket?.resetAndDestroy()
      return true
    default:
      return false
  }
}

function setRetryAfter(response: ServerResponse, rule: FaultRule): void {
  if (rule.retry_after_s !== undefined) response.setHeader('retry-after', String(rule.retry_after_s))
}

/** A waiting call's answer; a fault that breaks streams breaks it in the middle of its body. */
export async function sendWhole(response: ServerResponse, body: string, rule: FaultRule | null): Promise<void> {
  if (rule === null || !breaksStream(rule)) return sendJson(response, 200, body)
  const bytes = Buffer.from(body)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length })
  await new Promise((resolve) => response.write(bytes.subarray(0, bytes.length >> 1), resolve))
  if (rule.fault === 'cut_stream') response.destroy()
}

/** A stream's records, `tokenDelayMs` apart, up to where the rule breaks it. */
export async function sendStream(
  response: ServerResponse,
  records: Iterable<string>,
  how: { tokenDelayMs: number; rule: FaultRule | null },
): Promise<void> {
  response.writeHead(200, streamHeaders)
  const limit = how.rule !== null && breaksStream(how.rule) ? (how.rule.after_chunks ?? defaultAfterChunks) : null
  if (limit === 0) response.flushHeaders()
  let sent = 0
  let waiting = ''
  for (const record of records) {
    if (sent === limit || response.destroyed) break
    if (how.tokenDelayMs > 0 && sent > 0) await waitOrClosed(response, how.tokenDelayMs)
    waiting += record
    sent += 1
    // The first record goes alone: a client measures its time to the first token by it.
    if (how.tokenDelayMs === 0 && sent > 1 && sent % recordsPerWrite !== 0) continue
    await writeGently(response, waiting)
    waiting = ''
    if (how.tokenDelayMs === 0) await nextTurn()
  }
  if (limit === null || how.rule?.fault === 'cut_stream') return void response.end(waiting)
  if (waiting !== '') await new Promise((resolve) => response.write(waiting, resolve))
  // A reset overtakes what is still in our buffers, so it waits for a turn of the loop; silence needs nothing.
  if (how.rule?.fault === 'reset') response.socket?.resetAndDestroy()
}

function breaksStream({ fault }: FaultRule): boolean {
  return fault === 'cut_stream' || fault === 'hang_mid_stream' || fault === 'reset'
}
