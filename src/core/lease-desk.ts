import type { QueueEntry } from './ports.ts'

/** What it takes to keep, end or give back a queue entry, from whichever process: the lock is in Redis. */
export interface Lease {
  readonly queue: string
  /** The queue's own id of the entry. */
  readonly entryId: string
  /** Of this delivery alone: when the entry is delivered again, the lease before opens nothing any more. */
  readonly token: string
}

export interface LeasedEntry {
  readonly lease: Lease
  readonly entry: QueueEntry
}

/** What somebody has room for. Of `max` entries at most `maxBatch` are of priority batch. */
export interface Room {
  readonly max: number
  readonly maxBatch: number
}

/** Hands the entries of a pool's lanes out to whoever asks, under leases that any process can work on. */
export interface LeaseDesk {
  /** At once where there is work, else when some comes, but after `waitMs` in any case. `gone`: nobody waits any more. */
  take(room: Room, waitMs: number, gone: AbortSignal): Promise<readonly LeasedEntry[]>
  /** Resolves with the leases that are lost. */
  renew(leases: readonly Lease[]): Promise<readonly Lease[]>
  holds(lease: Lease): Promise<boolean>
  /** False when the lease was lost, or the entry ended already. */
  complete(lease: Lease): Promise<boolean>
  /** Puts the entry back to the front of its queue. False as above. */
  handBack(lease: Lease): Promise<boolean>
}
