import type { Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Logger } from '../core/telemetry.ts'
import { queuePrefix } from '../store/keys.ts'
import type { EntryData } from './bullmq-queues.ts'
import type { QueueName } from './lane-names.ts'
import { createManualWorker } from './manual-worker.ts'
import { pause, within } from './waits.ts'

export interface MarkerOptions {
  /** For every command but the blocking one. */
  readonly redis: Redis
  /** Used for nothing but the wait for work: a blocking command would hold up all others. */
  readonly blocking: Redis
  /** How long a process may be silent before its entries are handed to another, in milliseconds. */
  readonly leaseMs: number
  readonly log: Logger
}

/** A queue with what BullMQ keeps beside it. */
export interface MarkedQueue extends QueueName {
  readonly worker: Worker<EntryData>
  readonly marker: string
  /** When its next delayed entry is due. */
  alarm: { readonly atMs: number; readonly timer: NodeJS.Timeout } | null
}

const blockSeconds = 2
/** While some queues are not listened to: they may be at any moment. */
const shortBlockSeconds = 0.1
const pauseAfterErrorMs = 250
/** For what a process that stops does at last. While Redis is away nothing of it can be done, and leases do the rest. */
const farewellMs = 1_000

export function createMarkedQueue(queue: QueueName, options: MarkerOptions): MarkedQueue {
  const marker = `${queuePrefix}:${queue.name}:marker`
  return { ...queue, marker, alarm: null, worker: createManualWorker(queue.name, options) }
}

/**
 * BullMQ keeps a *marker* beside each queue that may have work. One `BZPOPMIN` over all markers, in order of preference,
 * says where to look; every look that finds an entry sets the marker again, and the last one, which finds nothing, tells
 * when the next delayed entry is due.
 *
 * Who pops a marker is the only one who knows: whoever does not look into the queue sets it again.
 */
export class Markers<Queue extends MarkedQueue> {
  readonly #options: MarkerOptions
  readonly #queues: readonly Queue[]
  readonly #onDue: (queue: Queue) => void
  #stopping = false

  /** `onDue` is told when a delayed entry of a queue may be taken. */
  constructor(options: MarkerOptions, queues: readonly Queue[], onDue: (queue: Queue) => void) {
    this.#options = options
    this.#queues = queues
    this.#onDue = onDue
  }

  /** From here on entries whose lease has run out are delivered again, whoever held them. */
  async start(): Promise<void> {
    await Promise.all(this.#queues.map(({ worker }) => worker.waitUntilReady()))
    await Promise.all(this.#queues.map(({ worker }) => worker.startStalledCheckTimer()))
  }

  /** Waits for work in one of these queues, for a while. Null where there is none yet. */
  async next(queues: readonly Queue[]): Promise<Queue | null> {
    const popped = await this.#pop(queues)
    const queue = popped && queues.find(({ marker }) => marker === popped.marker)
    if (!queue) return null
    if (popped.readyAtMs <= Date.now()) return queue
    this.setAlarm(queue, popped.readyAtMs)
    return null
  }

  async set(queue: Queue): Promise<void> {
    await this.#options.redis.zadd(queue.marker, 0, '0')
  }

  setAlarm(queue: Queue, atMs: number): void {
    if (this.#stopping || (queue.alarm && queue.alarm.atMs <= atMs)) return
    clearTimeout(queue.alarm?.timer)
    const ring = () => {
      queue.alarm = null
      this.#onDue(queue)
    }
    queue.alarm = { atMs, timer: setTimeout(ring, Math.max(0, atMs - Date.now())) }
  }

  /** Nobody will be told of anything any more. */
  stop(): void {
    this.#stopping = true
    for (const { alarm } of this.#queues) clearTimeout(alarm?.timer)
  }

  /** Ends the wait, and `loop` that waits, and sets the markers: others may not have heard of what was popped here. */
  async leave(loop: Promise<void> | null): Promise<void> {
    this.#options.blocking.disconnect()
    // A read that was on its way when Redis went is never answered, not even by the end of its connection.
    if (loop) await within(farewellMs, loop)
    await within(farewellMs, Promise.allSettled(this.#queues.map((queue) => this.set(queue))))
  }

  async close(): Promise<void> {
    await within(farewellMs, Promise.allSettled(this.#queues.map(({ worker }) => worker.close(true))))
  }

  async #pop(queues: readonly Queue[]): Promise<{ marker: string; readyAtMs: number } | null> {
    try {
      const popped = await this.#options.blocking.bzpopmin(
        queues.map(({ marker }) => marker),
        queues.length === this.#queues.length ? blockSeconds : shortBlockSeconds,
      )
      return popped && { marker: popped[0], readyAtMs: Number(popped[2]) }
    } catch (error) {
      if (this.#stopping) return null
      // Redis is away, or refuses the command; a loop without a pause would burn a core.
      this.#options.log.debug({ err: error }, 'waiting for work failed')
      await pause(pauseAfterErrorMs)
      return null
    }
  }
}
