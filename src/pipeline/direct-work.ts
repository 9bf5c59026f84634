import type { JobId } from '../core/job.ts'
import type { FirstClaim, JobStore, Lane, QueueEntry, Started } from '../core/ports.ts'
import { ClaimLostError } from './attempt-run.ts'
import type { DispatchDeps } from './dispatch-deps.ts'
import { dispatchClaimed } from './dispatch-job.ts'

/** Room for one job at a dispatcher of this process, taken before the job is stored. */
export interface DirectPlace {
  /** With this the job's first attempt begins in the step that stores it. */
  readonly claim: FirstClaim
  /** Works on the job, which was claimed. */
  begin(job: { readonly id: JobId; readonly start: Started; readonly traceparent: string | undefined }): void
  /** The job was not claimed: gives the room back. */
  leave(): void
}

/** Takes room for a job that would go to a lane and there to a deployment; null where it must go there and wait. */
export type TakePlace = (lane: Lane, deployment: string) => DirectPlace | null

/** Why work is given up whose job has ended, or is somebody else's by now. */
export const jobStopped = new Error('the job is to be stopped')

/** Room for one call. */
export interface Room {
  /** Fires when the work is to be given up: because of `jobStopped`, else for others to take. */
  readonly signal: AbortSignal
  /** Says which job it is, for those who may stop it. */
  begin(id: JobId): void
  leave(): void
}

export interface DirectWorkDeps extends DispatchDeps {
  readonly keeper: Pick<JobStore, 'keep'>
  /** How long this process may be silent before somebody else looks after its jobs, in milliseconds. */
  readonly leaseMs: number
  readonly queueOf: (lane: Lane) => string
  readonly takeRoom: (lane: Lane, deployment: string) => Room | null
}

/**
 * Jobs that a dispatcher claims as they are accepted, without a way through its lane. No queue entry stands for them: as
 * long as this process is there it says so to the store, and when it is not, the courier finds them in `untaken`.
 */
export class DirectWork {
  readonly #deps: DirectWorkDeps
  readonly #kept = new Set<JobId>()
  readonly #timer: NodeJS.Timeout

  constructor(deps: DirectWorkDeps) {
    this.#deps = deps
    this.#timer = setInterval(() => this.#keep(), deps.leaseMs / 3).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  take(lane: Lane, deployment: string): DirectPlace | null {
    const { gateOf, upstreamOf, refusalOf, takeRoom, node, leaseMs } = this.#deps
    const gate = gateOf(deployment)
    if (!gate || refusalOf?.(deployment, lane.sensitivity)) return null
    const room = takeRoom(lane, deployment)
    if (!room) return null
    const nowMs = Date.now()
    const inputPrice = upstreamOf(deployment)?.price?.input ?? 0
    return {
      claim: { node, nowMs, inputPrice, gate: { ...gate, tokens: 0 }, keptUntilMs: nowMs + leaseMs },
      begin: ({ id, start, traceparent }) => {
        const queue = this.#deps.queueOf(lane)
        void this.#work({ id, hop: 1, deployment, queue, waitedMs: 0, traceparent }, start, lane, room)
      },
      leave: () => room.leave(),
    }
  }

  async #work(entry: QueueEntry, start: Started, lane: Lane, room: Room): Promise<void> {
    const { id, hop, deployment, traceparent } = entry
    const { queues, log } = this.#deps
    this.#kept.add(id)
    room.begin(id)
    try {
      await dispatchClaimed(entry, start, room.signal, this.#deps)
      // Should the job have ended all the same, they drop it.
      if (room.signal.aborted && room.signal.reason !== jobStopped)
        await queues.addToLane(lane, { id, hop, deployment, traceparent })
    } catch (error) {
      // It ended, or somebody else has it, a moment before we were told to stop.
      if (error instanceof ClaimLostError) return void log.debug({ job: id }, 'direct work was for nothing')
      log.warn({ err: error, job: id }, 'direct work failed; its lease will run out')
    } finally {
      this.#kept.delete(id)
      room.leave()
    }
  }

  #keep(): void {
    const { keeper, leaseMs, log } = this.#deps
    keeper
      .keep([...this.#kept], Date.now() + leaseMs)
      .catch((error: unknown) => log.debug({ err: error }, 'leases of direct work could not be renewed'))
  }
}
