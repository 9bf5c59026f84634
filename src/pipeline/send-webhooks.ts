import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../core/telemetry.ts'
import type { TakenDelivery, WebhookDeliveries } from '../core/webhook.ts'

export interface SendOptions {
  readonly deliveries: Pick<WebhookDeliveries, 'take' | 'renew'>
  /** Makes one attempt and notes what became of it. */
  readonly deliver: (taken: TakenDelivery) => Promise<void>
  readonly leaseMs: number
  readonly log: Logger
}

/** Attempts of one process at once: they wait on the network, not on a core. */
const slots = 100
/** Attempts at one receiver at once. */
const perLane = 8
/** How soon what another process wrote down is noticed, and what became due. */
const pollMs = 250

/** Sends what is due, until it is stopped. Several may run: what one has taken, another takes when the lease is over. */
export class WebhookSending {
  readonly #options: SendOptions
  readonly #inFlight = new Map<TakenDelivery, Promise<void>>()
  readonly #stop = new AbortController()
  #wake = Promise.withResolvers<void>()
  #running: Promise<void> | null = null
  #renewing: NodeJS.Timeout | null = null

  constructor(options: SendOptions) {
    this.#options = options
  }

  start(): void {
    this.#renewing = setInterval(() => void this.#renew(), this.#options.leaseMs / 3)
    this.#running ??= this.#run()
  }

  /** Something is due now. */
  wake(): void {
    this.#wake.resolve()
  }

  /** Takes nothing more and waits for attempts under way; what is left after `graceMs` is sent again by somebody. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort()
    this.wake()
    await this.#running
    const ended = Promise.allSettled(this.#inFlight.values())
    await Promise.race([ended, sleep(graceMs, null, { ref: false })])
    if (this.#renewing) clearInterval(this.#renewing)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers()
      const taken = await this.#take()
      for (const each of taken) this.#start(each)
      if (taken.length > 0 && this.#inFlight.size < slots) continue
      const pause = new AbortController()
      const paused = sleep(pollMs, null, { signal: pause.signal }).catch(() => null)
      await Promise.race([this.#wake.promise, paused])
      pause.abort()
    }
  }

  async #take(): Promise<readonly TakenDelivery[]> {
    const free = slots - this.#inFlight.size
    if (free === 0) return []
    const nowMs = Date.now()
    try {
      return await this.#options.deliveries.take({
        slots: free,
        perLane,
        nowMs,
        leaseUntilMs: nowMs + this.#options.leaseMs,
      })
    } catch (error) {
      this.#options.log.debug({ err: error }, 'due webhooks could not be read; it is tried again')
      return []
    }
  }

  #start(taken: TakenDelivery): void {
    const attempt = this.#options
      .deliver(taken)
      // Its lease runs out, and then it is taken again.
      .catch((error) => this.#options.log.warn({ err: error, delivery: taken.id }, 'a webhook could not be handled'))
      .finally(() => {
        this.#inFlight.delete(taken)
        this.wake()
      })
    this.#inFlight.set(taken, attempt)
  }

  async #renew(): Promise<void> {
    if (this.#inFlight.size === 0) return
    const leaseUntilMs = Date.now() + this.#options.leaseMs
    await this.#options.deliveries.renew([...this.#inFlight.keys()], leaseUntilMs).catch(() => undefined)
  }
}
