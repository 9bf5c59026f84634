/**
 * Keeps a service that is away from costing every caller a timeout.
 *
 *     closed ──3 failures in a row──→ open ──pause over──→ one call tries ──success──→ closed
 *                                      ↑                          │
 *                                      └───failure, pause × 2─────┘
 */
export class CircuitBreaker {
  readonly #now: () => number
  readonly #onChange: (isOpen: boolean) => void
  #failures = 0
  #pauseMs = firstPauseMs
  /** Null while closed. */
  #opensAtMs: number | null = null
  #isTrying = false

  constructor(options: { now: () => number; onChange: (isOpen: boolean) => void }) {
    this.#now = options.now
    this.#onChange = options.onChange
  }

  get isOpen(): boolean {
    return this.#opensAtMs !== null
  }

  /** Whether a call may be made now. Who makes it reports how it went. */
  tryEnter(): boolean {
    if (this.#opensAtMs === null) return true
    if (this.#isTrying || this.#now() < this.#opensAtMs) return false
    this.#isTrying = true
    return true
  }

  succeed(): void {
    this.#failures = 0
    this.#isTrying = false
    this.#pauseMs = firstPauseMs
    if (this.#opensAtMs === null) return
    this.#opensAtMs = null
    this.#onChange(false)
  }

  fail(): void {
    this.#failures += 1
    if (this.#isTrying) this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs)
    this.#isTrying = false
    if (this.#failures < maxFailures) return
    const wasClosed = this.#opensAtMs === null
    this.#opensAtMs = this.#now() + this.#pauseMs
    if (wasClosed) this.#onChange(true)
  }

  /** The caller gave up: that says nothing about the service. */
  abandon(): void {
    this.#isTrying = false
  }
}

const maxFailures = 3
const firstPauseMs = 2_000
const longestPauseMs = 60_000
