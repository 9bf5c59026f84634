import type { GateClosed } from '../core/gate.ts'
import type { Candidate } from '../core/job.ts'
import type { DispatchDeps } from './dispatch-deps.ts'

/**
 * How the gates of a job's candidates stand, in the order of the plan. Null where a call could pass, and where nobody
 * here knows: a deployment of which every node of another pool has its own.
 */
export async function closedGates(
  candidates: readonly Candidate[],
  nowMs: number,
  { gates, gateOf }: Pick<DispatchDeps, 'gates' | 'gateOf'>,
): Promise<(GateClosed | null)[]> {
  // With a single candidate there is nothing to choose.
  if (candidates.length < 2) return candidates.map(() => null)
  const settings = candidates.map(({ deployment }) => gateOf(deployment))
  const views = await gates.peek(
    settings.filter((each) => each !== null),
    nowMs,
  )
  const byGate = new Map(views.map((view) => [view.gate, view.closed]))
  return settings.map((each) => (each === null ? null : (byGate.get(each.gate) ?? null)))
}
