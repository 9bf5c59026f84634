import type { Job } from 'bullmq'
import type { ConsumeOptions, EntryConsumer } from '../core/consumer.ts'
import type { Priority } from '../core/vocabulary.ts'
import type { EntryData } from './bullmq-queues.ts'
import { aheadAfterMs, type HandSize, handLimit, isYoung, slotLimit } from './hand-limits.ts'
import { type Held, HeldEntries, rankOf, type Slot } from './held-entries.ts'
import type { QueueName } from './lane-names.ts'
import { completeEntry, type Look, takeEntry } from './manual-worker.ts'
import { createMarkedQueue, type MarkedQueue, type MarkerOptions, Markers } from './markers.ts'
import { pause, within } from './waits.ts'
import { Yielding } from './yielding.ts'

export interface LaneConsumerOptions extends ConsumeOptions, MarkerOptions {
  /** In order of preference. */
  readonly queues: readonly QueueName[]
}

interface ConsumedQueue extends MarkedQueue {
  /** The last look found an entry beside those in hand, so there may well be another. */
  isBusy: boolean
  /** How often a look into this queue was sent. */
  looks: number
  /** How many had been sent when its marker last came while a look is put off; null while none is. */
  putOffAt: number | null
  /** Looks that are under way. */
  looking: number
  /** Whether the look that was sent last finds an entry. */
  lastLook: Promise<boolean>
  /** Runs while it is due and what is in it may soon be taken ahead. */
  aheadTimer: NodeJS.Timeout | null
}

const sweepMs = 5_000
/** How long a queue that is being served is left to its own entries before somebody else looks into it. */
const lookLaterMs = 2
/** From so many entries in hand a consumer need not be rung. */
const busyFrom = 3
/** For what a worker that stops does at last. While Redis is away nothing of it can be done, and leases do the rest. */
const farewellMs = 1_000

/**
 * Serves many BullMQ queues over one pair of connections, with one limit on concurrency and a strict order between
 * them. BullMQ's own worker would need two connections a queue and knows no order across queues.
 *
 * Where to look is told by BullMQ's markers (`markers.ts`), and every look that finds an entry sets the marker again, so
 * the loop goes on until the queue is dry. An entry that is done brings the next one of its queue with it, unless a queue
 * that goes before has said that it has work.
 *
 * A queue that has no slot here gets its marker back, so that a process with a slot finds it, and is remembered as *due*;
 * a process that stops sets all markers again; and for a process that died in between there is the sweep.
 *
 * With `lookAhead` it takes entries beyond its slots, so that the handler can choose which one starts. It does so only
 * with what nobody else has started a moment later, and gives it back to whoever asks (`share`).
 */
export class LaneConsumer implements EntryConsumer {
  readonly #options: LaneConsumerOptions
  readonly #queues: readonly ConsumedQueue[]
  readonly #name = `${process.pid}-${Math.random().toString(36).slice(2)}`
  readonly #markers: Markers<ConsumedQueue>
  readonly #held: HeldEntries
  readonly #yielding: Yielding
  /** Said that they have work when there was no slot for it: the next free slots are theirs. */
  readonly #due = new Set<ConsumedQueue>()
  #tokens = 0
  #fetching = 0
  #sweeping = false
  #stopping = false
  #paused = false
  /** Until when nothing is taken ahead: others have nothing to do. */
  #sharesUntilMs = 0
  #wake: (() => void) | null = null
  #loop: Promise<void> | null = null
  #intervals: NodeJS.Timeout[] = []

