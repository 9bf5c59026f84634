import type { Job, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { QueueEntry } from '../core/ports.ts'
import type { Logger } from '../core/telemetry.ts'
import { type Priority, priorities } from '../core/vocabulary.ts'
import { queuePrefix } from '../store/keys.ts'
import type { EntryData } from './bullmq-queues.ts'
import type { QueueName } from './lane-names.ts'
import { completeEntry, createManualWorker, type Look, takeEntry } from './manual-worker.ts'

export interface LaneConsumerOptions {
  /** For every command but the blocking one. */
  readonly redis: Redis
  /** Used for nothing but the wait for work: a blocking command would hold up all others. */
  readonly blocking: Redis
  /** In order of preference. */
  readonly queues: readonly QueueName[]
  readonly concurrency: number
  /** How long this process may be silent before its entries are handed to another, in milliseconds. */
  readonly leaseMs: number
  /**
   * Does the work. Resolves when the entry is done with, whatever became of the job. A rejection leaves the entry to
   * its lease: it is delivered again when that has run out. `signal` fires when the lease is lost.
   */
  readonly handle: (entry: QueueEntry, signal: AbortSignal) => Promise<void>
  readonly log: Logger
}

/** One delivery of an entry. It takes a slot until the work on it has ended, whoever has the entry by then. */
interface Held {
  readonly job: Job<EntryData>
  readonly queue: ConsumedQueue
  /** Of this delivery alone: when the entry is delivered again, even to this process, it can end it no more. */
  readonly token: string
  readonly abort: AbortController
  /** False once the entry was handed back or its lease was lost. */
  isOurs: boolean
}

interface ConsumedQueue extends QueueName {
  readonly worker: Worker<EntryData>
  readonly marker: string
  /** The last look found an entry beside those in hand, so there may well be another. */
  isBusy: boolean
  /** How often a look into this queue was sent. */
  looks: number
  /** Looks that are under way. */
  looking: number
  /** Whether the look that was sent last finds an entry. */
  lastLook: Promise<boolean>
  /** When its next delayed entry is due. */
  alarm: { readonly atMs: number; readonly timer: NodeJS.Timeout } | null
}

const blockSeconds = 2
/** While some queues are not listened to because they have no slot: a slot may become free at any moment. */
const shortBlockSeconds = 0.1
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
 * BullMQ keeps a *marker* beside each queue that may have work. One `BZPOPMIN` over all markers, in order of
 * preference, says where to look; every look that finds an entry sets the marker again, so the loop goes on until the
 * queue is dry. An entry that is done brings the next one of its queue with it, unless a queue that goes before has
 * said that it has work. The last look, which finds nothing, tells when the next delayed entry is due.
 *
 * Who pops a marker is the only one who knows. A queue that has no slot here gets its marker back, so that a process
 * with a slot finds it, and is remembered as *due*; a process that stops sets all markers again; and for a process that
 * died in between there is the sweep.
 */
export class LaneConsumer {
  readonly #options: LaneConsumerOptions
  readonly #queues: readonly ConsumedQueue[]
  readonly #name = `${process.pid}-${Math.random().toString(36).slice(2)}`
  readonly #held = new Set<Held>()
  /** Said that they have work when there was no slot for it: the next free slots are theirs. */
  readonly #due = new Set<ConsumedQueue>()
  #tokens = 0
  #fetching = 0
  #sweeping = false
  #stopping = false
  #wake: (() => void) | null = null
  #loop: Promise<void> | null = null
  #intervals: NodeJS.Timeout[] = []

  constructor(options: LaneConsumerOptions) {
    this.#options = options
    this.#queues = options.queues.map((queue) => ({
      ...queue,
      marker: `${queuePrefix}:${queue.name}:marker`,
      isBusy: false,
      looks: 0,
      looking: 0,
      lastLook: Promise.resolve(false),
      alarm: null,
      worker: createManualWorker(queue.name, options),
    }))
  }

  async start(): Promise<void> {
    await Promise.all(this.#queues.map(({ worker }) => worker.waitUntilReady()))
    await Promise.all(this.#queues.map(({ worker }) => worker.startStalledCheckTimer()))
    this.#intervals = [
      setInterval(() => this.#background(this.#renew()), this.#options.leaseMs / 3),
      setInterval(() => this.#background(this.#sweep()), sweepMs),
    ]
    this.#loop = this.#run()
    this.#background(this.#sweep())
  }

  /** How many entries are being worked on. */
  get inFlight(): number {
    return this.#held.size
  }

  /**
   * Takes nothing more and waits up to `graceMs` for what is in flight; then aborts it and hands it back to its queue,
   * so that another worker has it at once instead of after the lease. Resolves soon after that in any case.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    this.#wake?.()
    for (const { alarm } of this.#queues) clearTimeout(alarm?.timer)
    await this.#untilIdle(graceMs)
    await within(farewellMs, Promise.allSettled([...this.#held].map((held) => this.#handBack(held))))
    await this.#untilIdle(farewellMs)
    for (const interval of this.#intervals) clearInterval(interval)
    this.#options.blocking.disconnect()
    // A read that was on its way when Redis went is never answered, not even by the end of its connection.
    if (this.#loop) await within(farewellMs, this.#loop)
    await within(farewellMs, Promise.allSettled(this.#queues.map((queue) => this.#setMarker(queue))))
    await within(farewellMs, Promise.allSettled(this.#queues.map(({ worker }) => worker.close(true))))
  }

  /**
   * Looks into a queue at once, because somebody in this process has just added to it. The marker would say so too, a
   * round trip later; under load the entries that are done bring the next ones, and looking twice only costs.
   */
  ring(name: string): void {
    if (this.#stopping || this.#used >= busyFrom) return
    const queue = this.#queues.find((each) => each.name === name)
    if (queue && this.#hasSlot(queue.priority)) this.#background(this.#fetch(queue))
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
      const marked = await this.#waitForMarker(listened)
      if (!marked || this.#stopping) continue
      const { queue, readyAtMs } = marked
      if (readyAtMs > Date.now()) this.#setAlarm(queue, readyAtMs)
      else if (this.#servesItself(queue)) await this.#lookLater(queue)
      else this.#background(this.#consider(queue))
    }
  }

  /** A queue with a slot; and while there is none, those that would go before something that is being worked on. */
  #isListenedTo(queue: ConsumedQueue): boolean {
    if (this.#due.has(queue)) return false
    if (this.#hasSlot(queue.priority)) return true
    return [...this.#held].some((held) => rankOf(held.queue) > rankOf(queue))
  }

  get #used(): number {
    return this.#held.size + this.#fetching
  }

  /** Batch work never takes the last slot of several: an interactive job must not wait for a long batch job to end. */
  #hasSlot(priority: Priority, used = this.#used): boolean {
    const reserved = priority === 'batch' && this.#options.concurrency > 1 ? 1 : 0
    return used < this.#options.concurrency - reserved
  }

  async #waitForMarker(queues: readonly ConsumedQueue[]): Promise<{ queue: ConsumedQueue; readyAtMs: number } | null> {
    try {
      const popped = await this.#options.blocking.bzpopmin(
        queues.map(({ marker }) => marker),
        queues.length === this.#queues.length ? blockSeconds : shortBlockSeconds,
      )
      if (popped === null) return null
      const queue = queues.find(({ marker }) => marker === popped[0])
      return queue ? { queue, readyAtMs: Number(popped[2]) } : null
    } catch (error) {
      if (this.#stopping) return null
      // Redis is away, or refuses the command; a loop without a pause would burn a core.
      this.#options.log.debug({ err: error }, 'waiting for work failed')
      await pause(250)
      return null
    }
  }

  /**
   * Every look that finds an entry leaves the marker set, so one marker more follows each entry and mostly leads
   * nowhere. Where an entry is about to bring the next one with it, that look can wait; where looks find work, it can't.
   */
  #servesItself(queue: ConsumedQueue): boolean {
    return !queue.isBusy && (queue.looking > 0 || this.#holdsOf(queue))
  }

  #holdsOf(queue: ConsumedQueue): boolean {
    return [...this.#held].some((held) => held.queue === queue)
  }

  async #lookLater(queue: ConsumedQueue): Promise<void> {
    const { looks } = queue
    // One that is under way may have overtaken the entry that set the marker: they came over two connections.
    if (queue.looking > 0 && !(await queue.lastLook)) return this.#background(this.#consider(queue))
    await pause(lookLaterMs)
    // One that was only answered meanwhile may have been made before the entry that set the marker was added.
    if (queue.looks === looks) this.#background(this.#consider(queue))
  }

  /** Looks into a queue that may have work, now or when there is a slot. */
  async #consider(queue: ConsumedQueue): Promise<void> {
    if (this.#stopping) return
    if (this.#hasSlot(queue.priority)) return this.#fetch(queue)
    this.#due.add(queue)
    await this.#setMarker(queue)
  }

  async #setMarker(queue: ConsumedQueue): Promise<void> {
    await this.#options.redis.zadd(queue.marker, 0, '0')
  }

  #setAlarm(queue: ConsumedQueue, atMs: number): void {
    if (this.#stopping || (queue.alarm && queue.alarm.atMs <= atMs)) return
    clearTimeout(queue.alarm?.timer)
    const ring = () => {
      queue.alarm = null
      this.#background(this.#consider(queue))
    }
    queue.alarm = { atMs, timer: setTimeout(ring, Math.max(0, atMs - Date.now())) }
  }

  async #fetch(queue: ConsumedQueue): Promise<void> {
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
      await this.#follow(queue, await taken, token)
    } finally {
      this.#fetching -= 1
      queue.looking -= 1
      this.#serveDue()
    }
  }

  async #follow(queue: ConsumedQueue, look: Look, token: string): Promise<void> {
    queue.isBusy = look.job !== null && this.#holdsOf(queue)
    if (look.dueAtMs !== null) this.#setAlarm(queue, look.dueAtMs)
    if (look.job === null) return
    if (this.#stopping) await look.job.moveToWait(token)
    else this.#begin(queue, look.job, token)
  }

  #begin(queue: ConsumedQueue, job: Job<EntryData>, token: string): void {
    const held: Held = { job, queue, token, abort: new AbortController(), isOurs: true }
    this.#held.add(held)
    this.#background(this.#work(held))
  }

  async #work(held: Held): Promise<void> {
    const { job, queue } = held
    try {
      await this.#options.handle(
        {
          id: job.data.job,
          hop: job.data.hop,
          queue: queue.name,
          waitedMs: Math.max(0, Date.now() - job.data.readyAtMs),
          traceparent: job.data.traceparent,
        },
        held.abort.signal,
      )
      if (held.isOurs) await this.#complete(held)
    } finally {
      held.isOurs = false
      this.#held.delete(held)
      this.#serveDue()
    }
  }

  /** Ends the entry and, where nothing could go before it, takes the next one of its queue in the same step. */
  async #complete(held: Held): Promise<void> {
    const { job, queue, token } = held
    const isOvertaken = [...this.#due].some((due) => rankOf(due) < rankOf(queue))
    const takeNext = !this.#stopping && !isOvertaken && this.#hasSlot(queue.priority, this.#used - 1)
    if (takeNext) queue.looks += 1
    const look = await completeEntry(queue.worker, job, { token, takeNext })
    // The next one has its slot before this one leaves it.
    if (takeNext) await this.#follow(queue, look, token)
  }

  /** A slot has become free, or there was no need for it. */
  #serveDue(): void {
    if (this.#stopping) return
    for (const queue of this.#queues) {
      if (!this.#due.has(queue) || !this.#hasSlot(queue.priority)) continue
      this.#due.delete(queue)
      this.#background(this.#fetch(queue))
    }
    this.#wake?.()
  }

  async #handBack(held: Held): Promise<void> {
    if (!held.isOurs) return
    held.isOurs = false
    held.abort.abort(new Error('worker is shutting down'))
    await held.job.moveToWait(held.token)
  }

  async #renew(): Promise<void> {
    const ours = [...this.#held].filter(({ isOurs }) => isOurs)
    const byQueue = Map.groupBy(ours, ({ queue }) => queue)
    await Promise.all([...byQueue].map(([queue, held]) => this.#renewIn(queue, held)))
  }

  async #renewIn(queue: ConsumedQueue, held: readonly Held[]): Promise<void> {
    const ids = held.map(({ job }) => String(job.id))
    const tokens = held.map(({ token }) => token)
    const lost = new Set(await queue.worker.extendJobLocks(ids, tokens, this.#options.leaseMs))
    for (const each of held) {
      if (!each.isOurs || !lost.has(String(each.job.id))) continue
      each.isOurs = false
      each.abort.abort(new Error('the lease was lost'))
    }
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

function rankOf(queue: QueueName): number {
  return priorities.indexOf(queue.priority)
}

/** Waits for `work`, but not longer than this. */
async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}
