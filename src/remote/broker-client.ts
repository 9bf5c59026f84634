import { type Dispatcher, Pool } from 'undici'
import { z } from 'zod'
import type { Logger } from '../core/telemetry.ts'
import {
  type CallAnswer,
  type CallRequest,
  configAnswer,
  configPath,
  type NodeCall,
  nodeCalls,
  nodeHeader,
  pathOf,
  poolHeader,
  protocolHeader,
  protocolVersion,
} from '../protocol/node-calls.ts'

export interface BrokerClientOptions {
  /** `https://host[:port][/prefix]`. */
  readonly url: string
  readonly token: string
  readonly pool: string
  readonly node: string
  readonly log: Logger
}

export interface CallOptions {
  /** Longest time without an answer that is not yet a failure, beyond what the broker was asked to wait. */
  readonly waitMs?: number
  /** Whether failures are tried again, for as long as the client is open; they are unless it is said. */
  readonly repeats?: 'always' | 'never'
  readonly signal?: AbortSignal
}

/** The broker has understood the call and says no: trying again does not help. */
class BrokerRefusal extends Error {
  override readonly name = 'BrokerRefusal'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** No usable answer: the broker is away, or its Redis is. */
export class BrokerAway extends Error {
  override readonly name = 'BrokerAway'

  constructor(reason: string, facts: { cause?: unknown } = {}) {
    super(`The broker is away (${reason})`, facts)
  }
}

/** What Node says where it does not trust the one who signed the broker's certificate. */
function hintFor(code: string): string {
  const isStranger = /SELF_SIGNED|VERIFY_LEAF|ISSUER_CERT/.test(code)
  return isStranger ? '; NODE_EXTRA_CA_CERTS names the file of a certificate authority of the house' : ''
}

const connectTimeoutMs = 5_000
/** From the request's last byte to the answer; Redis itself may take 15 s for the largest. */
const answerTimeoutMs = 30_000
/** A line that is slower than 50 kB/s is taken for one that is stuck. */
const slowestBytesPerMs = 50
const firstDelayMs = 100
/** Well within a lease, so that one that can be saved is. */
const longestDelayMs = 2_000
const errorAnswer = z.object({ error: z.object({ code: z.string(), message: z.string() }) })
/**
 * A node's only way out: HTTP/1.1 over kept-alive connections. While the broker is away calls are made again and again,
 * with a growing delay and jitter, for as long as the client is open: every call is harmless when it comes again, what a
 * node has in hand is worth the wait, and the broker knows by leases and fences what still counts. It is said once when the broker goes and once when it is back.
 */
export class BrokerClient {
  readonly #options: BrokerClientOptions
  readonly #pool: Pool
  readonly #prefix: string
  readonly #headers: Record<string, string>
  readonly #closing = new AbortController()
  #awaySinceMs: number | null = null

  constructor(options: BrokerClientOptions) {
    this.#options = options
    const url = new URL(options.url)
    this.#prefix = url.pathname.replace(/\/+$/, '')
    this.#pool = new Pool(url.origin, {
      pipelining: 1,
      allowH2: false,
      connectTimeout: connectTimeoutMs,
      bodyTimeout: answerTimeoutMs,
    })
    this.#headers = {
      authorization: `Bearer ${options.token}`,
      [nodeHeader]: options.node,
      [poolHeader]: options.pool,
      [protocolHeader]: String(protocolVersion),
    }
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** @throws BrokerRefusal, or BrokerAway when it is not tried again, or no more. */
  async call<Call extends NodeCall>(
    call: Call,
    request: CallRequest<Call>,
    options: CallOptions = {},
  ): Promise<CallAnswer<Call>> {
    const body = JSON.stringify(request)
    const answer = await this.#insist(options, () => this.#send('POST', pathOf(call), options, body))
    return check<CallAnswer<Call>>(nodeCalls[call].answer as unknown as z.ZodType<CallAnswer<Call>>, answer)
  }

  /** What the broker offers to a node of this pool. @throws BrokerRefusal, BrokerAway */
  async readConfig(repeats: 'always' | 'never'): Promise<z.output<typeof configAnswer>> {
    return check(configAnswer, await this.#insist({ repeats }, () => this.#send('GET', configPath, {})))
  }

  /** Waits before the next try: 0.1 s at first, 2 s at most, half of it by chance; not at all once the client is closed. */
  async pause(failures: number): Promise<void> {
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures, 10))
    const { signal } = this.#closing
    await new Promise<void>((resolve) => {
      const timer = setTimeout(finish, delayMs * (0.5 + Math.random() / 2))
      function finish() {
        clearTimeout(timer)
        signal.removeEventListener('abort', finish)
        resolve()
      }
      if (signal.aborted) finish()
      else signal.addEventListener('abort', finish)
    })
  }

  /** Breaks off what is under way. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#pool.destroy()
  }

  async #insist<Answer>({ repeats = 'always', signal }: CallOptions, send: () => Promise<Answer>): Promise<Answer> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await send()
      } catch (error) {
        if (!(error instanceof BrokerAway) || this.isClosed || signal?.aborted) throw error
        this.#goneAway(error)
        if (repeats === 'never') throw error
        await this.pause(failures)
        if (this.isClosed || signal?.aborted) throw error
      }
    }
  }

  async #send(method: 'GET' | 'POST', path: string, options: CallOptions, body?: string): Promise<unknown> {
    const signals = [this.#closing.signal, ...(options.signal ? [options.signal] : [])]
    const { status, text } = await this.#exchange({
      method,
      path: `${this.#prefix}${path}`,
      headers: { ...this.#headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      headersTimeout: answerTimeoutMs + (options.waitMs ?? 0) + Math.ceil((body?.length ?? 0) / slowestBytesPerMs),
      signal: AbortSignal.any(signals),
      ...(body !== undefined && { body }),
    })
    const answer = parseJson(text)
    if (status === 200) {
      this.#isBack()
      return answer
    }
    const { data } = errorAnswer.safeParse(answer)
    // A proxy in between may answer with anything; only what the broker itself says is a no.
    if (!data || status >= 500 || status === 408 || status === 429)
      throw new BrokerAway(data?.error.code ?? `HTTP ${status}`)
    this.#isBack()
    throw new BrokerRefusal(status, data.error.code, data.error.message)
  }

  async #exchange(request: Dispatcher.RequestOptions): Promise<{ status: number; text: string }> {
    try {
      const { statusCode, body } = await this.#pool.request(request)
      return { status: statusCode, text: await body.text() }
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer'
      throw new BrokerAway(`${code}${hintFor(code)}`, { cause: error })
    }
  }

  #goneAway(error: BrokerAway): void {
    if (this.#awaySinceMs !== null) return
    this.#awaySinceMs = Date.now()
    const { origin } = new URL(this.#options.url)
    this.#options.log.warn({ broker: origin, reason: error.message }, 'the broker is away; this node keeps trying')
  }

  #isBack(): void {
    if (this.#awaySinceMs === null) return
    this.#options.log.info({ away_ms: Date.now() - this.#awaySinceMs }, 'the broker is back')
    this.#awaySinceMs = null
  }
}

function check<Answer>(schema: z.ZodType<Answer>, answer: unknown): Answer {
  const { data, success } = schema.safeParse(answer)
  if (success) return data
  throw new BrokerRefusal(200, 'unexpected_answer', 'What answers at this address is no broker of this release.')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
