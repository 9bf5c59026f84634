import type { BatchId } from './batch.ts'
import type { FileId } from './file.ts'
import type { JobId } from './job.ts'
import type { Stage } from './job-state.ts'
import type { ActionRecord, ErasureRecord } from './records.ts'

/** What was erased, by kind. `dead_letters` are among the `jobs`; `bytes` are those of the `files`. */
export const nothingErased = {
  jobs: 0,
  dead_letters: 0,
  batches: 0,
  files: 0,
  bytes: 0,
  webhook_endpoints: 0,
  webhook_deliveries: 0,
  cached_answers: 0,
  idempotency_keys: 0,
} as const
export type ErasedCounts = Readonly<Record<keyof typeof nothingErased, number>>

/** What became of a job that was to be destroyed. `open`: it has not ended, and nothing was changed. */
export interface Shredded {
  readonly outcome: 'missing' | 'open' | 'shredded' | 'destroyed'
  readonly wasDeadLetter: boolean
  /** Under which its answer is kept for requests that are the same. */
  readonly cacheKey: string | null
}

/**
 * Destroys jobs that have ended: request, body, vault, answer, events. What may still have to be told of in the ledger and
 * the audit trail, whose job it was and what it cost, stays until it was told.
 */
export interface JobShredder {
  /** With `record` it is noted who did it; `freesKey` lets the client's idempotency key be used again. */
  shred(
    ids: readonly JobId[],
    tenant: string,
    options?: { readonly freesKey?: boolean; readonly record?: ActionRecord },
  ): Promise<readonly Shredded[]>
  /** Removes what was left of a tenant's jobs that all has been told of. Resolves with how many went. */
  sweep(tenant: string): Promise<number>
  /** How many were shredded up to this time, by the clock of the store, and have something left. */
  countLeft(tenant: string, untilMs: number): Promise<number>
}

/** What there is of a tenant by the indexes of the store: some of what has expired may still be counted. */
export interface TenantHoldings {
  readonly tenant: string
  readonly jobs: number
  readonly files: number
  readonly batches: number
  readonly endpoints: number
}

/** Where everything of a tenant is found. Pages are small, so that nobody waits for Redis meanwhile. */
export interface TenantData {
  /** Notes tenants that are configured, so that they are known when they are no more. */
  remember(tenants: readonly string[]): Promise<void>
  /** Tenants that are, or were, configured somewhere. */
  known(): Promise<readonly string[]>
  holdings(tenants: readonly string[]): Promise<readonly TenantHoldings[]>
  /** By the clock of the store, in Unix milliseconds. */
  now(): Promise<number>
  /** The oldest jobs that were made up to this time, and after them those that are nothing but dead letters. */
  jobs(tenant: string, untilMs: number, limit: number): Promise<readonly JobId[]>
  files(tenant: string, untilMs: number, limit: number): Promise<readonly FileId[]>
  batches(tenant: string, untilMs: number, limit: number): Promise<readonly BatchId[]>
  /** Where these stand, in their order; null for one that is gone. */
  stagesOf(ids: readonly JobId[]): Promise<readonly (Stage | null)[]>
  /**
   * Forgets a batch, whatever it is doing, and lets go of its files; those that it wrote count as made by `untilMs`, and so
   * do the jobs of lines that have no outcome yet. Resolves with whether a courier may have it in hand; null where there is no such batch.
   */
  eraseBatch(id: BatchId, tenant: string, untilMs: number): Promise<{ readonly isDriven: boolean } | null>
  /** Whether some courier drives it. */
  isDriven(id: BatchId): Promise<boolean>
  /** Forgets a file, used or not. Resolves with its size in bytes; null where there is no such file. */
  eraseFile(id: FileId, tenant: string): Promise<number | null>
  /** Lets go of idempotency keys that were used up to this time. Resolves with how many were forgotten. */
  forgetKeys(tenant: string, untilMs: number): Promise<number>
  /** Forgets calls that were left whose jobs are gone. */
  forgetLeftCalls(): Promise<void>
  /** Jobs of the tenant that have a permit to run, or wait for one. */
  permitHolders(tenant: string): Promise<readonly JobId[]>
  /** Whether these are gone, or nothing but their remainder is there. */
  areErased(ids: readonly JobId[]): Promise<readonly boolean[]>
  note(record: ErasureRecord): Promise<void>
  /** A tenant that is configured nowhere and has nothing left is known no more. */
  forgetTenant(tenant: string): Promise<void>
}

/** What waits in queues. An entry has the id of its job and no content, and goes at the latest when its turn comes. */
export interface QueuedEntries {
  /**
   * Takes out what is there of jobs that were cancelled or expired. Left are entries that a worker has in hand, and those of
   * very long queues, where looking for one takes too long.
   */
  drop(ids: readonly JobId[]): Promise<void>
}
