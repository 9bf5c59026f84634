import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { BrokerError } from '../core/errors.ts'
import type { JobId } from '../core/job.ts'
import { decodeEntry, isTerminalEvent, type JobEvent } from '../core/job-event.ts'
import { isTerminal } from '../core/job-state.ts'
import type { JobStore, Watcher, WatchStart } from '../core/ports.ts'
import type { Logger } from '../core/telemetry.ts'
import { channels } from '../store/keys.ts'
import { FewAtOnce } from './few-at-once.ts'

/** A reader that lags by more than this reads from the store again instead of from memory. */
const maxBuffered = { events: 256, characters: 256 * 1024 }
/** How many readers read from the store at once: all that were behind after a cut would be too much for Redis. */
const readsAtOnce = 32
/** How often a reader that is behind looks whether Redis is back, in milliseconds. */
const rereadMs = 250
/** Node fires a timer beyond this at once. */
const longestTimerMs = 2 ** 31 - 1

/**
 * Brings the events of the jobs that somebody waits for into this process: one subscription however many readers there
 * are. A job knows which processes watch it, and the script that appends an event publishes to them in the same step.
 *
 * What a broken connection swallows is read from the store when it is back; sequence numbers show what is missing.
 */
export class EventHub {
  readonly #processId = randomUUID().slice(0, 8)
  readonly #subscriber: Redis
  readonly #store: JobStore
  readonly #log: Logger
  readonly #followers = new Map<JobId, Set<Follower>>()
  readonly #reads = new FewAtOnce(readsAtOnce)

  constructor(options: { subscriber: Redis; store: JobStore; log: Logger }) {
    this.#subscriber = options.subscriber
    this.#store = options.store
    this.#log = options.log
  }

  async start(): Promise<void> {
    this.#subscriber.on('message', (_channel: string, message: string) => this.#receive(message))
    await this.#listen()
    this.#subscriber.on('ready', () => void this.#resume())
  }

  async #listen(): Promise<void> {
    await this.#subscriber.subscribe(channels.api(this.#processId))
  }

  /** The store is read only once Redis has confirmed the subscription: what it published until then is in there. */
  async #resume(): Promise<void> {
    try {
      await this.#listen()
    } catch (error) {
      // The connection broke again; the next one resumes.
      this.#log.debug({ err: error }, 'events could not be subscribed to')
      return
    }
    for (const followers of this.#followers.values()) for (const follower of followers) follower.catchUp()
  }

  watcher(wants: Watcher['wants']): Watcher {
    return { processId: this.#processId, wants }
  }

  /** Follows a job that is about to be created with `watcher(wants)`: there is nothing to catch up with. */
  expect(id: JobId, wants: Watcher['wants']): Follower {
    const follower = new Follower(id, {
      wants,
      read: async (after) => (await this.#watch(id, wants, after)) ?? { events: [], hasMore: false },
      onClose: () => this.#forget(id, follower),
    })
    const followers = this.#followers.get(id)
    if (followers) followers.add(follower)
    else this.#followers.set(id, new Set([follower]))
    return follower
  }

  /** Follows an existing job from just after event `after`; null when there is none, or when its events have expired. */
  async follow(id: JobId, wants: Watcher['wants'], after: number): Promise<Follower | null> {
    const follower = this.expect(id, wants)
    const start = await this.#watch(id, wants, after).catch((error: unknown) => {
      follower.close()
      throw error
    })
    if (start === null || (isTerminal(start.status) && after === 0 && start.events.length === 0)) {
      follower.close()
      return null
    }
    follower.replay(after, start)
    return follower
  }

  /** A reader of a job whose last event is known: nothing else is read. */
  tellEnd(id: JobId, last: JobEvent): Follower {
    const read = async () => ({ events: [], hasMore: false })
    const follower = new Follower(id, { wants: 'terminal', read, onClose: () => {} })
    follower.push([last], null)
    return follower
  }

  #watch(id: JobId, wants: Watcher['wants'], after: number): Promise<WatchStart | null> {
    return this.#reads.run(() => this.#store.watch(id, this.watcher(wants), after))
  }

  get followed(): number {
    return this.#followers.size
  }

  /** Message layout: `store/job-scripts.ts`. */
  #receive(message: string): void {
    const head = message.slice(0, message.indexOf('\n'))
    const [id, first] = head.split(' ') as [JobId, string]
    const followers = this.#followers.get(id)
    if (!followers) return
    const tail = message.indexOf('\x1f')
    const result = tail === -1 ? null : message.slice(tail + 1)
    const body = message.slice(head.length + 1, tail === -1 ? undefined : tail)
    const events = body.split('\x1e').map((entry, index) => decodeEntry(Number(first) + index, entry))
    for (const follower of followers) follower.push(events, result)
  }

  #forget(id: JobId, follower: Follower): void {
    const followers = this.#followers.get(id)
    followers?.delete(follower)
    if (followers?.size === 0) this.#followers.delete(id)
    this.#log.debug({ job: id }, 'reader left')
  }
}

