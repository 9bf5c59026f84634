/**
 * Trying again, for commands that run for hours. One `Patience` is shared by everything a command does, so that sixty
 * requests that lose the same server say so once and come back together.
 *
 *   away    no connection, 502, 503, 504   wait longer each time; give up after minutes without any answer
 *   busy    429                            wait as long as the server asks, for ever: it is there and counting
 *   faulty  408, 500                       a few times
 *   final   everything else                not at all
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, ConnectionError } from './failures.ts'
import { formatDuration } from './terminal-text.ts'

export interface PatienceOptions {
  /** Told in words when waiting begins and when it is over. */
  readonly notify: (text: string) => void
  /** How long to try before the first answer ever, in milliseconds. */
  readonly firstContactMs?: number
  /** How long to try after an answer has been had, in milliseconds. */
  readonly giveUpMs?: number
  readonly random?: () => number
}

/** The server stayed away for as long as we were ready to wait. */
export class GaveUpError extends Error {
  override readonly name = 'GaveUpError'
}

const maxFaults = 4
const firstDelayMs = 250
const maxDelayMs = 5_000
const worthSayingMs = 500

export class Patience {
  readonly #notify: (text: string) => void
  readonly #firstContactMs: number
  readonly #giveUpMs: number
  readonly #random: () => number
  #hadAnswer = false
  #awaySinceMs: number | null = null
  #saidAway = false
  #busyUntilMs = 0

  constructor(options: PatienceOptions) {
    this.#notify = options.notify
    this.#firstContactMs = options.firstContactMs ?? 10_000
    this.#giveUpMs = options.giveUpMs ?? 15 * 60_000
    this.#random = options.random ?? Math.random
  }

  /**
   * Makes a call until it succeeds or fails for good. Throws what the last call threw, `GaveUpError`, or the signal's
   * reason. `paced` calls also wait while the server has asked others of them to.
   */
  async try<Result>(call: () => Promise<Result>, options: { signal: AbortSignal; paced?: boolean }): Promise<Result> {
    for (let attempt = 0; ; attempt += 1) {
      if (options.paced) await this.#waitForTurn(options.signal)
      try {
        const result = await call()
        this.noteAnswer()
        return result
      } catch (error) {
        await this.recover(error, attempt, options.signal)
      }
    }
  }

  /** Says that the server is there. */
  noteAnswer(): void {
    this.#hadAnswer = true
    if (this.#awaySinceMs === null) return
    if (this.#saidAway) this.#notify(`connected again after ${formatDuration(Date.now() - this.#awaySinceMs)}`)
    this.#awaySinceMs = null
    this.#saidAway = false
  }

  /** Resolves when it is time to try again after failed attempt number `attempt`, counted from 0; otherwise throws. */
  async recover(error: unknown, attempt: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw signal.reason
    const kind = judge(error)
    const delayMs = retryDelayMs(error, attempt, this.#random())
    if (kind === 'final' || (kind === 'faulty' && attempt >= maxFaults)) throw error
    if (kind === 'away') this.#noteAway(error)
    else this.noteAnswer()
    if (kind === 'busy') this.#noteBusy(error, delayMs)
    await sleep(delayMs, undefined, { signal }).catch(() => {
      throw signal.reason
    })
  }

  #noteAway(error: unknown): void {
    const nowMs = Date.now()
    this.#awaySinceMs ??= nowMs
    const awayMs = nowMs - this.#awaySinceMs
    // A connection that was closed while it lay idle is nothing to tell anybody.
    if (awayMs >= worthSayingMs && !this.#saidAway) {
      this.#saidAway = true
      this.#notify(`${nameOf(error)}; trying again every few seconds`)
    }
    const limitMs = this.#hadAnswer ? this.#giveUpMs : this.#firstContactMs
    if (awayMs < limitMs) return
    throw new GaveUpError(`The server has been away for ${formatDuration(awayMs)}: ${nameOf(error)}.`)
  }

  #noteBusy(error: unknown, delayMs: number): void {
    const untilMs = Date.now() + delayMs
    if (this.#busyUntilMs < Date.now()) {
      this.#notify(
        `the server asks for a pause of ${formatDuration(delayMs)} (${error instanceof ApiError ? error.code : 'busy'})`,
      )
    }
    this.#busyUntilMs = Math.max(this.#busyUntilMs, untilMs)
  }

  async #waitForTurn(signal: AbortSignal): Promise<void> {
    const waitMs = this.#busyUntilMs - Date.now()
    if (waitMs <= 0) return
    // Those that waited together should not knock together.
    await sleep(waitMs + this.#random() * 250, undefined, { signal }).catch(() => {
      throw signal.reason
    })
  }
}

/** What a failure says about trying again. */
export function judge(error: unknown): 'away' | 'busy' | 'faulty' | 'final' {
  if (error instanceof ConnectionError) return 'away'
  if (!(error instanceof ApiError) || !error.isRetryable) return 'final'
  if (error.status === 429) return 'busy'
  return [502, 503, 504].includes(error.status) ? 'away' : 'faulty'
}

/** The wait before the next attempt: what the server asked for, otherwise doubling from 0.25 s to 5 s, half of it random. */
export function retryDelayMs(error: unknown, attempt: number, random: number): number {
  if (error instanceof ApiError && error.retryAfterMs !== null) return Math.max(error.retryAfterMs, 50)
  const fullMs = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(attempt, 10))
  return fullMs / 2 + (fullMs / 2) * random
}

function nameOf(error: unknown): string {
  if (error instanceof ConnectionError) return error.message
  if (error instanceof ApiError) return `the server can't work right now (${error.code})`
  return 'the server failed'
}
