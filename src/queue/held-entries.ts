import type { Job, Worker } from 'bullmq'
import type { QueueEntry } from '../core/ports.ts'
import { priorities } from '../core/vocabulary.ts'
import type { EntryData } from './bullmq-queues.ts'
import type { QueueName } from './lane-names.ts'
import { readEntry } from './manual-worker.ts'

export interface ServedQueue extends QueueName {
  readonly worker: Worker<EntryData>
}

/** One delivery of an entry. It takes a place until the work on it has ended, whoever has the entry by then. */
export interface Held {
  readonly job: Job<EntryData>
  readonly entry: QueueEntry
  readonly queue: ServedQueue
  /** Of this delivery alone: when the entry is delivered again, even to this process, it can end it no more. */
  readonly token: string
  readonly abort: AbortController
  /** False once the entry was handed back or its lease was lost. */
  isOurs: boolean
  /** False while it is only held ahead: then another worker may have it at any time. */
  hasBegun: boolean
}

/** A slot for work that no queue entry stands for. */
export interface Slot {
  /** Aborted when the consumer stops and the work must be given up. */
  readonly abort: AbortController
  release(): void
}

/** The entries that a consumer has in hand, and their leases. */
export class HeldEntries {
  readonly #held = new Set<Held>()
  readonly #slots = new Set<AbortController>()
  readonly #leaseMs: number

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  get size(): number {
    return this.#held.size + this.#slots.size
  }

  /** Entries that are only held, in the order in which they came. */
  get ahead(): Held[] {
    return [...this.#held].filter(({ hasBegun, isOurs }) => !hasBegun && isOurs)
  }

  get begun(): number {
    let count = this.#slots.size
    for (const { hasBegun } of this.#held) if (hasBegun) count += 1
    return count
  }

  /** A delivery that is ours from now on. */
  describe(job: Job<EntryData>, queue: ServedQueue): Omit<Held, 'token' | 'hasBegun'> {
    return { job, entry: readEntry(job, queue.name), queue, abort: new AbortController(), isOurs: true }
  }

  add(held: Held): void {
    this.#held.add(held)
  }

  delete(held: Held): void {
    held.isOurs = false
    this.#held.delete(held)
  }

  takeSlot(onRelease: () => void): Slot {
    const abort = new AbortController()
    this.#slots.add(abort)
    const release = () => {
      if (this.#slots.delete(abort)) onRelease()
    }
    return { abort, release }
  }

  hasOf(queue: ServedQueue): boolean {
    for (const held of this.#held) if (held.queue === queue) return true
    return false
  }

  /** Whether an entry of this queue would go before one in hand. */
  hasLowerThan(queue: QueueName): boolean {
    const rank = rankOf(queue)
    for (const held of this.#held) if (rankOf(held.queue) > rank) return true
    return false
  }

  /** Extends all leases. The work on an entry whose lease is lost is aborted. */
  async renew(): Promise<void> {
    const ours = [...this.#held].filter(({ isOurs }) => isOurs)
    const byQueue = Map.groupBy(ours, ({ queue }) => queue)
    await Promise.all([...byQueue].map(([queue, held]) => this.#renewIn(queue, held)))
  }

  /** Gives up everything that is in hand, so that others have it at once. */
  handBackAll(reason: string): Promise<unknown> {
    for (const abort of this.#slots) abort.abort(new Error(reason))
    return this.handBack([...this.#held], reason)
  }

  /** Puts entries in front of their queues again, the first one first. */
  handBack(some: readonly Held[], reason: string): Promise<unknown> {
    const ours = some.filter(({ isOurs }) => isOurs).toReversed()
    for (const held of ours) {
      held.isOurs = false
      held.abort.abort(new Error(reason))
    }
    return Promise.allSettled(ours.map(({ job, token }) => job.moveToWait(token)))
  }

  async #renewIn(queue: ServedQueue, held: readonly Held[]): Promise<void> {
    const ids = held.map(({ job }) => String(job.id))
    const tokens = held.map(({ token }) => token)
    const lost = new Set(await queue.worker.extendJobLocks(ids, tokens, this.#leaseMs))
    for (const each of held) {
      if (!each.isOurs || !lost.has(String(each.job.id))) continue
      each.isOurs = false
      each.abort.abort(new Error('the lease was lost'))
    }
  }
}

export function rankOf(queue: QueueName): number {
  return priorities.indexOf(queue.priority)
}
