import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'

/** A connection of its own for each reader, as browsers on many machines have. */
const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY })

const busyMs = 250

export interface EventReaderOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Told of every event, in the order in which this reader gets them. */
  readonly onEvent: (id: number, record: string) => void
  /** Leaves once after this event, and comes back for the rest. */
  readonly dropsAfter?: number
}

/** Reads a job's events over plain HTTP, one connection at a time. Thousands of them fit into a test. */
export class EventReader {
  readonly #options: EventReaderOptions
  readonly #opened = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<void>()
  #response: IncomingMessage | null = null
  #last = 0
  #drops = 0

  constructor(options: EventReaderOptions) {
    this.#options = options
    this.#ended.promise.catch(() => undefined)
    this.#open()
  }

  /** Resolves when the first connection has its headers. */
  get opened(): Promise<void> {
    return this.#opened.promise
  }

  /** Resolves when the job's last event was read; rejects when the stream ended without one. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  get last(): number {
    return this.#last
  }

  get drops(): number {
    return this.#drops
  }

  /** Takes nothing off the socket. */
  pause(): void {
    this.#response?.pause()
  }

  resume(): void {
    this.#response?.resume()
  }

  #open(): void {
    const resume = this.#last === 0 ? {} : { 'last-event-id': String(this.#last) }
    const asked = request(this.#options.url, { agent, headers: { ...this.#options.headers, ...resume } })
    asked.on('error', (error) => this.#fail(error))
    asked.on('response', (response) => this.#read(asked, response))
    asked.end()
  }

  #read(asked: ClientRequest, response: IncomingMessage): void {
    if (response.statusCode === 503) {
      // Busy: to be asked again, as its `retry-after` says, sooner here.
      response.resume()
      setTimeout(() => this.#open(), busyMs)
      return
    }
    this.#response = response
    this.#opened.resolve()
    let rest = ''
    let isDone = false
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      rest += text
      for (let end = rest.indexOf('\n\n'); end !== -1 && !isDone; end = rest.indexOf('\n\n')) {
        const record = rest.slice(0, end)
        rest = rest.slice(end + 2)
        if (record.startsWith(':')) continue
        isDone = this.#take(record)
        if (isDone && !isTerminal(record)) {
          asked.destroy()
          this.#open()
        } else if (isDone) this.#ended.resolve()
      }
    })
    response.on('error', () => undefined)
    response.on('close', () => {
      if (!isDone) this.#fail(new Error(`a stream ended after event ${this.#last}`))
    })
  }

  /** Whether this was the last record to read from this connection. */
  #take(record: string): boolean {
    this.#last = Number(/^id: (\d+)/.exec(record)?.[1])
    this.#options.onEvent(this.#last, record)
    if (isTerminal(record)) return true
    if (this.#drops > 0 || this.#last !== this.#options.dropsAfter) return false
    this.#drops += 1
    return true
  }

  #fail(error: Error): void {
    this.#opened.reject(error)
    this.#opened.promise.catch(() => undefined)
    this.#ended.reject(error)
  }
}

function isTerminal(record: string): boolean {
  return /^event: job\.(completed|failed|cancelled|expired|rejected)$/m.test(record)
}
