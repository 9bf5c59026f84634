import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { JobId } from '../core/job.ts'
import type { Lane, LaneEntry, Queues } from '../core/ports.ts'
import { queuePrefix } from '../store/keys.ts'
import { translateRedisErrors } from '../store/redis-errors.ts'
import { intakeName, laneName } from './lane-names.ts'

/** What BullMQ keeps of a job: ids and facts, never content. `v` is for readers of another release. */
export interface EntryData {
  readonly v: 1
  readonly job: JobId
  readonly hop: number
  /** The deployment whose turn it is; absent in intake. */
  readonly deployment?: string | undefined
  /** When a worker may take it, in epoch milliseconds. */
  readonly readyAtMs: number
  readonly traceparent?: string | undefined
}

/**
 * Adds jobs to intake queues and lanes. The BullMQ id is the job's id and hop, so that adding the same hand-over again
 * is one delivery; when the first one has been done with already, the job's state says so to whoever takes the second.
 * One queue object per name, all on one connection.
 */
export class BullmqQueues implements Queues {
  readonly #redis: Redis
  readonly #queues = new Map<string, Queue<EntryData>>()
  readonly #onAdd: (name: string) => void

  /** `onAdd` is told the queue's name once the command to add has been sent. */
  constructor(redis: Redis, onAdd: (name: string) => void = () => undefined) {
    this.#redis = redis
    this.#onAdd = onAdd
  }

  addToIntake(entry: Parameters<Queues['addToIntake']>[0]): Promise<void> {
    return this.#add(intakeName(entry.priority, entry.sensitivity), { ...entry, hop: 0 })
  }

  addToLane(lane: Lane, entry: LaneEntry): Promise<void> {
    return this.#add(laneName(lane), entry)
  }

  /** How many entries wait in each of these queues, delayed ones included. */
  async depths(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const counted = await Promise.all(
      names.map(async (name) => {
        const counts = await translateRedisErrors(this.#queue(name).getJobCounts('waiting', 'delayed'))
        return [name, (counts.waiting ?? 0) + (counts.delayed ?? 0)] as const
      }),
    )
    return new Map(counted)
  }

  /** Takes an entry out, unless a worker has it. */
  async drop(name: string, entry: string): Promise<void> {
    await translateRedisErrors(this.#queue(name).remove(entry))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()))
  }

  async #add(
    name: string,
    entry: Omit<LaneEntry, 'deployment'> & { deployment?: string; turn?: number },
  ): Promise<void> {
    const data: EntryData = {
      v: 1,
      job: entry.id,
      hop: entry.hop,
      deployment: entry.deployment,
      readyAtMs: Date.now() + (entry.delayMs ?? 0),
      traceparent: entry.traceparent,
    }
    const delay = entry.delayMs === undefined || entry.delayMs <= 0 ? {} : { delay: Math.ceil(entry.delayMs) }
    const jobId = `${entry.id}-${entry.hop}${entry.turn === undefined ? '' : `-${entry.turn}`}`
    const place = entry.goesFirst === true ? { lifo: true } : {}
    const added = this.#queue(name).add('job', data, { jobId, ...delay, ...place })
    if (!('delay' in delay)) setImmediate(this.#onAdd, name)
    await translateRedisErrors(added)
  }

  #queue(name: string): Queue<EntryData> {
    const existing = this.#queues.get(name)
    if (existing) return existing
    const queue = new Queue<EntryData>(name, {
      connection: this.#redis,
      prefix: queuePrefix,
      // Nobody listens to BullMQ's events; without a limit they cost up to 10,000 entries a queue.
      streams: { events: { maxLen: 0 } },
      skipWaitingForReady: true,
    })
    // The connection module reports an outage once for the whole process.
    queue.on('error', () => undefined)
    this.#queues.set(name, queue)
    // BullMQ looks at the server once, and a queue that was made while Redis was away stays useless when it is back.
    queue.waitUntilReady().catch(() => {
      this.#queues.delete(name)
      queue.close().catch(() => undefined)
    })
    return queue
  }
}
