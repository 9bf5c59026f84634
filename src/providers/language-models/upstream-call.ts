/**
 * One call of an upstream, seen from the library as `fetch`. The library translates; what is on the wire is our own: the
 * connection pool, the clocks, the abort, the key, and what is a failure. The library only ever gets answers, or events
 * of answers, that are as they should be. So what its errors say is of no interest, and never shown: they quote bodies.
 */
import { type JsonObject, parseJsonObject } from '../../core/json-object.ts'
import { type ProviderCall, ProviderError } from '../../core/provider.ts'
import { type HttpAnswer, type HttpClient, maxAnswerBytes } from '../http-client.ts'
import { lowerCaseNames, type UpstreamOptions } from '../upstream-options.ts'
import { readRefusal } from '../upstream-refusal.ts'
import type { ModelDialect, TokenLogprob } from './dialect.ts'

/** What the library decides about a call: the version of the API and its trial features, and a signature. */
const librarysHeaders = [
  'anthropic-version',
  'anthropic-beta',
  'authorization',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
]

/** How long the end of a body may take after an answer that is whole. */
const lingerMs = 1_000

export interface Upstream {
  readonly http: HttpClient
  readonly options: UpstreamOptions
  readonly dialect: ModelDialect
}

export class UpstreamCall {
  /** What went wrong, once something has: to be thrown in place of whatever the library makes of it. */
  failure: ProviderError | null = null
  readonly #upstream: Upstream
  readonly #call: ProviderCall
  /** How many other tokens to ask for at each place, null for no probabilities at all. */
  readonly #othersAsked: number | null
  #logprobs: TokenLogprob[] = []
  #streaming: HttpAnswer | null = null

  constructor(upstream: Upstream, call: ProviderCall, logprobs: number | null = null) {
    this.#upstream = upstream
    this.#call = call
    this.#othersAsked = logprobs
  }

  /** The probabilities that came since the last time, of tokens that the library has had by now. */
  takeLogprobs(): readonly TokenLogprob[] {
    const taken = this.#logprobs
    this.#logprobs = []
    return taken
  }

