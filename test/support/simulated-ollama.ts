import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface OllamaModel {
  readonly name: string
  readonly remote_host?: string
}

/** One generation, as the server saw it. */
export interface OllamaCall {
  readonly model: string
  readonly prompt: string
  readonly hadToLoad: boolean
  /** Tokens that were asked for at most; undefined where the request names no limit. */
  readonly mostTokens: number | undefined
}

export interface SimulatedOllamaOptions {
  readonly models: readonly OllamaModel[]
  readonly loadMs?: number
  readonly callMs?: number
  /** What `/api/status` says; null: there is no such path. */
  readonly isCloudDisabled?: boolean | null
}

/**
 * A server that speaks Ollama's own format, has room for one loaded model and works on one call after the other, in the
 * order in which they come. Loading and generating take real time.
 */
export class SimulatedOllama implements AsyncDisposable {
  readonly calls: OllamaCall[] = []
  /** Questions about itself, by path. */
  readonly asked: string[] = []
  models: readonly OllamaModel[]
  loaded: string | null = null
  isCloudDisabled: boolean | null
  /** Answers questions about itself and generates nothing, as servers on Macs do that have died. */
  isDead = false
  /** How many generations were under way at once at most. */
  peak = 0
  readonly #options: SimulatedOllamaOptions
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  readonly #unanswered = new Set<ServerResponse>()
  #turn: Promise<void> = Promise.resolve()
  #opened = Promise.withResolvers<void>()
  #open = 0

  private constructor(options: SimulatedOllamaOptions) {
    this.#options = options
    this.models = options.models
    this.isCloudDisabled = options.isCloudDisabled ?? null
    this.#opened.resolve()
  }

  static async start(options: SimulatedOllamaOptions): Promise<SimulatedOllama> {
    const ollama = new SimulatedOllama(options)
    await ollama.listen()
    return ollama
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }
  #port = 0

  /** Comes back at the same address after `close`. */
  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#port = (this.#server.address() as AddressInfo).port
        resolve()
      })
    })
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  /** Generations that come from now on wait for what this returns. */
  holdBack(): () => void {
    this.#opened = Promise.withResolvers()
    return this.#opened.resolve
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#opened.resolve()
    return this.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    if (request.method === 'POST' && request.url === '/api/chat') {
      await this.#generate(JSON.parse(Buffer.concat(pieces).toString()), response)
      return
    }
    this.asked.push(request.url ?? '')
    const answer = this.#describe(request.url ?? '')
    response
      .writeHead(answer === null ? 404 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(answer ?? { error: 'not found' }))
  }

  #describe(path: string): object | null {
    if (path === '/api/version') return { version: '0.30.1' }
    if (path === '/api/tags') return { models: this.models.map((model) => ({ size: 4_000_000_000, ...model })) }
    if (path === '/api/ps') return { models: this.loaded === null ? [] : [{ name: this.loaded, size: 4_000_000_000 }] }
    if (path !== '/api/status' || this.isCloudDisabled === null) return null
    return { cloud: { disabled: this.isCloudDisabled, source: 'env' } }
  }

  async #generate(body: OllamaRequest, response: ServerResponse): Promise<void> {
    if (this.isDead) {
      this.#unanswered.add(response)
      return
    }
    const { promise: isOver, resolve: end } = Promise.withResolvers<void>()
    const before = this.#turn
    this.#turn = isOver
    this.#open += 1
    this.peak = Math.max(this.peak, this.#open)
    await this.#opened.promise
    await before
    const { loadMs = 0, callMs = 0 } = this.#options
    const hadToLoad = this.loaded !== body.model
    if (hadToLoad) {
      await sleep(loadMs)
      this.loaded = body.model
    }
    const prompt = body.messages.at(-1)?.content ?? ''
    this.calls.push({ model: body.model, prompt, hadToLoad, mostTokens: body.options?.num_predict })
    await sleep(callMs)
    this.#open -= 1
    end()
    sendAnswer(body, response)
  }
}

interface OllamaRequest {
  readonly model: string
  readonly stream?: boolean
  readonly messages: readonly { readonly content: string }[]
  readonly options?: { readonly num_predict?: number }
}

function sendAnswer({ model, stream }: OllamaRequest, response: ServerResponse): void {
  const base = { model, created_at: '2026-11-21T09:18:01.000Z' }
  const counts = { done: true, done_reason: 'stop', prompt_eval_count: 7, eval_count: 1 }
  const type = stream === false ? 'application/json' : 'application/x-ndjson'
  response.writeHead(200, { 'content-type': type })
  if (stream === false) {
    response.end(JSON.stringify({ ...base, message: { role: 'assistant', content: 'ok' }, ...counts }))
    return
  }
  response.write(`${JSON.stringify({ ...base, message: { role: 'assistant', content: 'ok' }, done: false })}\n`)
  response.end(`${JSON.stringify({ ...base, message: { role: 'assistant', content: '' }, ...counts })}\n`)
}
