import { randomUUID } from 'node:crypto'
import { Job } from 'bullmq'
import type { Lease, LeaseDesk, LeasedEntry, Room } from '../core/lease-desk.ts'
import { queuePrefix } from '../store/keys.ts'
import type { EntryData } from './bullmq-queues.ts'
import type { QueueName } from './lane-names.ts'
import { completeEntry, readEntry, takeEntry } from './manual-worker.ts'
import { createMarkedQueue, type MarkedQueue, type MarkerOptions, Markers } from './markers.ts'

export interface LaneDeskOptions extends MarkerOptions {
  /** In order of preference. */
  readonly queues: readonly QueueName[]
}

interface Waiter {
  readonly room: Room
  /** Ends the wait. False when it had ended: then nobody hears of these entries. */
  readonly resolve: (taken: readonly LeasedEntry[]) => boolean
}

/** For markers that a process took with it when it died. */
const sweepMs = 5_000

/**
 * Hands out the entries of lanes on behalf of nodes that have no Redis. Unlike `LaneConsumer` it keeps nothing: a lease
 * is a lock in Redis and its token, so the process that hands an entry out need not be the one that renews or ends it,
 * and its death costs nobody a lease.
 *
 * A marker that is popped when nobody waits any more goes back.
 */
export class LaneDesk implements LeaseDesk {
  readonly #options: LaneDeskOptions
  readonly #queues: readonly MarkedQueue[]
  readonly #markers: Markers<MarkedQueue>
  readonly #waiters = new Set<Waiter>()
  #loop: Promise<void> | null = null
  #sweep: NodeJS.Timeout | undefined
  #stopping = false

  constructor(options: LaneDeskOptions) {
    this.#options = options
    this.#queues = options.queues.map((queue) => createMarkedQueue(queue, options))
    this.#markers = new Markers(options, this.#queues, (queue) => this.#background(this.#serve(queue)))
  }

  /** From here on entries whose lease has run out are delivered again, whoever held them. */
  async start(): Promise<void> {
    await this.#markers.start()
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
    this.#markers.stop()
    for (const waiter of [...this.#waiters]) waiter.resolve([])
    await this.#markers.leave(this.#loop)
  }

  async stop(): Promise<void> {
    await this.sendAway()
    await this.#markers.close()
  }

  #queue(name: string): MarkedQueue | undefined {
    return this.#queues.find((queue) => queue.name === name)
  }

  async #renewIn(queue: MarkedQueue | undefined, leases: readonly Lease[]): Promise<readonly Lease[]> {
    if (!queue) return leases
    const ids = leases.map(({ entryId }) => entryId)
    const tokens = leases.map(({ token }) => token)
    const lost = new Set(await queue.worker.extendJobLocks(ids, tokens, this.#options.leaseMs))
    return leases.filter(({ entryId }) => lost.has(entryId))
  }

  async #end(lease: Lease, work: (queue: MarkedQueue) => Promise<void>): Promise<boolean> {
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
  async #fill(queues: readonly MarkedQueue[], room: Room): Promise<LeasedEntry[]> {
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

  async #takeFrom(queue: MarkedQueue): Promise<LeasedEntry | null> {
    const token = randomUUID()
    const { job, dueAtMs } = await takeEntry(queue.worker, token)
    if (dueAtMs !== null) this.#markers.setAlarm(queue, dueAtMs)
    if (!job?.id) return null
    return { lease: { queue: queue.name, entryId: job.id, token }, entry: readEntry(job, queue.name) }
  }

  async #run(): Promise<void> {
    while (!this.#stopping && this.#waiters.size > 0) {
      const wanted = this.#queues.filter((queue) => this.#nextFor(queue))
      const queue = await this.#markers.next(wanted)
      if (queue) this.#background(this.#serve(queue))
    }
    this.#loop = null
  }

  #nextFor(queue: MarkedQueue): Waiter | undefined {
    return [...this.#waiters].find(({ room }) => queue.priority !== 'batch' || room.maxBatch > 0)
  }

  /** Gives a queue's entries to those who wait for them, in the order in which they came. */
  async #serve(queue: MarkedQueue): Promise<void> {
    for (;;) {
      const waiter = this.#nextFor(queue)
      if (!waiter || this.#stopping) return this.#markers.set(queue)
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

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#options.log.debug({ err: error }, 'a look into a lane failed; it comes again'))
  }
}