  constructor(options: LaneConsumerOptions) {
    this.#options = options
    this.#held = new HeldEntries(options.leaseMs)
    this.#yielding = new Yielding(options.yields ?? false)
    this.#queues = options.queues.map((queue) => ({
      ...createMarkedQueue(queue, options),
      isBusy: false,
      looks: 0,
      putOffAt: null,
      looking: 0,
      lastLook: Promise.resolve(false),
      aheadTimer: null,
    }))
    this.#markers = new Markers(options, this.#queues, (queue) => this.#background(this.#consider(queue)))
  }

  async start(): Promise<void> {
    await this.#markers.start()
    this.#intervals = [
      setInterval(() => this.#background(this.#held.renew()), this.#options.leaseMs / 3),
      setInterval(() => this.#background(this.#sweep()), sweepMs),
    ]
    this.#loop = this.#run()
    this.#background(this.#sweep())
  }

  get inFlight(): number {
    return this.#held.begun
  }

  get waiting(): number {
    return this.#held.ahead.length
  }

  /** Whether it would take an entry now. */
  get isOpen(): boolean {
    return !this.#isClosed
  }

  async pause(): Promise<void> {
    if (this.#paused) return
    this.#paused = true
    await this.#held.handBack(this.#held.ahead, 'the node takes nothing')
    await Promise.all(this.#queues.map((queue) => this.#markers.set(queue)))
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#wake?.()
    this.#background(this.#sweep())
  }

  /**
   * Hands back entries that have not begun, for a worker that has nothing to do, and then takes none ahead for a while.
   * `choose` picks them from those that are held, in the order in which they came.
   */
  async share(choose: (ahead: readonly Held[]) => readonly Held[], forMs: number): Promise<void> {
    const chosen = choose(this.#held.ahead)
    if (chosen.length === 0) return
    this.#sharesUntilMs = Date.now() + forMs
    setTimeout(() => this.#serveDue(), forMs)
    await this.#held.handBack(chosen, 'another node has nothing to do')
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    this.#wake?.()
    this.#markers.stop()
    await within(farewellMs, this.#held.handBack(this.#held.ahead, 'worker is shutting down'))
    await this.#untilIdle(graceMs)
    await within(farewellMs, this.#held.handBackAll('worker is shutting down'))
    await this.#untilIdle(farewellMs)
    for (const interval of this.#intervals) clearInterval(interval)
    await this.#markers.leave(this.#loop)
    await this.#markers.close()
  }

  /**
   * Looks into a queue at once, because somebody in this process has just added to it. The marker would say so too, a
   * round trip later; under load the entries that are done bring the next ones, and looking twice only costs.
   */
  ring(name: string): void {
    if (this.#isClosed || this.#used >= busyFrom) return
    const queue = this.#queues.find((each) => each.name === name)
    if (queue && this.#hasSlot(queue.priority)) this.#background(this.#fetch(queue))
  }

  /** Takes an entry that was added for this process, before others can: they may be no good for it. */
  claim(name: string): void {
    const queue = this.#queues.find((each) => each.name === name)
    if (queue && !this.#isClosed && this.#hasPlace(queue.priority)) this.#background(this.#fetch(queue, 'own'))
  }

  /** A slot for work that would go into a queue; null where there is none, or where something in a queue waits for it. */
  takeSlot(priority: Priority): Slot | null {
    if (this.#isClosed || this.#due.size > 0 || !this.#hasSlot(priority)) return null
    return this.#held.takeSlot(() => this.#serveDue())
  }

  async #untilIdle(limitMs: number): Promise<void> {
    const deadline = Date.now() + limitMs
    while (this.#used > 0 && Date.now() < deadline) await pause(20)
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const listened = this.#queues.filter((queue) => this.#isListenedTo(queue))
      if (listened.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = null
        continue
      }
      const queue = await this.#markers.next(listened)
      if (!queue || this.#stopping) continue
      if (!this.#servesItself(queue)) this.#background(this.#consider(queue))
      else if (queue.putOffAt !== null) queue.putOffAt = queue.looks
      // Queues that go before this one must be heard of meanwhile.
      else if (rankOf(queue) > 0) this.#background(this.#lookLater(queue))
      else await this.#lookLater(queue)
    }
  }

  /** A queue with a place; and while there is none, those that would go before something that is in hand. */
  #isListenedTo(queue: ConsumedQueue): boolean {
    if (this.#paused || this.#due.has(queue)) return false
    return this.#hasPlace(queue.priority) || this.#held.hasLowerThan(queue)
  }

  /** Work that somebody waits for came to this process by another way. */
  noteOthers(): void {
    this.#yielding.noteOthers()
  }

  get #isClosed(): boolean {
    return this.#stopping || this.#paused
  }

  get #used(): number {
    return this.#held.size + this.#fetching
  }

  get #size(): HandSize {
    return this.#yielding.isYielding ? { ...this.#options, batchConcurrency: 1 } : this.#options
  }

  /** Whether one more entry could start at once. */
  #hasSlot(priority: Priority, used = this.#used): boolean {
    return used < slotLimit(this.#size, priority)
  }

  /** Whether one more entry may be in hand. */
  #hasPlace(priority: Priority, used = this.#used): boolean {
    return Date.now() < this.#sharesUntilMs ? this.#hasSlot(priority, used) : used < handLimit(this.#size, priority)
  }

  /**
   * Every look that finds an entry leaves the marker set, so one marker more follows each entry and mostly leads
   * nowhere. Where an entry is about to bring the next one with it, that look can wait; where looks find work, it can't.
   */
  #servesItself(queue: ConsumedQueue): boolean {
    return !queue.isBusy && (queue.looking > 0 || this.#held.hasOf(queue))
  }

  async #lookLater(queue: ConsumedQueue): Promise<void> {
    queue.putOffAt = queue.looks
    // One that is under way may have overtaken the entry that set the marker: they came over two connections.
    const isDry = queue.looking > 0 && !(await queue.lastLook)
    if (!isDry) await pause(lookLaterMs)
    // One that was only answered meanwhile may have been made before the entry that set the marker was added.
    const isDue = isDry || queue.looks === queue.putOffAt
    queue.putOffAt = null
    if (isDue) this.#background(this.#consider(queue))
  }

  /** Looks into a queue that may have work: now, in a moment to take something ahead, or when there is a place. */
  async #consider(queue: ConsumedQueue): Promise<void> {
    if (this.#isClosed) return
    if (this.#hasSlot(queue.priority)) return this.#fetch(queue)
    this.#due.add(queue)
    this.#lookAheadLater(queue)
    await this.#markers.set(queue)
  }

  #lookAheadLater(queue: ConsumedQueue): void {
    if (queue.aheadTimer !== null || !this.#hasPlace(queue.priority)) return
    queue.aheadTimer = setTimeout(() => {
      queue.aheadTimer = null
      if (this.#isClosed || !this.#due.has(queue) || !this.#hasPlace(queue.priority)) return
      this.#due.delete(queue)
      this.#background(this.#fetch(queue))
    }, aheadAfterMs)
  }

  async #fetch(queue: ConsumedQueue, whose: 'own' | 'any' = 'any'): Promise<void> {
    this.#fetching += 1
    queue.looking += 1
    queue.looks += 1
    try {
      const token = `${this.#name}-${++this.#tokens}`
      const taken = takeEntry(queue.worker, token)
      queue.lastLook = taken.then(
        ({ job }) => job !== null,
        () => false,
      )
      await this.#follow(queue, await taken, token, whose)
    } finally {
      this.#fetching -= 1
      queue.looking -= 1
      this.#serveDue()
    }
  }

  async #follow(queue: ConsumedQueue, look: Look, token: string, whose: 'own' | 'any' = 'any'): Promise<void> {
    queue.isBusy = look.job !== null && this.#held.hasOf(queue)
    if (look.dueAtMs !== null) this.#markers.setAlarm(queue, look.dueAtMs)
    if (look.job === null) return
    const isAhead = whose === 'any' && !this.#hasSlot(queue.priority, this.#used - 1)
    if (this.#isClosed) await look.job.moveToWait(token)
    else if (isAhead && isYoung(look.job.data, Date.now())) {
      // Somebody with a free slot may be on the way to it.
      await look.job.moveToWait(token)
      this.#due.add(queue)
    } else this.#begin(queue, look.job, token)
  }

  #begin(queue: ConsumedQueue, job: Job<EntryData>, token: string): void {
    const hasBegun = this.#options.lookAhead === 0
    const held: Held = { ...this.#held.describe(job, queue), token, hasBegun }
    this.#held.add(held)
    if (queue.priority !== 'batch') this.#yielding.noteOthers()
    this.#background(this.#work(held, queue))
    if (!this.#hasSlot(queue.priority) && this.#hasPlace(queue.priority)) this.#background(this.#fetch(queue))
  }

  async #work(held: Held, queue: ConsumedQueue): Promise<void> {
    const begin = () => {
      if (held.abort.signal.aborted) throw new Error('The entry was handed back before the work on it began')
      held.hasBegun = true
    }
    try {
      const begunAtMs = performance.now()
      await this.#options.handle(held.entry, held.abort.signal, begin)
      const restMs = this.#yielding.restAfter(queue.priority, performance.now() - begunAtMs)
      if (restMs > 0) await pause(restMs)
      if (held.isOurs) await this.#complete(held, queue)
    } finally {
      this.#held.delete(held)
      this.#serveDue((priority) => this.#hasPlace(priority))
    }
  }

  /** Ends the entry and, where nothing could go before it, takes the next one of its queue in the same step. */
  async #complete(held: Held, queue: ConsumedQueue): Promise<void> {
    const { job, token } = held
    const isOvertaken = [...this.#due].some((due) => rankOf(due) < rankOf(queue))
    const takeNext = !this.#isClosed && !isOvertaken && this.#hasPlace(queue.priority, this.#used - 1)
    if (takeNext) queue.looks += 1
    const look = await completeEntry(queue.worker, job, { token, takeNext })
    // The next one has its slot before this one leaves it.
    if (takeNext) await this.#follow(queue, look, token)
  }

  /** A place has become free, or there was no need for it. */
  #serveDue(isFor = (priority: Priority) => this.#hasSlot(priority)): void {
    if (this.#isClosed) return
    for (const queue of this.#queues) {
      if (!this.#due.has(queue)) continue
      if (isFor(queue.priority)) {
        this.#due.delete(queue)
        this.#background(this.#fetch(queue))
      } else this.#lookAheadLater(queue)
    }
    this.#wake?.()
  }

  /** Looks into every queue, in their order and one after the other: a single slot must serve them all. */
  async #sweep(): Promise<void> {
    if (this.#sweeping) return
    this.#sweeping = true
    try {
      for (const queue of this.#queues) await this.#consider(queue)
    } finally {
      this.#sweeping = false
    }
  }

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#options.log.warn({ err: error }, 'queue work failed; its lease will run out'))
  }
}
