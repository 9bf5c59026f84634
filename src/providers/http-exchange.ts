import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

export interface AnswerHead {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

/** How much of an answer may wait for its reader before its upstream has to. */
const mostWaitingBytes = 64 * 1024

/**
 * One call, as undici tells of it to those who ask for no stream: a stream would be a third of what a call costs. What
 * has come of the answer waits here until it is read.
 */
export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly #onClose: () => void
  readonly #head = Promise.withResolvers<AnswerHead>()
  #controller: Dispatcher.DispatchController | null = null
  #pieces: Buffer[] = []
  #waitingBytes = 0
  /** Set once nothing more comes; with an error where it broke off or was stopped. */
  #end: { readonly error: Error | null } | null = null
  #wake: (() => void) | null = null
  #drainTimer: NodeJS.Timeout | undefined
  #isDraining = false

  /** `onClose` is called once, when nothing more comes. */
  constructor(onClose: () => void) {
    this.#onClose = onClose
  }

  /** Rejects with what kept the answer from beginning. */
  get head(): Promise<AnswerHead> {
    return this.#head.promise
  }

  /** The next piece of the body, null at its end. Rejects with what broke it off. */
  async next(): Promise<Buffer | null> {
    for (;;) {
      const piece = this.#pieces.shift()
      if (piece) return this.#hand(piece)
      if (this.#end?.error) throw this.#end.error
      if (this.#end) return null
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Closes the connection unless the answer is over. Whoever waits gets the error at once. */
  stop(error: Error): void {
    if (this.#end) return
    this.#pieces = []
    this.#close(error)
    // undici takes a word to stop only once it has connected; then it asks.
    this.#controller?.abort(error)
  }

  /** Lets go of what is still to come, and of the connection if that takes longer than this. */
  drain(limitMs: number, tooLate: Error): void {
    if (this.#end) return
    this.#isDraining = true
    this.#pieces = []
    this.#drainTimer = setTimeout(() => this.stop(tooLate), limitMs)
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#end?.error) controller.abort(this.#end.error)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status >= 200) this.#head.resolve({ status, headers })
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (this.#isDraining || this.#end) return
    this.#pieces.push(piece)
    this.#waitingBytes += piece.length
    if (this.#waitingBytes > mostWaitingBytes) controller.pause()
    this.#wake?.()
  }

  onResponseEnd(): void {
    this.#close(null)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#close(error)
  }

  #hand(piece: Buffer): Buffer {
    this.#waitingBytes -= piece.length
    if (this.#controller?.paused && this.#waitingBytes <= mostWaitingBytes) this.#controller.resume()
    return piece
  }

  #close(error: Error | null): void {
    if (this.#end) return
    this.#end = { error }
    clearTimeout(this.#drainTimer)
    this.#onClose()
    if (error) this.#head.reject(error)
    this.#wake?.()
  }
}
