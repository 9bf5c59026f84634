import { setTimeout as sleep } from 'node:timers/promises'
import type { BatchId } from '../core/batch.ts'
import type { RecordObserver } from '../core/record-archive.ts'
import type { Logger } from '../core/telemetry.ts'
import type { BatchDeps } from './batch-deps.ts'
import { BatchDriver } from './drive-batch.ts'

export interface BatchRunnerOptions {
  readonly deps: BatchDeps
  /** Unique among all couriers. */
  readonly holder: string
  /** How long a courier may be silent before another one drives its batches, in milliseconds. */
  readonly leaseMs: number
  readonly window: number
  readonly log: Logger
}

/** Batches that one courier drives at the same time; others wait for one of them to end. */
const mostAtOnce = 64
const scanEveryMs = 500
const pauseAfterErrorMs = 1_000

/**
 * Drives the batches that have not ended, each by one courier at a time. A courier that dies leaves its batches to the
 * next one, when its lease is over.
 */
export class BatchRunner {
  readonly #options: BatchRunnerOptions
  readonly #stop = new AbortController()
  readonly #driving = new Map<BatchId, { done: Promise<void>; wake: () => void }>()
  #scanning: Promise<void> | null = null

  constructor(options: BatchRunnerOptions) {
    this.#options = options
  }

  start(): void {
    this.#scanning ??= this.#scan()
  }

  /** Ends after the steps in hand, and leaves the batches to others. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#scanning
    await Promise.all([...this.#driving.values()].map(({ done }) => done))
  }

  /** Notes which lines have ended, as the recorder tells of their jobs, and lets their batches go on at once. */
  get observer(): RecordObserver {
    return {
      observe: async (batch) => {
        const ended = Map.groupBy(
          batch.filter(({ record, owner }) => record.kind === 'end' && owner?.batch !== undefined),
          ({ owner }) => owner?.batch as BatchId,
        )
        for (const [id, records] of ended) {
          await this.#options.deps.batches.noteEnds(
            id,
            records.map(({ record }) => record.job),
          )
          this.#driving.get(id)?.wake()
        }
      },
    }
  }

  async #scan(): Promise<void> {
    const { deps, holder, leaseMs, log } = this.#options
    while (!this.#isStopping) {
      try {
        for (const id of await deps.batches.unfinished()) {
          if (this.#driving.size >= mostAtOnce || this.#isStopping) break
          if (this.#driving.has(id) || !(await deps.batches.lease(id, holder, leaseMs))) continue
          this.#begin(id)
        }
      } catch (error) {
        log.debug({ err: error }, 'batches could not be looked for; it is tried again')
      }
      await this.#pause(scanEveryMs)
    }
  }

  #begin(id: BatchId): void {
    const bell = { ring: () => {} }
    const done = this.#drive(id, bell).finally(() => this.#driving.delete(id))
    this.#driving.set(id, { done, wake: () => bell.ring() })
  }

  async #drive(id: BatchId, bell: { ring: () => void }): Promise<void> {
    const { deps, holder, leaseMs, window, log } = this.#options
    let leasedAtMs = performance.now()
    const keepOn = async () => {
      if (this.#isStopping) throw new Error('the courier stops')
      if (performance.now() - leasedAtMs < leaseMs / 3) return
      if (!(await deps.batches.lease(id, holder, leaseMs))) throw new Error('another courier drives this batch')
      leasedAtMs = performance.now()
    }
    const driver = new BatchDriver(id, { deps, window, keepOn, log })
    try {
      for (;;) {
        await keepOn()
        const rung = Promise.withResolvers<void>()
        bell.ring = rung.resolve
        const waitMs = await driver.step()
        if (waitMs === null) return
        if (waitMs > 0) await Promise.race([this.#pause(waitMs), rung.promise])
      }
    } catch (error) {
      if (!this.#isStopping) {
        log.warn({ batch: id, err: error }, 'a batch could not go on; it is tried again')
        await this.#pause(pauseAfterErrorMs)
      }
    } finally {
      await deps.batches.release(id, holder).catch(() => {})
    }
  }

  get #isStopping(): boolean {
    return this.#stop.signal.aborted
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, null, { signal: this.#stop.signal, ref: false }).catch(() => {})
  }
}
