import type { JobId } from '../core/job.ts'

/** An entry that this node holds, and the claim of its job where there is one. */
export interface HeldJob {
  readonly id: JobId
  readonly hop: number
  /** Opaque passes of the broker: for the entry, and for the job. */
  readonly lease: string
  attempt: string | null
  fence: number | null
  /** Writes that were sent so far. */
  writes: number
  /** The broker has said that the claim counts no more. */
  isStopped: boolean
}

/** Which passes go with which job: the ports of the pipeline speak of jobs, hops and fences, the broker of passes. */
export class HeldJobs {
  readonly #held = new Set<HeldJob>()

  add(entry: { id: JobId; hop: number; lease: string }): HeldJob {
    const held: HeldJob = { ...entry, attempt: null, fence: null, writes: 0, isStopped: false }
    this.#held.add(held)
    return held
  }

  remove(held: HeldJob): void {
    this.#held.delete(held)
  }

  /** The passes of the claims that may write, as far as this node knows. */
  get attempts(): string[] {
    return [...this.#held].flatMap(({ attempt, fence, isStopped }) =>
      attempt !== null && fence !== null && !isStopped ? [attempt] : [],
    )
  }

  /** A claim that counts no more. Null where this node has claimed the job again since, or is done with it. */
  stop(attempt: string): JobId | null {
    const stopped = this.#find((held) => held.attempt === attempt)
    if (!stopped) return null
    stopped.isStopped = true
    const isOutdated = this.#find(({ id, fence }) => id === stopped.id && (fence ?? 0) > (stopped.fence ?? 0))
    return isOutdated ? null : stopped.id
  }

  byHop(id: JobId, hop: number): HeldJob | undefined {
    return this.#find((held) => held.id === id && held.hop === hop)
  }

  byFence(id: JobId, fence: number): HeldJob | undefined {
    return this.#find((held) => held.id === id && held.fence === fence)
  }

  ofJob(id: JobId): HeldJob | undefined {
    return this.#find((held) => held.id === id)
  }

  /** The latest: an entry whose lease was lost may be here still when it is delivered again. */
  #find(isWanted: (held: HeldJob) => boolean): HeldJob | undefined {
    return [...this.#held].findLast(isWanted)
  }
}
