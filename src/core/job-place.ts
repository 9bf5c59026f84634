import type { Attempt, DispatchPlan, JobId } from './job.ts'
import type { Lane } from './ports.ts'

/** Where an open job is on its way, and where else it may go. */
export interface JobPlace {
  readonly hop: number
  readonly lane: Lane
  readonly plan: DispatchPlan
  readonly candidate: number
  readonly attempts: readonly Attempt[]
}

/** An entry of a lane that nobody works on. */
export interface IdleEntry {
  readonly id: JobId
  readonly hop: number
  /** A worker had it, whose lease has run out. */
  readonly wasTaken: boolean
}

/** What waits in lanes, for somebody who looks after lanes that nobody serves. */
export interface LaneEntries {
  /** A page of the entries of a lane, oldest first; `isLast` when nothing follows. */
  page(
    lane: Lane,
    offset: number,
    limit: number,
  ): Promise<{ readonly entries: readonly IdleEntry[]; readonly isLast: boolean }>
  /** Takes an entry out, unless a worker has it. */
  drop(lane: Lane, entry: IdleEntry): Promise<void>
}
