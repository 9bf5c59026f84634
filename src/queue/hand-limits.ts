import type { ConsumeOptions } from '../core/consumer.ts'
import type { Priority } from '../core/vocabulary.ts'

/** What can't start at a worker is left to those with a free slot for so long, before it is taken ahead. */
export const aheadAfterMs = 50

export type HandSize = Pick<ConsumeOptions, 'concurrency' | 'batchConcurrency' | 'lookAhead'>

/** Batch work never takes the last slot of several: an interactive job must not wait for a long batch job to end. */
export function slotLimit({ concurrency, batchConcurrency = concurrency }: HandSize, priority: Priority): number {
  if (priority !== 'batch') return concurrency
  return Math.min(batchConcurrency, concurrency > 1 ? concurrency - 1 : concurrency)
}

/**
 * How many entries may be in hand for one more of this priority to be taken. A quarter of the places ahead is kept for
 * interactive entries, and another one is kept from batch entries: what waits in hand must not keep out what goes first.
 */
export function handLimit(size: HandSize, priority: Priority): number {
  if (size.lookAhead === 0) return slotLimit(size, priority)
  const all = size.concurrency + size.lookAhead
  const kept = Math.ceil(size.lookAhead / 4)
  const limits = { interactive: all, standard: all - kept, batch: all - 2 * kept }
  return Math.max(slotLimit(size, priority), limits[priority])
}

/** Whether an entry has only just come. The clock of whoever added it may be ahead: such an entry counts as old. */
export function isYoung({ readyAtMs }: { readonly readyAtMs: number }, nowMs: number): boolean {
  const ageMs = nowMs - readyAtMs
  return ageMs >= 0 && ageMs < aheadAfterMs
}
