import { randomUUID } from 'node:crypto'
import { Job, type Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Lease, LeaseDesk, LeasedEntry, Room } from '../core/lease-desk.ts'
import type { Logger } from '../core/telemetry.ts'
import { queuePrefix } from '../store/keys.ts'
import type { EntryData } from './bullmq-queues.ts'
import type { QueueName } from './lane-names.ts'
import { completeEntry, createManualWorker, takeEntry } from './manual-worker.ts'

export interface LaneDeskOptions {
  /** For every command but the blocking one. */
  readonly redis: Redis
  /** Used for nothing but the wait for work, and only while somebody waits. */
  readonly blocking: Redis
  /** In order of preference. */
  readonly queues: readonly QueueName[]
  readonly leaseMs: number
  readonly log: Logger
}

interface DeskQueue extends QueueName {
  readonly worker: Worker<EntryData>
  readonly marker: string
  /** When its next delayed entry is due. */
  alarm: { readonly atMs: number; readonly timer: NodeJS.Timeout } | null
}

interface Waiter {
  readonly room: Room
  /** Ends the wait. False when it had ended: then nobody hears of these entries. */
  readonly resolve: (taken: readonly LeasedEntry[]) => boolean
}

const blockSeconds = 2
/** While nobody waits for some of the queues: somebody who does may come at any moment. */
const shortBlockSeconds = 0.1
/** For markers that a process took with it when it died. */
const sweepMs = 5_000
const farewellMs = 1_000

/**
 * Hands out the entries of lanes on behalf of nodes that have no Redis. Unlike `LaneConsumer` it keeps nothing: a lease
 * is a lock in Redis and its token, so the process that hands an entry out need not be the one that renews or ends it,
 * and its death costs nobody a lease.
 *
 * Who waits for work is told by BullMQ's markers; what `LaneConsumer` says of them holds here too. A marker that is popped
 * when nobody waits any more goes back.
 */
export class LaneDesk implements LeaseDesk {
  readonly #options: LaneDeskOptions
  readonly #queues: readonly DeskQueue[]
  readonly #waiters = new Set<Waiter>()
  #loop: Promise<void> | null = null
  #sweep: NodeJS.Timeout | undefined
  #stopping = false

