import type { Redis } from 'ioredis'
import type { QueuedEntries } from '../core/erasure.ts'
import type { JobId, JobSpec } from '../core/job.ts'
import { decodeLane } from '../store/attempt-arguments.ts'
import { keys, queuePrefix } from '../store/keys.ts'
import { executePipeline } from '../store/read-jobs.ts'
import type { BullmqQueues } from './bullmq-queues.ts'
import { intakeName, laneName } from './lane-names.ts'

/** In longer queues an entry is left to whoever takes it. */
const searchedLength = 10_000
/** Jobs in these stages were ended by whoever had their entry, or were cancelled or expired under nobody's hands. */
const endedElsewhere: readonly string[] = ['cancelled', 'expired']

/** Finds the entries of jobs by where the jobs say that they are. */
export class BullmqQueuedEntries implements QueuedEntries {
  readonly #redis: Redis
  readonly #queues: BullmqQueues

  constructor(redis: Redis, queues: BullmqQueues) {
    this.#redis = redis
    this.#queues = queues
  }

  async drop(ids: readonly JobId[]): Promise<void> {
    if (ids.length === 0) return
    const pipeline = this.#redis.pipeline()
    for (const id of ids) {
      pipeline.hmget(keys.job(id), 'stage', 'lane', 'hop', 'audits').hget(keys.private(id), 'spec')
    }
    const replies = await executePipeline(pipeline)
    const entries = ids.flatMap((id, index) => {
      const facts = replies[2 * index] as (string | null)[]
      return entriesOf(id, facts, replies[2 * index + 1] as string | null)
    })
    const present = await this.#present(entries)
    const short = await this.#short(new Set(present.map(({ queue }) => queue)))
    const dropping = present.filter(({ queue }) => short.has(queue))
    await Promise.all(dropping.map(({ queue, entry }) => this.#queues.drop(queue, entry)))
  }

  async #present(entries: readonly QueuedEntry[]): Promise<QueuedEntry[]> {
    const pipeline = this.#redis.pipeline()
    for (const { queue, entry } of entries) pipeline.exists(`${queuePrefix}:${queue}:${entry}`)
    const found = await executePipeline(pipeline)
    return entries.filter((_, index) => found[index] === 1)
  }

  /** Of these queues, those in which an entry is quickly found: BullMQ looks through the whole list for each. */
  async #short(queues: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const names = [...queues]
    const pipeline = this.#redis.pipeline()
    for (const name of names) pipeline.llen(`${queuePrefix}:${name}:wait`)
    const lengths = (await executePipeline(pipeline)) as number[]
    return new Set(names.filter((_, index) => (lengths[index] ?? 0) <= searchedLength))
  }
}

interface QueuedEntry {
  readonly queue: string
  readonly entry: string
}

function entriesOf(
  id: JobId,
  [stage, lane, hop, audits]: readonly (string | null)[],
  spec: string | null,
): QueuedEntry[] {
  if (!stage || !endedElsewhere.includes(stage)) return []
  const entries: QueuedEntry[] = []
  if (lane) entries.push({ queue: laneName(decodeLane(lane)), entry: `${id}-${hop}` })
  if (spec !== null) {
    const { priority, sensitivity } = JSON.parse(spec) as JobSpec
    const queue = intakeName(priority, sensitivity)
    // An audit that was put off has an entry of its own.
    const turns = Array.from({ length: Number(audits ?? 0) + 1 }, (_, turn) => `${id}-0-${turn}`)
    entries.push(...[`${id}-0`, ...turns].map((entry) => ({ queue, entry })))
  }
  return entries
}
