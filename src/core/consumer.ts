import type { QueueEntry } from './ports.ts'

/** What a worker wants of the queues that it serves. */
export interface ConsumeOptions {
  /** Entries that are worked on at once. */
  readonly concurrency: number
  /** Batch entries are only begun while fewer than this are worked on; as many as others unless given. */
  readonly batchConcurrency?: number
  /** Batch entries are begun one at a time, with rests between them, while others come. */
  readonly yields?: boolean
  /** Entries that may be held beyond that, so that there is something to choose from. */
  readonly lookAhead: number
  /**
   * Does the work. Resolves when the entry is done with, whatever became of the job. A rejection leaves the entry to its
   * lease: it is delivered again when that has run out. `signal` fires when the lease is lost, or the entry was handed
   * back. Entries held ahead are handed over too: the handler waits for its turn inside, and calls `begin` when the work
   * starts; an entry that has not begun may be handed back at any time.
   */
  readonly handle: (entry: QueueEntry, signal: AbortSignal, begin: () => void) => Promise<void>
}

/** Takes entries out of queues under leases, for as long as it runs. */
export interface EntryConsumer {
  start(): Promise<void>
  /**
   * Takes nothing more and waits up to `graceMs` for what is in flight; then aborts it and hands it back, so that
   * another worker has it at once instead of after the lease. Resolves soon after that in any case.
   */
  stop(graceMs: number): Promise<void>
  /** Takes nothing new until `resume`; hands back what has not begun. */
  pause(): Promise<void>
  resume(): void
  /** Entries that are worked on, and entries that are only held. */
  readonly inFlight: number
  readonly waiting: number
}