type EventPage = Pick<WatchStart, 'events' | 'hasMore'>

interface FollowerOptions {
  readonly wants: Watcher['wants']
  readonly read: (after: number) => Promise<EventPage>
  readonly onClose: () => void
}

/** One reader's place in one job's event stream. */
export class Follower {
  readonly id: JobId
  readonly #options: FollowerOptions
  #events: JobEvent[] = []
  /** Of the data in `#events`. */
  #characters = 0
  /** The first event, `job.queued`, is written before anybody can watch, and is never pushed. */
  #last = 1
  /** Events are missing from `#events`: they must be read from the store. */
  #behind = false
  #closed = false
  #wake: (() => void) | null = null
  #result: string | null = null

  constructor(id: JobId, options: FollowerOptions) {
    this.id = id
    this.#options = options
  }

  /** The result that came with the terminal event, as stored; null when it must be read from the store. */
  get pushedResult(): string | null {
    return this.#result
  }

  /**
   * The next event, or null when none came for `timeoutMs` or the follower was closed. Every event comes once and in
   * order; with `wants: 'terminal'` only the last one comes. While Redis is away nothing comes.
   */
  async next(timeoutMs: number): Promise<JobEvent | null> {
    const untilMs = Date.now() + timeoutMs
    while (!this.#closed) {
      if (this.#events.length === 0 && this.#behind) await this.#readMissing()
      const event = this.takeReady()
      if (event) return event
      const leftMs = untilMs - Date.now()
      if (leftMs <= 0) return null
      await this.#wait(this.#behind ? Math.min(leftMs, rereadMs) : leftMs)
    }
    return null
  }

  /** The next event if it is here already. What is written together costs less than what is written one by one. */
  takeReady(): JobEvent | null {
    const event = this.#events.shift()
    if (!event) return null
    this.#characters -= event.data.length
    return event
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#options.onClose()
    this.#wake?.()
  }

  push(events: readonly JobEvent[], result: string | null): void {
    for (const event of events) this.#take(event)
    if (result) this.#result = result
    this.#wake?.()
  }

  replay(after: number, page: EventPage): void {
    // What was pushed since the registration is in `page` or comes after them; the store knows.
    const pushedMeanwhile = this.#behind || this.#events.length > 0
    this.#events = []
    this.#characters = 0
    this.#last = after
    this.#behind = false
    this.#takePage(page)
    this.#wake?.()
    if (pushedMeanwhile) this.catchUp()
  }

  /** Something may have been missed: whatever was published meanwhile is in the store. */
  catchUp(): void {
    this.#behind = true
    this.#wake?.()
  }

  #take(event: JobEvent): void {
    if (event.sequence <= this.#last) return
    if (this.#options.wants === 'terminal') {
      if (isTerminalEvent(event)) this.#append(event)
      return
    }
    const hasRoom = this.#events.length < maxBuffered.events && this.#characters < maxBuffered.characters
    const fits = event.sequence === this.#last + 1 && hasRoom
    if (fits && !this.#behind) this.#append(event)
    else this.#behind = true
  }

  #append(event: JobEvent): void {
    if (event.sequence <= this.#last) return
    this.#events.push(event)
    this.#characters += event.data.length
    this.#last = event.sequence
  }

  #takePage({ events, hasMore }: EventPage): void {
    const wanted = this.#options.wants === 'all' ? events : events.filter(isTerminalEvent)
    for (const event of wanted) this.#append(event)
    if (!hasMore) return
    this.#last = Math.max(this.#last, events.at(-1)?.sequence ?? 0)
    this.#behind = true
  }

  async #readMissing(): Promise<void> {
    // An event may be pushed after the store was read and before the answer is here. One that fits is taken, any other
    // says that there is more to read; forgetting either could lose the last event, after which nothing comes.
    this.#behind = false
    try {
      this.#takePage(await this.#options.read(this.#last))
    } catch (error) {
      this.#behind = true
      if (!(error instanceof BrokerError) || error.code !== 'redis_unavailable') throw error
    }
  }

  async #wait(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(timeoutMs, longestTimerMs))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = null
  }
}