  constructor(options: LaneDeskOptions) {
    this.#options = options
    this.#queues = options.queues.map((queue) => ({
      ...queue,
      marker: `${queuePrefix}:${queue.name}:marker`,
      alarm: null,
      worker: createManualWorker(queue.name, options),
    }))
  }

  /** From here on entries whose lease has run out are delivered again, whoever held them. */
  async start(): Promise<void> {
    await Promise.all(this.#queues.map(({ worker }) => worker.waitUntilReady()))
    await Promise.all(this.#queues.map(({ worker }) => worker.startStalledCheckTimer()))
    this.#sweep = setInterval(() => this.#background(this.#lookForWaiters()), sweepMs)
  }

  async take(room: Room, waitMs: number, gone: AbortSignal): Promise<readonly LeasedEntry[]> {
    if (this.#stopping || gone.aborted || room.max < 1) return []
    const taken = await this.#fill(this.#queues, room)
    if (taken.length > 0 || waitMs <= 0 || this.#stopping || gone.aborted) return taken
    return this.#wait(room, waitMs, gone)
  }

  #wait(room: Room, waitMs: number, gone: AbortSignal): Promise<readonly LeasedEntry[]> {
    return new Promise((resolve) => {
      let isOver = false
      const waiter: Waiter = {
        room,
        resolve: (entries) => {
          if (isOver) return false
          isOver = true
          clearTimeout(timer)
          gone.removeEventListener('abort', giveUp)
          this.#waiters.delete(waiter)
          resolve(entries)
          return true
        },
      }
      const giveUp = () => void waiter.resolve([])
      const timer = setTimeout(giveUp, waitMs)
      gone.addEventListener('abort', giveUp, { once: true })
      this.#waiters.add(waiter)
      this.#loop ??= this.#run()
    })
  }

  async renew(leases: readonly Lease[]): Promise<readonly Lease[]> {
    const byQueue = Map.groupBy(leases, ({ queue }) => queue)
    const lost = await Promise.all([...byQueue].map(([name, ofQueue]) => this.#renewIn(this.#queue(name), ofQueue)))
    return lost.flat()
  }

  async holds({ queue, entryId, token }: Lease): Promise<boolean> {
    if (!this.#queue(queue)) return false
    return (await this.#options.redis.get(`${queuePrefix}:${queue}:${entryId}:lock`)) === token
  }

  complete(lease: Lease): Promise<boolean> {
    return this.#end(lease, async ({ worker }) => {
      const job = new Job<EntryData>(worker, 'job', {} as EntryData, {}, lease.entryId)
      await completeEntry(worker, job, { token: lease.token, takeNext: false })
    })
  }

  handBack(lease: Lease): Promise<boolean> {
    return this.#end(lease, async ({ worker }) => {
      await worker.getBackend().moveJobFromActiveToWait(lease.entryId, lease.token)
    })
  }

  /** Nobody waits here any more, and nothing is handed out. What was keeps its leases, which can still be worked on. */
  async sendAway(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    clearInterval(this.#sweep)
    for (const { alarm } of this.#queues) clearTimeout(alarm?.timer)
    for (const waiter of [...this.#waiters]) waiter.resolve([])
    this.#options.blocking.disconnect()
    await within(farewellMs, this.#loop)
    // Markers that were popped here may have been those of work that nobody else has heard of.
    await within(farewellMs, Promise.allSettled(this.#queues.map((queue) => this.#setMarker(queue))))
  }

  async stop(): Promise<void> {
    await this.sendAway()
    await within(farewellMs, Promise.allSettled(this.#queues.map(({ worker }) => worker.close(true))))
  }

  #queue(name: string): DeskQueue | undefined {
    return this.#queues.find((queue) => queue.name === name)
  }

  async #renewIn(queue: DeskQueue | undefined, leases: readonly Lease[]): Promise<readonly Lease[]> {
    if (!queue) return leases
    const ids = leases.map(({ entryId }) => entryId)
    const tokens = leases.map(({ token }) => token)
    const lost = new Set(await queue.worker.extendJobLocks(ids, tokens, this.#options.leaseMs))
    return leases.filter(({ entryId }) => lost.has(entryId))
  }

  async #end(lease: Lease, work: (queue: DeskQueue) => Promise<void>): Promise<boolean> {
    const queue = this.#queue(lease.queue)
    if (!queue) return false
    try {
      await work(queue)
      return true
    } catch (error) {
      // BullMQ numbers its refusals from -1 down: no such entry, no lock, another's lock, not in work.
      if (error instanceof Error && 'code' in error && typeof error.code === 'number' && error.code < 0) return false
      throw error
    }
  }

  /** Takes what there is room for, from these queues in their order. */
  async #fill(queues: readonly DeskQueue[], room: Room): Promise<LeasedEntry[]> {
    const taken: LeasedEntry[] = []
    let batch = 0
    for (const queue of queues) {
      const isBatch = queue.priority === 'batch'
      while (taken.length < room.max && (!isBatch || batch < room.maxBatch)) {
        const found = await this.#takeFrom(queue)
        if (!found) break
        taken.push(found)
        if (isBatch) batch += 1
      }
    }
    return taken
  }

  async #takeFrom(queue: DeskQueue): Promise<LeasedEntry | null> {
    const token = randomUUID()
    const { job, dueAtMs } = await takeEntry(queue.worker, token)
    if (dueAtMs !== null) this.#setAlarm(queue, dueAtMs)
    if (!job?.id) return null
    const { data } = job
    const entry = {
      id: data.job,
      hop: data.hop,
      deployment: data.deployment ?? '',
      queue: queue.name,
      waitedMs: Math.max(0, Date.now() - data.readyAtMs),
      traceparent: data.traceparent,
    }
    return { lease: { queue: queue.name, entryId: job.id, token }, entry }
  }

  async #run(): Promise<void> {
    while (!this.#stopping && this.#waiters.size > 0) {
      const wanted = this.#queues.filter((queue) => this.#nextFor(queue))
      const marked = await this.#waitForMarker(wanted)
      if (!marked) continue
      const { queue, readyAtMs } = marked
      if (readyAtMs > Date.now()) this.#setAlarm(queue, readyAtMs)
      else this.#background(this.#serve(queue))
    }
    this.#loop = null
  }

  async #waitForMarker(queues: readonly DeskQueue[]): Promise<{ queue: DeskQueue; readyAtMs: number } | null> {
    try {
      const popped = await this.#options.blocking.bzpopmin(
        queues.map(({ marker }) => marker),
        queues.length === this.#queues.length ? blockSeconds : shortBlockSeconds,
      )
      const queue = popped && queues.find(({ marker }) => marker === popped[0])
      return queue ? { queue, readyAtMs: Number(popped[2]) } : null
    } catch (error) {
      if (this.#stopping) return null
      this.#options.log.debug({ err: error }, 'waiting for work failed')
      await pause(250)
      return null
    }
  }

  #nextFor(queue: DeskQueue): Waiter | undefined {
    return [...this.#waiters].find(({ room }) => queue.priority !== 'batch' || room.maxBatch > 0)
  }

  /** Gives a queue's entries to those who wait for them, in the order in which they came. */
  async #serve(queue: DeskQueue): Promise<void> {
    for (;;) {
      const waiter = this.#nextFor(queue)
      if (!waiter || this.#stopping) return this.#setMarker(queue)
      // It stands at the end of the line meanwhile: another queue that has work serves somebody else first.
      this.#waiters.delete(waiter)
      this.#waiters.add(waiter)
      const taken = await this.#fill([queue], waiter.room)
      if (taken.length === 0) return
      // Whoever has gone, or was served by another queue, in the meantime can't take these too.
      if (!waiter.resolve(taken)) await Promise.all(taken.map(({ lease }) => this.handBack(lease)))
    }
  }

  async #lookForWaiters(): Promise<void> {
    for (const queue of this.#queues) if (this.#nextFor(queue)) await this.#serve(queue)
  }

  async #setMarker(queue: DeskQueue): Promise<void> {
    await this.#options.redis.zadd(queue.marker, 0, '0')
  }

  #setAlarm(queue: DeskQueue, atMs: number): void {
    if (this.#stopping || (queue.alarm && queue.alarm.atMs <= atMs)) return
    clearTimeout(queue.alarm?.timer)
    const ring = () => {
      queue.alarm = null
      this.#background(this.#serve(queue))
    }
    queue.alarm = { atMs, timer: setTimeout(ring, Math.max(0, atMs - Date.now())) }
  }

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#options.log.debug({ err: error }, 'a look into a lane failed; it comes again'))
  }
}

/** Waits for `work`, but not longer than this: while Redis is away nothing of it can be done. */
async function within(limitMs: number, work: Promise<unknown> | null): Promise<void> {
  await Promise.race([work, pause(limitMs)])
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs).unref())
}