  /** A `fetch` for an answer in one piece. */
  readonly fetchAnswer: typeof globalThis.fetch = (input, init) =>
    this.#noting(async () => {
      const answer = await this.#open(input, init, 'application/json')
      const text = await answer.readText(maxAnswerBytes)
      const value = parseJsonObject(text)
      if (value === null) throw new ProviderError('invalid_response', 'The answer is not a JSON object')
      this.#upstream.dialect.judgeAnswer(value)
      this.#readLogprobs(value)
      return new Response(text, { headers: headersOf(answer) })
    })

  /** A `fetch` for an answer in one piece whose shape only the library checks. */
  readonly fetchRaw: typeof globalThis.fetch = (input, init) =>
    this.#noting(async () => {
      const answer = await this.#open(input, init, 'application/json')
      return new Response(await answer.readText(maxAnswerBytes), { headers: headersOf(answer) })
    })

  /** A `fetch` for a stream. The body that it returns ends early, and never fails: `failure` tells. */
  readonly fetchStream: typeof globalThis.fetch = (input, init) =>
    this.#noting(async () => {
      const answer = await this.#open(input, init, 'text/event-stream')
      if (String(answer.headers['content-type']).includes('html')) {
        answer.abandon()
        throw new ProviderError('invalid_response', 'The answer is HTML')
      }
      this.#streaming = answer
      const events = this.#readEvents(answer)
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const next = await events.next()
            if (next.done) controller.close()
            else controller.enqueue(next.value)
          },
          async cancel() {
            answer.abandon()
            await events.return(undefined)
          },
        },
        { highWaterMark: 0 },
      )
      return new Response(body, { headers: headersOf(answer) })
    })

  /** Closes the connection of a stream that nobody is going to read. */
  hangUp(): void {
    this.#streaming?.abandon()
  }

  /** What to throw for `error`, which the library threw. */
  toFailure(error: unknown): ProviderError {
    if (this.failure !== null) return this.failure
    if (error instanceof ProviderError) return error
    return new ProviderError('invalid_response', `The answer is not one of ${this.#upstream.dialect.name}'s`)
  }

  async #noting(open: () => Promise<Response>): Promise<Response> {
    try {
      return await open()
    } catch (error) {
      this.failure ??= this.toFailure(error)
      throw this.failure
    }
  }

  async #open(input: string | URL | Request, init: RequestInit | undefined, accept: string): Promise<HttpAnswer> {
    const { http, dialect } = this.#upstream
    const answer = await http.post({
      path: this.#pathOf(input),
      headers: this.#headersOf(new Headers(init?.headers), accept),
      body: this.#askLogprobs(String(init?.body)),
      signal: this.#call.signal,
    })
    if (answer.isSuccess) return answer
    const { error, bodyText } = await readRefusal(answer)
    const { status, headers } = answer
    throw dialect.judgeRefusal({ error, status, headers, body: parseErrorBody(bodyText) })
  }

  /** The part of a URL of the library's that the HTTP client does not put in front by itself. */
  #pathOf(input: string | URL | Request): string {
    const url = new URL(input instanceof Request ? input.url : input)
    const base = new URL(this.#upstream.options.baseUrl).pathname.replace(/\/+$/, '')
    return `${url.pathname.slice(base.length)}${url.search}`
  }

  #headersOf(given: Headers, accept: string): Record<string, string> {
    const { options, dialect } = this.#upstream
    const headers: Record<string, string> = {
      ...lowerCaseNames({ 'user-agent': 'sluice', ...options.headers }),
      ...this.#call.headers,
    }
    for (const name of librarysHeaders) {
      const value = given.get(name)
      if (value === null) continue
      const own = name === 'anthropic-beta' ? headers[name] : undefined
      headers[name] = own === undefined ? value : `${own},${value}`
    }
    return { ...headers, ...dialect.authorize(), 'content-type': 'application/json', accept }
  }

  #askLogprobs(bodyJson: string): string {
    const { logprobs } = this.#upstream.dialect
    const body = this.#othersAsked === null || logprobs === null ? null : parseJsonObject(bodyJson)
    return body === null || logprobs === null ? bodyJson : JSON.stringify(logprobs.ask(body, this.#othersAsked ?? 0))
  }

  #readLogprobs(value: JsonObject): void {
    if (this.#othersAsked === null) return
    this.#logprobs.push(...(this.#upstream.dialect.logprobs?.read(value) ?? []))
  }

  /** The bytes of each good event, up to the end of the answer or a failure. */
  async *#readEvents(answer: HttpAnswer): AsyncGenerator<Uint8Array, void, undefined> {
    const { dialect } = this.#upstream
    const linger = new Linger(answer)
    let isWhole = false
    try {
      for await (const { bytes, value } of dialect.readEvents(answer)) {
        linger.stop()
        const step = dialect.judgeEvent(value)
        isWhole ||= step === 'finished' || step === 'done'
        const isLast = step === 'done' || step === 'last'
        if (isLast) answer.release()
        this.#readLogprobs(value)
        if (step !== 'skip') yield bytes
        if (isLast) break
        if (isWhole) linger.start()
      }
    } catch (error) {
      if (!linger.isOver) this.failure ??= this.toFailure(error)
    } finally {
      linger.stop()
    }
    if (!isWhole) this.failure ??= new ProviderError('cut_stream', 'The stream ended before the answer did')
  }
}

/** Gives up a connection on which nothing comes any more, though the answer is whole. */
class Linger {
  isOver = false
  #timer: NodeJS.Timeout | undefined
  readonly #answer: HttpAnswer

  constructor(answer: HttpAnswer) {
    this.#answer = answer
  }

  start(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.isOver = true
      this.#answer.abandon()
    }, lingerMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

/** Google puts the error of a stream into a list. */
function parseErrorBody(text: string) {
  const trimmed = text.trim()
  return parseJsonObject(trimmed.startsWith('[') ? trimmed.slice(1, -1) : trimmed)
}

function headersOf(answer: HttpAnswer): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value === undefined || name.startsWith('content-') || name === 'transfer-encoding') continue
    headers.set(name, String(value))
  }
  return headers
}
