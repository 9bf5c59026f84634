import type { BatchRecord } from './batch.ts'
import { etaSeconds } from './queue-place.ts'

/** How far a batch is that has not ended. Null where it is not known, or was not looked up. */
export interface BatchPlace {
  /** Lines whose call is under way. */
  readonly running: number | null
  /** Lines that neither run nor have an outcome that counts. */
  readonly waiting: number | null
  /** Of its next line, among all jobs that wait for the same: 1 is next. */
  readonly position: number | null
  /** Until the last of its lines has an outcome. */
  readonly etaSeconds: number | null
}

/**
 * Whole seconds until a batch has an outcome for each line, by how fast the last ones came. While nothing comes it grows;
 * null while nothing has come yet, after a quarter of an hour without news, and in every state but `in_progress`.
 */
export function batchEtaSeconds(batch: Pick<BatchRecord, 'status' | 'pace' | 'counts'>, nowMs: number): number | null {
  if (batch.status !== 'in_progress') return null
  const { atMs, jobs, busyMs } = batch.pace
  return etaSeconds(linesLeft(batch), { atMs, jobs, busyMs: busyMs + Math.max(0, nowMs - atMs) }, nowMs)
}

/** Lines that have no outcome that counts. */
export function linesLeft({ counts }: Pick<BatchRecord, 'counts'>): number {
  return counts.total - counts.completed - counts.failed
}
