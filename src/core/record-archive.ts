import type { BatchId } from './batch.ts'
import type { JobId, MaskedCounts } from './job.ts'
import type { MicroUsd } from './pricing.ts'
import type { JobRecordEntry } from './records.ts'
import type { UsageCell } from './usage.ts'
import type { Priority, Sensitivity } from './vocabulary.ts'

/** A record with its place in the stream: `<ms>-<number>`, rising, and given once. */
export interface StreamedRecord {
  readonly id: string
  readonly record: JobRecordEntry
}

export interface OwnedRecord extends StreamedRecord {
  /** Null where the job was forgotten before its records were read. */
  readonly owner: JobOwner | null
}

/**
 * Told of records in their order, after they are archived. After a crash it is told again, so what it does must be
 * harmless twice; while it fails the recorder stands still and tries again.
 */
export interface RecordObserver {
  observe(batch: readonly OwnedRecord[]): Promise<void>
}

/** What a record does not say itself: whose job it is about. */
export interface JobOwner {
  readonly tenant: string
  /** Public id of the API key. */
  readonly key: string
  readonly model: string
  readonly tags: Readonly<Record<string, string>>
  readonly priority: Priority
  /** The class as decided so far. */
  readonly sensitivity: Sensitivity
  /** Who served it last; null until it has ended. */
  readonly deployment: string | null
  readonly createdAtMs: number
  /** The batch that it is a line of. */
  readonly batch?: BatchId
}

/** One line of the ledger, in files and in exports. Tokens in and out contain those in the cache and of reasoning. */
export interface LedgerRow {
  readonly id: string
  readonly attempt: string
  readonly job: JobId
  readonly tenant: string
  readonly key: string
  readonly model: string
  readonly deployment: string
  readonly pool: string
  readonly outcome: string
  readonly status: number | null
  readonly tokens_in: number
  readonly tokens_out: number
  readonly tokens_cached: number
  readonly tokens_reasoning: number
  /** Counted by Sluice: the provider did not say. */
  readonly estimated: boolean
  readonly micro_usd: MicroUsd
  readonly tags: Readonly<Record<string, string>>
  readonly priority: Priority | null
  readonly class: Sensitivity | null
  /** Unix time in milliseconds. */
  readonly queued_ms: number | null
  readonly started_ms: number
  readonly finished_ms: number
  /** Milliseconds from the start to the first token; null where none came. */
  readonly first_token_ms: number | null
}

/** What an entry of the audit trail says; the chain adds its place and its seal. */
export interface AuditFacts {
  /** The record's place in the stream. */
  readonly id: string
  /** Unix time in milliseconds. */
  readonly at: number
  readonly tenant: string
  readonly kind: JobRecordEntry['kind']
  readonly job: JobId
  readonly facts: Readonly<Record<string, string | number | boolean | null | readonly string[] | MaskedCounts>>
}

/** The end of a tenant's chain. */
export interface ChainHead {
  /** Number of its last entry, from 1. */
  readonly seq: number
  readonly hash: string
}

/** What belongs together: all that a batch of records becomes. */
export interface ArchiveBatch {
  readonly ledger: readonly LedgerRow[]
  readonly audit: readonly AuditFacts[]
  /** Where chains end by what Redis knows. A chain goes on from there if the archive has lost entries: a gap stays seen. */
  readonly heads: ReadonlyMap<string, ChainHead>
}

/** Where ledger and audit trail are kept for good. One writer at a time; a second one fails rather than mix in. */
export interface RecordArchive {
  /** Tells this archive from every other. */
  identify(): Promise<string>
  /**
   * Adds what it does not have yet, told by the records' ids, and resolves when it is on disk. Returns where the chains
   * of the tenants in the batch end now.
   */
  append(batch: ArchiveBatch): Promise<ReadonlyMap<string, ChainHead>>
  /** Forgets what it remembers and reads it anew: another writer may have been there. */
  reset(): Promise<void>
}

/** The right to record, and up to where that was done. */
export interface RecordLease {
  readonly fence: number
  readonly position: string
}

export interface Progress {
  readonly fence: number
  readonly from: string
  readonly to: string
  readonly usage: readonly UsageCell[]
  readonly heads: ReadonlyMap<string, ChainHead>
}

/** The stream of records, read by one recorder at a time. */
export interface RecordStream {
  /** Null while another one records. @throws Error when the records have gone to another archive so far. */
  acquire(holder: string, archive: string): Promise<RecordLease | null>
  /** False when the lease has gone to another one. */
  renew(holder: string): Promise<boolean>
  release(holder: string): Promise<void>
  /** Records after a position, in order, waiting for some up to `waitMs`. */
  read(after: string, limit: number, waitMs: number): Promise<readonly StreamedRecord[]>
  /** By job; one that has expired from the store is left out. */
  ownersOf(jobs: readonly JobId[]): Promise<ReadonlyMap<JobId, JobOwner>>
  headsOf(tenants: readonly string[]): Promise<ReadonlyMap<string, ChainHead>>
  /** Adds to the roll-ups, notes heads and position, and drops the records: one step, once. False with an old fence. */
  commit(progress: Progress): Promise<boolean>
}

/** Records that no recorder has archived yet, for whoever reads the ledger. */
export interface RecordTail {
  /** The archive that records go to; null before the first. */
  archive(): Promise<string | null>
  pending(limit: number): Promise<readonly StreamedRecord[]>
  ownersOf(jobs: readonly JobId[]): Promise<ReadonlyMap<JobId, JobOwner>>
  heads(): Promise<ReadonlyMap<string, ChainHead>>
}

/** What was archived, oldest first. */
export interface ArchiveReader {
  identify(): Promise<string | null>
  ledger(range: TimeRange): AsyncIterable<LedgerRow>
  tenants(): Promise<readonly string[]>
  /** Lines of a tenant's audit trail, as they stand in the files. */
  audit(tenant: string, range: TimeRange): AsyncIterable<string>
}

/** From `fromMs` up to but not with `toMs`. */
export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

/** Compares places in the stream. */
export function compareIds(left: string, right: string): number {
  const [leftMs = 0, leftNumber = 0] = left.split('-').map(Number)
  const [rightMs = 0, rightNumber = 0] = right.split('-').map(Number)
  return leftMs - rightMs || leftNumber - rightNumber
}
