import type {
  BatchCursor,
  BatchError,
  BatchId,
  BatchRecord,
  BatchSpec,
  BatchUsage,
  OpenLine,
  TerminalBatchStatus,
} from './batch.ts'
import type { FileId, FilePart } from './file.ts'
import type { JobId } from './job.ts'
import type { Throughput } from './queue-place.ts'

export type CreateBatchResult =
  | { readonly kind: 'created' }
  /** The idempotency key belongs to this batch already. */
  | { readonly kind: 'exists'; readonly id: string; readonly fingerprint: string }
  /** The input file is not there any more. */
  | { readonly kind: 'gone' }

export interface BatchPage {
  readonly batches: readonly BatchRecord[]
  readonly hasMore: boolean
}

/** What is added to one of the files that a batch writes. */
export interface FileAddition {
  readonly file: FileId
  /** The file's last part as the writer found it; null for none. */
  readonly last: string | null
  /** The new part begins with the content of the last one, and takes its place. */
  readonly replacesLast: boolean
  readonly part: FilePart
}

/** Outcomes of lines that were written to blobs and now count. */
export interface BatchProgress {
  readonly tenant: string
  /** Jobs whose lines these are. */
  readonly jobs: readonly JobId[]
  readonly completed: number
  readonly failed: number
  readonly usage: BatchUsage
  /** Of the batch from now on; undefined leaves it as it is. */
  readonly pace?: Throughput
  readonly output: FileAddition | null
  readonly errors: FileAddition | null
  /** Lines that never had a job: from where to where they were passed over. */
  readonly passed?: { readonly from: BatchCursor; readonly to: BatchCursor }
}

/** How the lines of a batch stand. */
export interface BatchLoad {
  /** Lines that were given a job and have no outcome yet. */
  readonly open: number
  /** Of these, those whose job was seen to end. */
  readonly ended: number
}

/** What lines do that have a job and no outcome yet. */
export interface BatchStanding {
  /** Lines whose call is under way. */
  readonly running: number
  /** Of the line that came first of those that wait; null for none. */
  readonly next: JobId | null
}

/**
 * Batches and their progress. Every method is one atomic step that says what it found before it changes anything, so two
 * couriers at one batch, or one that comes back from the dead, do each step once.
 */
export interface BatchStore {
  create(
    id: BatchId,
    spec: BatchSpec,
    idempotency?: { readonly key: string; readonly fingerprint: string },
  ): Promise<CreateBatchResult>
  read(id: BatchId): Promise<BatchRecord | null>
  /** Newest first. */
  list(query: { tenant: string; after?: BatchId; limit: number }): Promise<BatchPage>
  /** False when it is coming to an end, or has come to it, already. */
  startEnding(id: BatchId, ending: 'cancelled' | 'expired', nowMs: number): Promise<boolean>
  /** Batches that have not ended, the oldest first. */
  unfinished(): Promise<readonly BatchId[]>
  /** The right to drive a batch, for `leaseMs`: it spares couriers to do things twice; nothing depends on it. */
  lease(id: BatchId, holder: string, leaseMs: number): Promise<boolean>
  release(id: BatchId, holder: string): Promise<void>
  /** It was looked through and nothing was wrong. */
  begin(id: BatchId, facts: { total: number; model: string | null; nowMs: number }): Promise<void>
  load(id: BatchId): Promise<BatchLoad>
  /** Gives lines their jobs and moves on, once. False when the cursor was elsewhere, or the batch is coming to an end. */
  assign(id: BatchId, lines: readonly OpenLine[], move: { from: BatchCursor; to: BatchCursor }): Promise<boolean>
  standing(id: BatchId): Promise<BatchStanding>
  openLines(id: BatchId): Promise<readonly OpenLine[]>
  /** Notes that these jobs have ended. */
  noteEnds(id: BatchId, jobs: readonly JobId[]): Promise<void>
  /** Lines whose job was seen to end, some of them. */
  endedLines(id: BatchId, limit: number): Promise<readonly OpenLine[]>
  /** Lets outcomes count. False when some of them count already, or a file has grown since: nothing was changed. */
  commit(id: BatchId, progress: BatchProgress): Promise<boolean>
  /** False when some line has no outcome yet, or it has ended: nothing was changed. */
  finish(
    id: BatchId,
    end: {
      status: TerminalBatchStatus
      errors?: readonly BatchError[]
      nowMs: number
      /** When its own files are to be removed. */
      filesExpireAtMs: number
      /** When the batch itself is forgotten. */
      forgetAtMs: number
    },
  ): Promise<boolean>
}
