import type { FastifyReply } from 'fastify'
import type { FailedCall } from '../core/failed-call.ts'
import type { JobId } from '../core/job.ts'
import type { TerminalFacts } from '../core/job-event.ts'
import type { Logger } from '../core/telemetry.ts'
import { type AttachDeps, findSentBefore } from '../pipeline/attach-call.ts'
import { leaveStream, leaveWait } from '../pipeline/leave-call.ts'
import { findFailure, noteFailure, type RepeatDeps } from '../pipeline/repeat-failure.ts'

export type ReaderWatchDeps = AttachDeps & RepeatDeps & Parameters<typeof leaveStream>[1] & { readonly log: Logger }

/** Sees to it that the jobs of readers who hang up end or wait for them, as `pipeline/leave-call.ts` has it. */
export class ReaderWatch {
  readonly #deps: ReaderWatchDeps
  readonly #leaving = new Set<Promise<void>>()
  readonly #cuts = new Set<() => void>()
  #isStopping = false

  constructor(deps: ReaderWatchDeps) {
    this.#deps = deps
  }

  /** Whether any call was left or has failed: only then may an ordinary request be one that was sent before. */
  get hasAny(): boolean {
    return this.#deps.left.hasAny || this.#deps.failed.hasAny
  }

  /** @see findFailure */
  findFailure(call: Parameters<typeof findFailure>[0]): Promise<FailedCall | null> {
    return findFailure(call, this.#deps)
  }

  /** The client of a job is about to be told that it failed. What can't be noted costs a job more, and no answer. */
  async failed(job: JobId, facts: TerminalFacts): Promise<void> {
    await noteFailure(job, facts, this.#deps).catch((error: unknown) => {
      this.#deps.log.debug({ err: error, job }, 'a failure could not be noted')
    })
  }

  /** @see findSentBefore */
  findSentBefore(call: Parameters<typeof findSentBefore>[0]): Promise<JobId | null> {
    return findSentBefore(call, this.#deps)
  }

  /** Somebody asks for a job by its id. */
  returned(job: JobId): void {
    this.#deps.left.returnTo(job)
  }

  /**
   * Watches over the reader of a job's answer: calls `onLeave` when it hangs up, and `onCut` before this process does. A
   * stream is delivered when its end was written, an answer in one piece when the last byte of it went out.
   */
  watch(
    reply: FastifyReply,
    job: JobId,
    options: { isStream: boolean; onLeave?: () => void; onCut?: () => void },
  ): void {
    const { raw } = reply
    const { onCut } = options
    if (onCut) this.#cuts.add(onCut)
    const look = () => {
      if (onCut) this.#cuts.delete(onCut)
      if (options.isStream ? raw.writableEnded : raw.writableFinished) return
      options.onLeave?.()
      if (this.#isStopping && options.isStream) return
      this.#leave(job, options.isStream)
    }
    // It may have gone while its job was taken in.
    if (raw.closed || raw.destroyed) look()
    else raw.once('close', look)
  }

  /** From now on connections are closed by this process. Resolves when what was left until then is noted. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.settled()
  }

  /** Has the streams say that they are cut short that have a way to say it. */
  cut(): void {
    for (const onCut of this.#cuts) onCut()
  }

  async settled(): Promise<void> {
    await Promise.all(this.#leaving)
  }

  #leave(job: JobId, isStream: boolean): void {
    const { log } = this.#deps
    const left = isStream ? leaveStream(job, this.#deps) : leaveWait(job, this.#isStopping, this.#deps)
    const leaving = left.catch((error: unknown) =>
      log.warn({ err: error, job }, 'a job was left by its reader and goes on'),
    )
    this.#leaving.add(leaving)
    void leaving.then(() => this.#leaving.delete(leaving))
  }
}
