import { type BatchRecord, isBatchEnd } from '../core/batch.ts'
import { type BatchPlace, batchEtaSeconds, linesLeft } from '../core/batch-place.ts'
import type { BatchStore } from '../core/batch-store.ts'
import type { JobStore } from '../core/ports.ts'
import type { QueuePlaces } from '../core/queue-place.ts'

export interface LocateDeps {
  readonly batches: Pick<BatchStore, 'standing'>
  readonly store: Pick<JobStore, 'read'>
  readonly places: QueuePlaces
  readonly now: () => number
}

/** How far a batch is; null for one that has ended. */
export async function locateBatch(batch: BatchRecord, deps: LocateDeps): Promise<BatchPlace | null> {
  if (isBatchEnd(batch.status)) return null
  const { running, next } = await deps.batches.standing(batch.id)
  // The counts were read before: what came to its end meanwhile runs no more.
  const waiting = Math.max(0, linesLeft(batch) - running)
  const job = next === null ? null : await deps.store.read(next)
  const place = job && (await deps.places.placeOf(job))
  return { running, waiting, position: place?.position ?? null, etaSeconds: batchEtaSeconds(batch, deps.now()) }
}

/** The same for one of many in a list: only what its record says. */
export function glanceAtBatch(batch: BatchRecord, nowMs: number): BatchPlace | null {
  if (isBatchEnd(batch.status)) return null
  return { running: null, waiting: null, position: null, etaSeconds: batchEtaSeconds(batch, nowMs) }
}
