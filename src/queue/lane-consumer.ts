import { createRedisBackend, type Job, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { QueueEntry } from '../core/ports.ts'
import type { Logger } from '../core/telemetry.ts'
import type { Priority } from '../core/vocabulary.ts'
import { queuePrefix } from '../store/keys.ts'
import type { EntryData } from './bullmq-queues.ts'
import type { QueueName } from './lane-names.ts'

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

interface Held {
  readonly job: Job<EntryData>
  readonly queue: ConsumedQueue
  readonly abort: AbortController
}

interface ConsumedQueue extends QueueName {
  readonly worker: Worker<EntryData>
  readonly marker: string
}

const blockSeconds = 2
const sweepMs = 5_000
/** Finished entries are kept this long: they make a repeated hand-over one delivery. */
const keepFinishedMs = 60_000

/**
 * Serves many BullMQ queues over one pair of connections, with one limit on concurrency and a strict order between
 * them. BullMQ's own worker would need two connections a queue and knows no order across queues.
 *
 * BullMQ keeps a *marker* beside each queue that may have work. One `BZPOPMIN` over all markers, in order of
 * preference, says where to fetch; every fetch that finds a job sets the marker again, so the loop goes on until the
 * queue is dry. A marker whose score lies in the future belongs to a delayed entry and arms a timer. A marker that was
 * popped by a process which then died is made up for by the sweep.
 */
export class LaneConsumer {
  readonly #options: LaneConsumerOptions
  readonly #queues: readonly ConsumedQueue[]
  readonly #token = `${process.pid}-${Math.random().toString(36).slice(2)}`
  readonly #held = new Map<string, Held>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #fetching = 0
  #stopping = false
  #wake: (() => void) | null = null
  #loop: Promise<void> | null = null
  #intervals: NodeJS.Timeout[] = []

  constructor(options: LaneConsumerOptions) {
    this.#options = options
    this.#queues = options.queues.map((queue) => ({
      ...queue,
      marker: `${queuePrefix}:${queue.name}:marker`,
      worker: createManualWorker(queue.name, options),
    }))
  }

  async start(): Promise<void> {
    await Promise.all(this.#queues.map(({ worker }) => worker.waitUntilReady()))
    await Promise.all(this.#queues.map(({ worker }) => worker.startStalledCheckTimer()))
    this.#intervals = [
      setInterval(() => this.#background(this.#renew()), this.#options.leaseMs / 3),
      setInterval(() => this.#sweep(), sweepMs),
      setInterval(() => this.#background(this.#forgetFinished()), keepFinishedMs / 4),
    ]
    this.#loop = this.#run()
    this.#sweep()
  }

  /** How many entries are being worked on. */
  get inFlight(): number {
    return this.#held.size
  }

  /**
   * Takes nothing more and waits up to `graceMs` for what is in flight; then aborts it and hands it back to its queue,
   * so that another worker has it at once instead of after the lease.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    this.#wake?.()
    for (const timer of this.#timers) clearTimeout(timer)
    const deadline = Date.now() + graceMs
    while (this.#held.size + this.#fetching > 0 && Date.now() < deadline) await pause(20)
    await Promise.allSettled([...this.#held.values()].map((held) => this.#handBack(held)))
    for (const interval of this.#intervals) clearInterval(interval)
    this.#options.blocking.disconnect()
    await this.#loop
    await Promise.allSettled(this.#queues.map(({ worker }) => worker.close(true)))
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const open = this.#queues.filter((queue) => this.#hasSlot(queue.priority))
      if (open.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = null
        continue
      }
      const marked = await this.#waitForMarker(open)
      if (marked && !this.#stopping) this.#fetchSoon(marked.queue, marked.readyAtMs)
    }
  }

  /** Batch work never takes the last slot of several: an interactive job must not wait for a long batch job to end. */
  #hasSlot(priority: Priority): boolean {
    const used = this.#held.size + this.#fetching
    const reserved = priority === 'batch' && this.#options.concurrency > 1 ? 1 : 0
    return used < this.#options.concurrency - reserved
  }

  async #waitForMarker(queues: readonly ConsumedQueue[]): Promise<{ queue: ConsumedQueue; readyAtMs: number } | null> {
    try {
      const popped = await this.#options.blocking.bzpopmin(
        queues.map(({ marker }) => marker),
        blockSeconds,
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

  #fetchSoon(queue: ConsumedQueue, readyAtMs: number): void {
    const delayMs = readyAtMs - Date.now()
    if (delayMs <= 0) {
      this.#background(this.#fetch(queue))
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#background(this.#fetch(queue))
    }, delayMs)
    this.#timers.add(timer)
  }

  async #fetch(queue: ConsumedQueue): Promise<void> {
    if (this.#stopping) return
    this.#fetching += 1
    try {
      const job = await queue.worker.getNextJob(this.#token, { block: false })
      if (job) this.#begin(queue, job)
    } finally {
      this.#fetching -= 1
      this.#wake?.()
    }
  }

  #begin(queue: ConsumedQueue, job: Job<EntryData>): void {
    const held: Held = { job, queue, abort: new AbortController() }
    this.#held.set(holdKey(held), held)
    this.#background(this.#work(held))
  }

  async #work(held: Held): Promise<void> {
    const { job, queue } = held
    let next: Job<EntryData> | null = null
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
      // Handed back or lost: the entry is another worker's now.
      if (!this.#held.has(holdKey(held))) return
      next = await this.#complete(held)
    } finally {
      this.#held.delete(holdKey(held))
      if (next) this.#begin(queue, next)
      this.#wake?.()
    }
  }

  /** Completes the entry and, where nothing could go before it, fetches the next one of the queue in the same step. */
  async #complete({ job, queue }: Held): Promise<Job<EntryData> | null> {
    const fetchNext = !this.#stopping && queue.priority === 'interactive'
    const reply = (await job.moveToCompleted(null, this.#token, fetchNext)) as unknown[] | undefined
    const [data, id] = reply ?? []
    if (!fetchNext || !data || typeof id !== 'string') return null
    return nextJob(queue.worker, data, id, this.#token)
  }

  async #handBack(held: Held): Promise<void> {
    this.#held.delete(holdKey(held))
    held.abort.abort(new Error('worker is shutting down'))
    await held.job.moveToWait(this.#token)
  }

  async #renew(): Promise<void> {
    const byQueue = Map.groupBy(this.#held.values(), ({ queue }) => queue)
    for (const [queue, held] of byQueue) {
      const ids = held.map(({ job }) => String(job.id))
      const lost = await queue.worker.extendJobLocks(
        ids,
        ids.map(() => this.#token),
        this.#options.leaseMs,
      )
      for (const { job, abort } of held) {
        if (lost.includes(String(job.id))) abort.abort(new Error('the lease was lost'))
      }
    }
  }

  #sweep(): void {
    for (const queue of this.#queues) {
      if (this.#hasSlot(queue.priority)) this.#background(this.#fetch(queue))
    }
  }

  async #forgetFinished(): Promise<void> {
    for (const { worker } of this.#queues) {
      const backend = worker.getBackend()
      await backend.cleanJobsByState('completed', Date.now() - keepFinishedMs, 5_000)
    }
  }

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#options.log.warn({ err: error }, 'queue work failed; its lease will run out'))
  }
}

function createManualWorker(name: string, options: LaneConsumerOptions): Worker<EntryData> {
  const worker = new Worker<EntryData>(
    name,
    null,
    {
      connection: options.redis,
      prefix: queuePrefix,
      autorun: false,
      lockDuration: options.leaseMs,
      stalledInterval: options.leaseMs / 2,
      // The attempt budget and the audit count bound repeated crashes; BullMQ giving up would strand the job.
      maxStalledCount: 1_000_000,
    },
    (queueName, queueOptions, extra) =>
      createRedisBackend(queueName, queueOptions, { ...extra, withBlockingConnection: false }),
  )
  worker.on('error', (error) => options.log.debug({ err: error, queue: name }, 'queue error'))
  return worker
}

function nextJob(worker: Worker<EntryData>, data: unknown, id: string, token: string): Promise<Job<EntryData> | null> {
  // The step that `Worker.getNextJob` takes after its fetch; BullMQ declares it protected.
  const access = worker as unknown as {
    nextJobFromJobData(data: unknown, id: string, token: string): Promise<Job<EntryData> | undefined>
  }
  return access.nextJobFromJobData(data, id, token).then((job) => job ?? null)
}

function holdKey({ queue, job }: { queue: QueueName; job: Job<EntryData> }): string {
  return `${queue.name}/${job.id}`
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}
