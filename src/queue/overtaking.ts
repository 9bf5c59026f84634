/** How long an entry has been kept from starting by others that came after it. */
export interface Wait {
  /** Calls under way that came after it. */
  overtakers: number
  /** The time for which there was at least one, in milliseconds, up to the last of them. */
  keptMs: number
  /** Since when there is one; without meaning while there is none. */
  keptSinceMs: number
}

export function startOvertaking(wait: Wait, nowMs: number): void {
  if (wait.overtakers === 0) wait.keptSinceMs = nowMs
  wait.overtakers += 1
}

export function stopOvertaking(wait: Wait, nowMs: number): void {
  wait.overtakers -= 1
  if (wait.overtakers === 0) wait.keptMs += nowMs - wait.keptSinceMs
}

/**
 * Whether one more call that starts before it, and takes as long as usual, could keep it longer than it may be kept. What
 * a call took that had to load its model (`isMeasured` is false) says little of the next one: who has not been kept yet
 * is kept by one, and then it is known.
 */
export function wouldKeepTooLong(
  wait: Wait,
  facts: { nowMs: number; callMs: number; isMeasured: boolean; maxWaitMs: number },
): boolean {
  const keptMs = wait.keptMs + (wait.overtakers > 0 ? facts.nowMs - wait.keptSinceMs : 0)
  if (keptMs === 0 && wait.overtakers === 0 && !facts.isMeasured) return false
  return keptMs + facts.callMs > facts.maxWaitMs
}
