/**
 * The one way out to an upstream: POST over HTTP/1.1 with a keep-alive pool per deployment. It times each phase of a
 * call apart from the others and turns every failure into a `ProviderError`; what a status or a body means is the
 * adapter's business.
 *
 * undici times the connection, the wait for headers and the silences of a body, each to about half a second. Its pool
 * knows neither a limit for the whole call nor an abort while it still connects, so those two are kept here.
 */
import { isUtf8 } from 'node:buffer'
import { errors, Pool } from 'undici'
import { type CallTimeouts, ProviderError, type ProviderFailure } from '../core/provider.ts'
import { type AnswerHead, HttpExchange } from './http-exchange.ts'
import { Utf8Reader } from './utf8-reader.ts'

export interface HttpClientOptions {
  /** Scheme, host, and the path that every call's path is appended to. A query stays at the end (Azure's version). */
  readonly baseUrl: string
  readonly timeouts: CallTimeouts
  /** How many calls may run at once; one more waits for a free connection. */
  readonly connections: number
}

interface HttpCall {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly signal: AbortSignal
}

export interface HttpClient {
  /** Resolves when the headers are here. The answer must then be read, or abandoned. */
  post(call: HttpCall): Promise<HttpAnswer>
  /** Closes what is idle, then waits for what is still running. */
  close(): Promise<void>
}

/** The largest answer that is read, in one text or as a stream. */
export const maxAnswerBytes = 64 * 1024 * 1024

/** After the last wanted byte, how long the end of the body may take before the connection is given up. */
const drainMs = 1_000

/** A longer timer would fire at once. */
const longestTimerMs = 2 ** 31 - 1

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { connectMs, firstByteMs, idleMs, totalMs } = options.timeouts
  const base = new URL(options.baseUrl)
  const prefix = base.pathname.replace(/\/+$/, '')
  const pool = new Pool(base.origin, {
    connections: options.connections,
    pipelining: 1,
    // Over HTTP/2 all calls would share a connection: one lost packet, or one slow reader, would hold up the others.
    allowH2: false,
    connectTimeout: connectMs,
    headersTimeout: firstByteMs,
    bodyTimeout: idleMs,
  })

  async function post(call: HttpCall): Promise<HttpAnswer> {
    if (call.signal.aborted) throw abortedError()
    const onAbort = () => exchange.stop(abortedError())
    const exchange = new HttpExchange(() => {
      clearTimeout(totalTimer)
      call.signal.removeEventListener('abort', onAbort)
    })
    const totalTimer = setTimeout(
      () => exchange.stop(new ProviderError('total_timeout', 'The call took longer than it may in all')),
      Math.min(totalMs, longestTimerMs),
    )
    call.signal.addEventListener('abort', onAbort)
    const path = `${prefix}${call.path}${base.search}`
    pool.dispatch({ method: 'POST', path, headers: call.headers, body: call.body }, exchange)
    try {
      return new HttpAnswer(await exchange.head, exchange)
    } catch (error) {
      throw toProviderError(error, 'connection')
    }
  }

  return { post, close: () => pool.close() }
}

/** Status and headers of an answer whose body is still on its way. Read it once, by one of the methods. */
export class HttpAnswer {
  readonly status: number
  readonly headers: AnswerHead['headers']
  readonly #exchange: HttpExchange
  #released = false

  constructor({ status, headers }: AnswerHead, exchange: HttpExchange) {
    this.status = status
    this.headers = headers
    this.#exchange = exchange
  }

  get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300
  }

  /**
   * The whole body as text. A larger one than `maxBytes` and one that is no UTF-8 are an `invalid_response`, a broken one
   * is a `connection`.
   */
  async readText(maxBytes: number): Promise<string> {
    const pieces: Buffer[] = []
    let sizeBytes = 0
    try {
      for (let piece = await this.#exchange.next(); piece; piece = await this.#exchange.next()) {
        sizeBytes += piece.length
        if (sizeBytes > maxBytes) throw tooLarge(maxBytes)
        pieces.push(piece)
      }
    } catch (error) {
      this.abandon()
      throw toProviderError(error, 'connection')
    }
    const bytes = Buffer.concat(pieces, sizeBytes)
    if (!isUtf8(bytes)) throw notUtf8()
    return bytes.toString()
  }

  /**
   * The body as text in the portions in which it arrives; characters split between two portions are put together. A
   * body that breaks is a `cut_stream`, one that is no UTF-8 or larger than `maxAnswerBytes` an `invalid_response`.
   * Leaving the loop early closes the connection, unless `release` was called.
   */
  async *texts(): AsyncGenerator<string, void, undefined> {
    const reader = new Utf8Reader()
    for await (const piece of this.bytes()) {
      const text = reader.take(piece)
      if (text !== '') yield text
      if (reader.isBroken) throw notUtf8()
    }
    if (reader.isInsideCharacter) throw new ProviderError('cut_stream', 'The answer broke off inside a character')
  }

  /** As `texts`, for a body that is none. */
  async *bytes(): AsyncGenerator<Buffer, void, undefined> {
    try {
      let sizeBytes = 0
      for (let piece = await this.#exchange.next(); piece; piece = await this.#exchange.next()) {
        sizeBytes += piece.length
        if (sizeBytes > maxAnswerBytes) throw tooLarge(maxAnswerBytes)
        yield piece
      }
    } catch (error) {
      throw toProviderError(error, 'cut_stream')
    } finally {
      if (this.#released) this.#exchange.drain(drainMs, abandonedError())
      else this.abandon()
    }
  }

  /** Says that nothing of the rest is wanted but the connection is: it is kept if the body ends soon. */
  release(): void {
    this.#released = true
  }

  /** Closes the connection, which is how an upstream learns that it may stop generating. */
  abandon(): void {
    this.#exchange.stop(abandonedError())
  }
}

const failuresByCode: ReadonlyMap<string, readonly [ProviderFailure, string]> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', ['connect_timeout', 'No connection to the upstream in time']],
  ['UND_ERR_HEADERS_TIMEOUT', ['first_byte_timeout', 'No answer from the upstream in time']],
  ['UND_ERR_BODY_TIMEOUT', ['idle_timeout', 'The upstream fell silent in the middle of its answer']],
  ['UND_ERR_HEADERS_OVERFLOW', ['invalid_response', 'The headers of the answer are too large']],
])

function toProviderError(error: unknown, otherwise: 'connection' | 'cut_stream'): ProviderError {
  if (error instanceof ProviderError) return error
  // No cause: undici's parser error carries the bytes that it could not read.
  if (error instanceof errors.HTTPParserError)
    return new ProviderError('invalid_response', 'The answer is not HTTP/1.1')
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
  const known = failuresByCode.get(code)
  if (known !== undefined) return new ProviderError(known[0], known[1], { cause: error })
  const message = otherwise === 'connection' ? 'The connection failed' : 'The answer broke off'
  return new ProviderError(otherwise, `${message} (${code})`, { cause: error })
}

function tooLarge(maxBytes: number): ProviderError {
  return new ProviderError('invalid_response', `The answer is larger than ${maxBytes} bytes`)
}

function notUtf8(): ProviderError {
  return new ProviderError('invalid_response', 'The answer is not UTF-8')
}

/** Nobody reads on, so nobody gets it. */
function abandonedError(): ProviderError {
  return new ProviderError('aborted', 'The answer was abandoned')
}

function abortedError(): ProviderError {
  return new ProviderError('aborted', 'The call was aborted')
}
