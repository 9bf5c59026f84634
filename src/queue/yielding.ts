import type { Priority } from '../core/vocabulary.ts'

/** How long after the last of the others a consumer still makes room for the next one. */
const othersWithinMs = 30_000
/** However long an entry took: others are many short pieces of work, and a batch has to go on. */
const longestRestMs = 20

/**
 * Makes room for work that somebody waits for. While such work comes, batch entries are begun one at a time, each with a
 * rest after it: a machine that is busy half of the time answers as an idle one does, and one that is busy nearly always
 * does not, whoever goes first in the queues.
 */
export class Yielding {
  readonly #isWanted: boolean
  readonly #now: () => number
  #othersAtMs = Number.NEGATIVE_INFINITY

  constructor(isWanted: boolean, now: () => number = Date.now) {
    this.#isWanted = isWanted
    this.#now = now
  }

  /** Something other than batch work came. */
  noteOthers(): void {
    this.#othersAtMs = this.#now()
  }

  get isYielding(): boolean {
    return this.#isWanted && this.#now() - this.#othersAtMs < othersWithinMs
  }

  /** Milliseconds to leave to others after work that took this long. */
  restAfter(priority: Priority, tookMs: number): number {
    return priority === 'batch' && this.isYielding ? Math.min(tookMs, longestRestMs) : 0
  }
}
