import type { ServerResponse } from 'node:http'

/** Proxies cut quiet connections after 30 to 60 s; every kind of client takes a comment between two records. */
const heartbeatMs = 12_000
/** A reader that takes nothing for so long is no reader any more; where there is a way to resume, it can. */
const maxStallMs = 5 * 60_000

/** One record. JSON may be written over several lines, each of which would begin a line of the stream's own. */
export function sseRecord(json: string): string {
  return `data: ${/[\r\n]/.test(json) ? json.replace(/[\r\n]+/g, ' ') : json}\n\n`
}

/**
 * One server-sent event stream. Writes its first byte at once, a comment when nothing else was written for a while, and
 * makes the writer wait while the reader is slow, so that a stalled client costs one socket buffer and no more.
 */
export class SseStream {
  readonly #response: ServerResponse
  readonly #heartbeat: NodeJS.Timeout
  #closed = false

  /** `retryMs` is what browsers wait before they come back; only for streams whose readers know the field `retry`. */
  constructor(response: ServerResponse, headers: Record<string, string>, retryMs?: number) {
    this.#response = response
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      ...headers,
    })
    response.on('close', () => this.#stop())
    response.on('error', () => this.#stop())
    response.write(retryMs === undefined ? ': sluice\n\n' : `: sluice\nretry: ${retryMs}\n\n`)
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Runs `action` when the reader has gone. */
  onClose(action: () => void): void {
    if (this.#closed) action()
    else this.#response.once('close', action)
  }

  /** Writes whole records. Resolves when there is room for more, or when the reader has gone. */
  async write(records: string): Promise<void> {
    if (this.#closed || records === '') return
    this.#heartbeat.refresh()
    if (this.#response.write(records)) return
    await new Promise<void>((resolve) => {
      const stalled = setTimeout(() => this.destroy(), maxStallMs)
      const settle = () => {
        clearTimeout(stalled)
        this.#response.off('drain', settle).off('close', settle)
        resolve()
      }
      this.#response.on('drain', settle).on('close', settle)
    })
  }

  /** Writes these last records, if there are any, and ends the stream. */
  end(records = ''): void {
    if (this.#response.writableEnded) return
    this.#stop()
    this.#response.end(records)
  }

  /** Breaks the connection: the only honest end of a stream whose rest is unknown. */
  destroy(): void {
    this.#stop()
    this.#response.destroy()
  }

  /** A reader who has yet to take what was written needs no more of it to stay connected. */
  #beat(): void {
    if (!this.#response.writableNeedDrain) this.#response.write(': keep-alive\n\n')
  }

  #stop(): void {
    this.#closed = true
    clearInterval(this.#heartbeat)
  }
}
