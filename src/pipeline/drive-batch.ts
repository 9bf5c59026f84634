import { type BatchId, type BatchRecord, isBatchEnd } from '../core/batch.ts'
import type { LineOutcome } from '../core/batch-line.ts'
import type { BatchLoad } from '../core/batch-store.ts'
import { BlobMissingError } from '../core/blob-store.ts'
import type { JobId } from '../core/job.ts'
import type { Logger } from '../core/telemetry.ts'
import type { BatchDeps } from './batch-deps.ts'
import { collectBatch } from './collect-batch.ts'
import { endOpenJobs, finishBatch, passOverLines } from './end-batch.ts'
import { feedBatch, recoverLines, type Started } from './feed-batch.ts'
import { validateBatch } from './validate-batch.ts'

export interface DriveOptions {
  readonly deps: BatchDeps
  /** Lines whose jobs run or wait at the same time. */
  readonly window: number
  /** Called now and then while a step takes long; throws when it is to be given up. */
  readonly keepOn: () => Promise<void>
  readonly log: Logger
}

/** Of the jobs that may be open over all tenants, in percent: batches leave the rest to everybody else. */
const shareOfOpenJobs = 80
const mostCollected = 200
/** Outcomes are written when so many have come, or the first of them has waited for this long. */
const enoughEnded = 50
const longestWaitMs = 1_000
/** How often jobs are looked for whose end nobody told of. */
const recoverEveryMs = 30_000
const idleMs = 250

/**
 * Drives one batch, a step at a time. All that must survive is in the store, where each step is made once; what is kept
 * here can be found out again, so any courier can go on where another one has died.
 */
export class BatchDriver {
  readonly #id: BatchId
  readonly #options: DriveOptions
  readonly #refused = new Map<JobId, LineOutcome>()
  #recoverAtMs = 0
  #feedAtMs = 0
  #collectedAtMs = 0

  constructor(id: BatchId, options: DriveOptions) {
    this.#id = id
    this.#options = options
  }

  /** Makes the next step. Returns how long to wait before the one after it, unless something happens; null at the end. */
  async step(): Promise<number | null> {
    const { deps } = this.#options
    const batch = await deps.batches.read(this.#id)
    if (!batch || isBatchEnd(batch.status)) return null
    if (!batch.isValidated) return this.#validate(batch)
    const nowMs = deps.accept.now()
    if (!batch.ending && nowMs >= batch.spec.expiresAtMs) {
      await deps.batches.startEnding(batch.id, 'expired', nowMs)
      return 0
    }
    return batch.ending ? this.#runDown(batch) : this.#run(batch, nowMs)
  }

  async #validate(batch: BatchRecord): Promise<number> {
    const { deps, keepOn } = this.#options
    const found = await validateBatch(batch.spec, deps, keepOn).catch((error: unknown) => {
      if (!(error instanceof BlobMissingError)) throw error
      return { kind: 'invalid', errors: [inputGone] } as const
    })
    if (found.kind === 'invalid') await finishBatch(batch, { status: 'failed', errors: found.errors }, deps)
    else await deps.batches.begin(batch.id, { ...found, nowMs: deps.accept.now() })
    return 0
  }

  async #run(batch: BatchRecord, nowMs: number): Promise<number> {
    const { deps } = this.#options
    if (nowMs >= this.#recoverAtMs) {
      this.#recoverAtMs = nowMs + recoverEveryMs
      this.#take(await recoverLines(batch, deps), nowMs)
    }
    const load = await deps.batches.load(batch.id)
    const collected = this.#isDue(load, nowMs) && (await this.#collect(batch))
    const fed = nowMs >= this.#feedAtMs && (await this.#feed(batch, load, nowMs))
    if (collected || fed) return 0
    if (load.open === 0 && (await this.#isAtEnd(batch))) {
      await finishBatch(batch, { status: 'completed' }, deps)
      return 0
    }
    return idleMs
  }

  #isDue({ open, ended }: BatchLoad, nowMs: number): boolean {
    // Outcomes of lines that count already, because another courier has written them.
    if (open === 0) this.#refused.clear()
    const waiting = ended + this.#refused.size
    if (waiting === 0) return false
    return waiting >= enoughEnded || waiting >= open || nowMs - this.#collectedAtMs >= longestWaitMs
  }

  /** Whether anything came of it. */
  async #collect(batch: BatchRecord): Promise<boolean> {
    const { deps } = this.#options
    this.#collectedAtMs = deps.accept.now()
    const { lines, lost } = await collectBatch(batch, { refused: this.#refused, limit: mostCollected }, deps)
    if (lost > 0) this.#recoverAtMs = Math.min(this.#recoverAtMs, this.#collectedAtMs + longestWaitMs)
    return lines > 0
  }

  async #feed(batch: BatchRecord, { open, ended }: BatchLoad, nowMs: number): Promise<boolean> {
    const { deps, window } = this.#options
    const { openJobs, maxOpenJobs } = deps.accept
    const ofAll = Math.floor((maxOpenJobs * shareOfOpenJobs) / 100) - openJobs()
    // What has ended takes no place in a lane, but it must not pile up either.
    const free = Math.min(window - (open - ended), 2 * window - open, ofAll)
    // A few at a time would read the file as often.
    if (free < Math.min(window / 4, 1 + open)) return false
    const feeding = await feedBatch(batch, free, deps)
    this.#take(feeding, nowMs)
    return feeding.isMoved
  }

  #take({ refused, waitMs }: Started, nowMs: number): void {
    for (const [job, outcome] of refused) this.#refused.set(job, outcome)
    if (waitMs === null) return
    this.#feedAtMs = nowMs + waitMs
    this.#recoverAtMs = nowMs + waitMs
  }

  async #isAtEnd(batch: BatchRecord): Promise<boolean> {
    const file = await this.#options.deps.files.read(batch.spec.inputFile)
    return file === null || batch.cursor.offset >= file.bytes
  }

  /** Lines with a job first, then those without. */
  async #runDown(batch: BatchRecord): Promise<number> {
    const { deps, log } = this.#options
    for (const [job, outcome] of await endOpenJobs(batch, deps)) {
      if (!this.#refused.has(job)) this.#refused.set(job, outcome)
    }
    if (await this.#collect(batch)) return 0
    const { open } = await deps.batches.load(batch.id)
    if (open > 0) return idleMs
    try {
      if (await passOverLines(batch, deps)) return 0
    } catch (error) {
      if (!(error instanceof BlobMissingError)) throw error
      log.error(
        { batch: batch.id, err: error },
        'the input of a batch is gone; lines that were not run have no outcome',
      )
    }
    await finishBatch(batch, { status: batch.ending ?? 'cancelled' }, deps)
    return 0
  }
}

const inputGone = {
  code: 'input_file_missing',
  message: 'The content of the input file is gone.',
  param: 'input_file_id',
  line: null,
} as const
