import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { ProviderFailure } from '../../src/core/provider.ts'
import { chunkRecord, completion, lastRecords } from './chat-upstream.ts'

/** What an upstream does wrong, and how the adapter for OpenAI's dialect is to take it. */
export interface Fault {
  readonly name: string
  /** Where it happens: looking up the name, opening the connection, or in the answer to a request. */
  readonly layer: 'dns' | 'refused' | 'tls' | 'http'
  /** The class of the failure of a waiting call. */
  readonly waiting: ProviderFailure
  /** The class of the failure of a stream, where it is another. */
  readonly streaming?: ProviderFailure
  /** A stream has written something before it fails. */
  readonly isMidStream?: true
  /** The least that a second call to the same deployment must wait, in milliseconds. */
  readonly pauseMs?: number
  /** Too large for many at once. */
  readonly isHeavy?: true
  /** For `http` only. */
  readonly answer?: (call: { isStream: boolean; socket: Socket }, response: ServerResponse) => void | Promise<void>
}

/** Longest pause that the test's configuration honours. */
export const maxPauseMs = 2_000
const hugeBytes = 64 * 1024 * 1024 + 1024

export const faults: readonly Fault[] = [
  { name: 'connect refused', layer: 'refused', waiting: 'connection' },
  { name: 'DNS failure', layer: 'dns', waiting: 'connection' },
  { name: 'TLS error', layer: 'tls', waiting: 'connection' },
  http('reset', 'connection', ({ socket }) => void socket.resetAndDestroy()),
  status(408, 'server_error'),
  status(409, 'server_error'),
  limited('429, seconds', { 'retry-after': '1' }, 1_000),
  // A date has whole seconds, so that part of the two is lost, and some passes on the way.
  limited('429, HTTP date', () => ({ 'retry-after': new Date(Date.now() + 2_000).toUTCString() }), 500),
  limited('429, retry-after-ms', { 'retry-after-ms': '150' }, 150),
  limited('429, x-ms-retry-after-ms', { 'x-ms-retry-after-ms': '150' }, 150),
  limited('429, no Retry-After', {}, 0),
  status(500, 'server_error'),
  status(502, 'server_error'),
  status(503, 'overloaded'),
  status(529, 'overloaded'),
  http('hang before headers', 'first_byte_timeout', () => {}),
  { ...http('hang mid-stream', 'idle_timeout', halfAnAnswer), isMidStream: true },
  {
    ...http('cut stream', 'connection', (call, response) => {
      halfAnAnswer(call, response)
      // What was written must arrive, or the cut is a reset before the first byte.
      setTimeout(() => call.socket.destroy(), 50)
    }),
    streaming: 'cut_stream',
    isMidStream: true,
  },
  {
    // It closes as HTTP wants it to, and yet was not finished.
    ...http('end without terminal chunk', 'invalid_response', ({ isStream }, response) => {
      response.writeHead(200, isStream ? { 'content-type': 'text/event-stream' } : json)
      response.end(isStream ? chunkRecord({ content: 'half of ' }) : completion('half of ').slice(0, 40))
    }),
    streaming: 'cut_stream',
    isMidStream: true,
  },
  http('HTML with 200', 'invalid_response', (_call, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Sign in</title>')
  }),
  http('invalid JSON', 'invalid_response', sends('{"choices":[{"message":')),
  http('invalid UTF-8', 'invalid_response', sends(Buffer.from('{"choices":[\u00ff\u00fe]}', 'latin1'))),
  { ...http('empty choices', 'invalid_response', sends('{"id":"x","choices":[]}')), streaming: 'cut_stream' },
  refuses('context too long', 'context_too_long', 'context_length_exceeded'),
  refuses('content filter', 'content_policy', 'content_filter'),
  { ...http('64 MB answer', 'invalid_response', sendHuge), isHeavy: true },
]

function http(name: string, waiting: ProviderFailure, answer: NonNullable<Fault['answer']>): Fault {
  return { name, layer: 'http', waiting, answer }
}

const json = { 'content-type': 'application/json' }

function status(code: number, waiting: ProviderFailure): Fault {
  return http(String(code), waiting, (_call, response) => {
    response.writeHead(code, json).end('{"error":{"message":"secret words","type":"test","code":null,"param":null}}')
  })
}

type HeaderValues = Record<string, string>

function limited(name: string, headers: HeaderValues | (() => HeaderValues), pauseMs: number): Fault {
  const fault = http(name, 'rate_limited', (_call, response) => {
    const pause = typeof headers === 'function' ? headers() : headers
    const error = { message: 'secret words', type: 'requests', code: 'rate_limit_exceeded', param: null }
    response.writeHead(429, { ...json, ...pause }).end(JSON.stringify({ error }))
  })
  return { ...fault, pauseMs }
}

function refuses(name: string, waiting: ProviderFailure, code: string): Fault {
  return http(name, waiting, (_call, response) => {
    const error = { message: 'secret words', type: 'invalid_request_error', code, param: 'messages' }
    response.writeHead(400, json).end(JSON.stringify({ error }))
  })
}

/** The whole body, or the only record of a stream that closes as it should. */
function sends(body: string | Buffer): NonNullable<Fault['answer']> {
  return ({ isStream }, response) => {
    response.writeHead(200, isStream ? { 'content-type': 'text/event-stream' } : json)
    if (isStream) response.write('data: ')
    response.write(body)
    response.end(isStream ? '\n\ndata: [DONE]\n\n' : '')
  }
}

function halfAnAnswer({ isStream }: { isStream: boolean }, response: ServerResponse): void {
  response.writeHead(200, isStream ? { 'content-type': 'text/event-stream' } : { ...json, 'content-length': '4096' })
  response.write(isStream ? chunkRecord({ content: 'half of ' }) : completion('half of ').slice(0, 40))
}

async function sendHuge({ isStream }: { isStream: boolean }, response: ServerResponse): Promise<void> {
  response.writeHead(200, isStream ? { 'content-type': 'text/event-stream' } : json)
  const text = isStream ? chunkRecord({ content: 'x' }).trimEnd() : completion('x')
  const [before = '', after = ''] = text.split('"x"')
  const pieces = function* () {
    yield `${before}"`
    const piece = Buffer.alloc(1024 * 1024, 'x')
    for (let sent = 0; sent < hugeBytes; sent += piece.length) yield piece
    yield `"${after}${isStream ? `\n\n${lastRecords()}` : ''}`
  }
  // The reader hangs up before the end.
  await pipeline(pieces, response).catch(() => {})
}

/** What the upstream says when nothing is wrong. */
export function answerWell(text: string, isStream: boolean, response: ServerResponse): void {
  if (!isStream) return void response.writeHead(200, json).end(completion(text))
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.end(chunkRecord({ role: 'assistant' }) + chunkRecord({ content: text }) + lastRecords())
}

export async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}
