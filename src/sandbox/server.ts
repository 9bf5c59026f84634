/**
 * The sandbox: an upstream that works offline. It speaks OpenAI's wire format, summarises logs by template mining, and
 * misbehaves on demand for tests. Plain `node:http`: it is also what benchmarks call, so a request must cost little.
 *
 *     POST /v1/chat/completions   waiting, or `stream: true`
 *     POST /v1/embeddings         hashed words: near each other where texts share words
 *     GET  /v1/models, /health    stay well whatever faults are set, as real upstreams do
 *     POST /faults, DELETE /faults   a JSON list of rules (faults.ts), or none
 *     GET  /requests              the requests that arrived, if capturing is on
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import { answerChat } from './answer.ts'
import { type CapturedRequest, captureRequest } from './captured-requests.ts'
import { parseChatRequest, parseJson } from './chat-request.ts'
import { formatCompletion, formatStream } from './chat-wire.ts'
import { answerEmbeddings, parseEmbeddingsRequest } from './embeddings.ts'
import { createFaultSet, type FaultRule, type FaultSet, faultRulesSchema } from './faults.ts'
import { readBody, sendError, sendJson, sendTooLarge, waitOrClosed } from './http-answers.ts'
import { sendFault, sendStream, sendWhole } from './send-answer.ts'

export interface SandboxOptions {
  /** Default: a free port. */
  readonly port?: number
  /** Default: loopback only, since anyone who reaches it may set faults. */
  readonly host?: string
  /** Pause between the tokens of a stream, in milliseconds. */
  readonly tokenDelayMs?: number
  /** Keeps the last requests, 1,000 and 64 MiB at most, for `requests` and `GET /requests`. */
  readonly capture?: boolean
  readonly faults?: readonly FaultRule[]
}

export interface Sandbox extends AsyncDisposable {
  /** `http://host:port`, without `/v1`. */
  readonly url: string
  readonly port: number
  /** Live: grows as requests arrive. */
  readonly requests: CapturedRequest[]
  setFaults(rules: readonly FaultRule[]): void
  /** Stops at once; answers under way are cut off. */
  close(): Promise<void>
}

/** Longer than clients keep idle connections, so that none writes to one that is just being closed. */
const keepAliveMs = 75_000

interface Settings {
  readonly faults: FaultSet
  readonly requests: CapturedRequest[]
  readonly capture: boolean
  readonly tokenDelayMs: number
}

type Handler = (request: IncomingMessage, response: ServerResponse, settings: Settings) => void | Promise<void>

const routes: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/v1/chat/completions': { POST: handleChat },
  '/v1/embeddings': { POST: handleEmbeddings },
  '/v1/models': { GET: (_request, response) => sendJson(response, 200, modelList) },
  '/health': { GET: (_request, response) => sendJson(response, 200, { status: 'ok' }) },
  '/faults': { POST: handleSetFaults, DELETE: handleClearFaults },
  '/requests': { GET: handleListRequests },
}

const modelList = {
  object: 'list',
  data: [{ id: 'sandbox', object: 'model', created: 1_700_000_000, owned_by: 'sluice' }],
}

/** Starts a sandbox and resolves once it listens. Rejects when the port is taken, or a fault rule is impossible. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const settings: Settings = {
    faults: createFaultSet(options.faults ?? []),
    requests: [],
    capture: options.capture ?? false,
    tokenDelayMs: options.tokenDelayMs ?? 0,
  }
  const server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    // All that a handler can fail with is a client that has gone.
    Promise.resolve(route(request, response, settings)).catch(() => response.destroy())
  })
  server.listen(options.port ?? 0, options.host ?? '127.0.0.1')
  await once(server, 'listening')
  const { port, address } = server.address() as AddressInfo
  const close = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${port}`,
    port,
    requests: settings.requests,
    setFaults: (rules) => settings.faults.set(rules),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function route(request: IncomingMessage, response: ServerResponse, settings: Settings): void | Promise<void> {
  const [path = ''] = (request.url ?? '').split('?', 1)
  const methods = Object.hasOwn(routes, path) ? routes[path] : undefined
  const handler = methods?.[request.method ?? '']
  if (handler !== undefined) return handler(request, response, settings)
  request.resume()
  const type = 'invalid_request_error'
  if (methods === undefined) {
    return sendError(response, 404, { message: 'The sandbox has no such path.', type, code: 'route_not_found' })
  }
  response.setHeader('allow', Object.keys(methods).join(', '))
  sendError(response, 405, { message: 'The path does not take this method.', type, code: 'method_not_allowed' })
}

async function handleChat(request: IncomingMessage, response: ServerResponse, settings: Settings): Promise<void> {
  const body = await readBody(request)
  if (body === null) return sendTooLarge(response)
  if (settings.capture) captureRequest(settings.requests, request.headers, body)
  const parsed = parseChatRequest(body)
  if (!parsed.ok) return sendError(response, 400, { ...parsed.problem, type: 'invalid_request_error' })
  const { chat } = parsed
  const rule = settings.faults.take({ model: chat.model, body })
  if (rule?.latency_ms !== undefined) await waitOrClosed(response, rule.latency_ms)
  if (response.destroyed || (rule !== null && sendFault(response, rule, chat.stream))) return
  const answer = answerChat(chat)
  if (!chat.stream) return sendWhole(response, formatCompletion(chat, answer), rule)
  return sendStream(response, formatStream(chat, answer), { tokenDelayMs: settings.tokenDelayMs, rule })
}

async function handleEmbeddings(request: IncomingMessage, response: ServerResponse, settings: Settings): Promise<void> {
  const body = await readBody(request)
  if (body === null) return sendTooLarge(response)
  if (settings.capture) captureRequest(settings.requests, request.headers, body)
  const asked = parseEmbeddingsRequest(body)
  const type = 'invalid_request_error'
  if (asked === null) return sendError(response, 400, { message: 'The body is no request for embeddings.', type })
  const rule = settings.faults.take({ model: asked.model, body })
  if (rule?.latency_ms !== undefined) await waitOrClosed(response, rule.latency_ms)
  if (response.destroyed || (rule !== null && sendFault(response, rule, false))) return
  return sendWhole(response, answerEmbeddings(asked), rule)
}

async function handleSetFaults(request: IncomingMessage, response: ServerResponse, settings: Settings): Promise<void> {
  const body = await readBody(request)
  if (body === null) return sendTooLarge(response)
  const parsed = faultRulesSchema.safeParse(parseJson(body))
  if (!parsed.success) {
    return sendError(response, 400, { message: z.prettifyError(parsed.error), type: 'invalid_request_error' })
  }
  settings.faults.set(parsed.data)
  sendJson(response, 200, parsed.data)
}

function handleClearFaults(request: IncomingMessage, response: ServerResponse, settings: Settings): void {
  request.resume()
  settings.faults.set([])
  sendJson(response, 200, [])
}

function handleListRequests(_request: IncomingMessage, response: ServerResponse, settings: Settings): void {
  const message = 'This sandbox does not capture requests.'
  if (settings.capture) sendJson(response, 200, settings.requests)
  else sendError(response, 404, { message, type: 'invalid_request_error', code: 'capture_off' })
}
