import type { ConsumeOptions, EntryConsumer } from '../core/consumer.ts'
import type { QueueEntry } from '../core/ports.ts'
import type { Logger } from '../core/telemetry.ts'
import { type CallAnswer, maxWaitMs } from '../protocol/node-calls.ts'
import { BrokerAway, type BrokerClient } from './broker-client.ts'
import { ClaimRoom } from './claim-room.ts'
import type { HeldJob, HeldJobs } from './held-jobs.ts'
import { within } from './within.ts'

export interface RemoteConsumerOptions extends ConsumeOptions {
  readonly broker: BrokerClient
  readonly jobs: HeldJobs
  /** The broker's, whatever this node's own configuration says. */
  readonly leaseMs: number
  /** Told of attempts that count no more. */
  readonly onLost: (attempts: readonly string[]) => void
  readonly log: Logger
}

interface Work {
  readonly held: HeldJob
  readonly abort: AbortController
  hasBegun: boolean
  /** False once the entry was handed back or its lease was lost. */
  isOurs: boolean
}

/** An empty answer that comes sooner is no long poll that ran out: the broker is stopping, say. */
const earlyMs = 1_000
/** For what a node that stops does at last; the leases do the rest. */
const farewellMs = 1_000
const idleLookMs = 20

/**
 * Takes entries from the broker by long polls and keeps their leases. The broker hands out what there is room for here; a
 * poll that was answered is followed by the next one at once. Which of its processes answers makes no difference.
 */
export class RemoteConsumer implements EntryConsumer {
  readonly #options: RemoteConsumerOptions
  readonly #room: ClaimRoom
  readonly #work = new Set<Work>()
  /** Ends of entries that are on their way to the broker. */
  readonly #ending = new Set<Promise<void>>()
  #polling = new AbortController()
  #failures = 0
  #isPaused = false
  #isStopping = false
  #isOver = false
  #renewal: NodeJS.Timeout | undefined
  #lastRefusal = ''

  constructor(options: RemoteConsumerOptions) {
    this.#options = options
    this.#room = new ClaimRoom(options)
  }

  async start(): Promise<void> {
    this.#renewLater()
    this.#claimMore()
  }

  get inFlight(): number {
    return [...this.#work].filter(({ hasBegun }) => hasBegun).length
  }

  get waiting(): number {
    return this.#work.size - this.inFlight
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true
    await this.pause()
    await this.#untilIdle(graceMs)
    await within(farewellMs, this.#handBack([...this.#work]))
    await this.#untilIdle(farewellMs)
    this.#isOver = true
    clearTimeout(this.#renewal)
  }

  async pause(): Promise<void> {
    this.#isPaused = true
    this.#polling.abort()
    await within(farewellMs, this.#handBack([...this.#work].filter(({ hasBegun }) => !hasBegun)))
  }

  resume(): void {
    if (this.#isStopping || !this.#isPaused) return
    this.#isPaused = false
    this.#polling = new AbortController()
    this.#claimMore()
  }

  async #untilIdle(limitMs: number): Promise<void> {
    const deadline = Date.now() + limitMs
    while (this.#work.size + this.#ending.size > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, idleLookMs))
    }
  }

  #claimMore(): void {
    if (this.#isPaused) return
    const wish = this.#room.wish(this.#work.size)
    if (!wish) return
    const { signal } = this.#polling
    const poll = async () => {
      const askedAtMs = Date.now()
      try {
        const { entries } = await this.#options.broker.call(
          'claim',
          { ...wish, waitMs: maxWaitMs },
          { waitMs: maxWaitMs, repeats: 'never', signal },
        )
        this.#failures = 0
        this.#lastRefusal = ''
        this.#take(entries)
        if (entries.length === 0 && Date.now() - askedAtMs < earlyMs) await this.#options.broker.pause(1)
      } catch (error) {
        if (!signal.aborted) await this.#waitAfter(error)
      } finally {
        this.#room.isAnswered(wish)
      }
      if (!signal.aborted) this.#claimMore()
    }
    void poll()
  }

  async #waitAfter(error: unknown): Promise<void> {
    const { broker, log } = this.#options
    if (!(error instanceof BrokerAway)) {
      // A token that was withdrawn may be back after the next change of the configuration.
      const reason = error instanceof Error ? error.message : String(error)
      if (reason !== this.#lastRefusal) log.error({ reason }, 'the broker gives this node no work')
      this.#lastRefusal = reason
    }
    this.#failures += 1
    await broker.pause(this.#failures)
  }

  #take(entries: CallAnswer<'claim'>['entries']): void {
    for (const { lease, ...facts } of entries) {
      const held = this.#options.jobs.add({ id: facts.id, hop: facts.hop, lease })
      const work: Work = { held, abort: new AbortController(), hasBegun: this.#options.lookAhead === 0, isOurs: true }
      this.#work.add(work)
      void this.#do(work, { ...facts, traceparent: facts.traceparent })
    }
    // What came while this node was told to stop goes back.
    if (this.#isPaused) void this.#handBack([...this.#work].filter(({ hasBegun }) => !hasBegun || this.#isStopping))
  }

  async #do(work: Work, entry: QueueEntry): Promise<void> {
    const { handle, jobs, log } = this.#options
    try {
      await handle(entry, work.abort.signal, () => {
        work.hasBegun = true
      })
      if (work.isOurs) this.#end(work.held)
    } catch (error) {
      if (work.isOurs) log.warn({ err: error, job: entry.id }, 'work failed; its lease will run out')
    } finally {
      work.isOurs = false
      this.#work.delete(work)
      jobs.remove(work.held)
      this.#claimMore()
    }
  }

  /** The slot is free already: the end of the entry is told in the background. */
  #end({ lease, id }: HeldJob): void {
    const ending = this.#options.broker
      .call('complete', { leases: [lease] })
      .then(
        () => undefined,
        (error: unknown) =>
          this.#options.log.debug({ err: error, job: id }, 'an entry was not ended; its lease will run out'),
      )
      .finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }

  async #handBack(works: readonly Work[]): Promise<void> {
    const ours = works.filter(({ isOurs }) => isOurs)
    if (ours.length === 0) return
    for (const work of ours) {
      work.isOurs = false
      work.abort.abort(new Error('the entry was handed back'))
    }
    const leases = ours.map(({ held }) => held.lease)
    // Where the broker is away, the leases run out by themselves.
    await this.#options.broker.call('release', { leases }, { repeats: 'never' }).catch(() => undefined)
  }

  #renewLater(): void {
    this.#renewal = setTimeout(() => {
      this.#renew()
        .catch((error: unknown) =>
          this.#options.log.debug({ err: error }, 'leases were not renewed; it is tried again'),
        )
        .finally(() => {
          if (!this.#isOver) this.#renewLater()
        })
    }, this.#options.leaseMs / 3)
  }

  async #renew(): Promise<void> {
    const ours = [...this.#work].filter(({ isOurs }) => isOurs)
    if (ours.length === 0) return
    const { broker, jobs, onLost } = this.#options
    const leases = ours.map(({ held }) => held.lease)
    const { lostLeases, lostAttempts } = await broker.call('renew', { leases, attempts: jobs.attempts })
    const lost = new Set(lostLeases)
    for (const work of ours) {
      if (!work.isOurs || !lost.has(work.held.lease)) continue
      work.isOurs = false
      work.abort.abort(new Error('the lease was lost'))
    }
    onLost(lostAttempts)
  }
}
