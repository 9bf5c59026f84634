import { setTimeout as sleep } from 'node:timers/promises'
import type { AccountHolder } from '../core/budget.ts'
import type { JobId } from '../core/job.ts'
import { toAuditFacts, toLedgerRow } from '../core/ledger.ts'
import type { MicroUsd } from '../core/pricing.ts'
import type {
  JobOwner,
  RecordArchive,
  RecordLease,
  RecordObserver,
  RecordStream,
  StreamedRecord,
} from '../core/record-archive.ts'
import type { Logger } from '../core/telemetry.ts'
import { countUsage } from '../core/usage.ts'

/** What is done about money and limits. Both are called again after a crash, and must then change nothing. */
export interface Settlement {
  attemptEnded(entry: {
    job: JobId
    attemptId: string
    holder: AccountHolder
    cost: MicroUsd
    tokens: number
    nowMs: number
  }): Promise<void>
  /** After all its attempts. The holder is null where the job was forgotten before its records were read. */
  jobEnded(job: JobId, holder: AccountHolder | null, nowMs: number): Promise<void>
}

export interface RecorderDeps {
  readonly stream: RecordStream
  readonly archive: RecordArchive
  readonly settlement: Settlement
  readonly observers: readonly RecordObserver[]
  readonly log: Logger
  /** Unique among all recorders. */
  readonly holder: string
  readonly now: () => number
}

const batchSize = 500
/** How long a read waits for records; the lease is renewed in between. */
const readWaitMs = 500
/** Batches that are not full follow each other no faster: records that come one by one would cost a sync to disk each. */
const lingerMs = 50
/** How often a recorder without the lease asks for it, and how soon one goes on after a failure. */
const pauseMs = 250

/**
 * Turns the records of jobs into ledger, audit trail, roll-ups and settled budgets. Of all recorders one works at a time.
 *
 * The order makes every record count once, wherever the process dies: settlement (accounts know an attempt they have booked)
 * → files (which know a record they hold) → observers → roll-ups and position, in one step of Redis. What dies in between is done
 * again by the next recorder, from the same position.
 */
export class Recorder {
  readonly #deps: RecorderDeps
  readonly #stop = new AbortController()
  #running: Promise<void> | null = null
  #complaint = ''

  constructor(deps: RecorderDeps) {
    this.#deps = deps
  }

  /** Records until it is stopped. Never rejects: what fails is logged and tried again. */
  run(): Promise<void> {
    this.#running ??= this.#run()
    return this.#running
  }

  /** Ends after the batch in hand, gives the lease back and closes the archive. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
    await this.#deps.archive.reset().catch(() => {})
    await this.#deps.stream.release(this.#deps.holder).catch(() => {})
  }

  async #run(): Promise<void> {
    const { stream, archive, holder } = this.#deps
    while (!this.#isStopping) {
      try {
        const lease = await stream.acquire(holder, await archive.identify())
        if (lease) await this.#record(lease)
        else await this.#pause()
      } catch (error) {
        this.#complain(error)
        await this.#pause()
      }
    }
  }

  /** Until the lease is lost, or something fails. */
  async #record({ fence, position }: RecordLease): Promise<void> {
    const { stream, archive, holder } = this.#deps
    // Another recorder may have written since this one last looked.
    await archive.reset()
    let from = position
    while (!this.#isStopping) {
      const startedAtMs = performance.now()
      const batch = await stream.read(from, batchSize, readWaitMs)
      const last = batch.at(-1)
      if (!last) {
        if (!(await stream.renew(holder))) return
        continue
      }
      if (!(await this.#book(batch, { fence, from, to: last.id }))) return
      from = last.id
      this.#complaint = ''
      const restMs = lingerMs - (performance.now() - startedAtMs)
      if (batch.length < batchSize && restMs > 0) await this.#pause(restMs)
    }
  }

  /** False when another recorder has taken over. */
  async #book(
    batch: readonly StreamedRecord[],
    progress: { fence: number; from: string; to: string },
  ): Promise<boolean> {
    const { stream, archive } = this.#deps
    const owners = await stream.ownersOf([...new Set(batch.map(({ record }) => record.job))])
    const ownerOf = (job: JobId) => owners.get(job) ?? null
    await this.#settle(batch, ownerOf)
    const audit = batch.map((each) => toAuditFacts(each, ownerOf(each.record.job)))
    const known = await stream.headsOf([...new Set(audit.map(({ tenant }) => tenant))])
    const heads = await archive.append({
      ledger: batch.flatMap((each) => toLedgerRow(each, ownerOf(each.record.job)) ?? []),
      audit,
      heads: known,
    })
    const owned = batch.map((each) => ({ ...each, owner: ownerOf(each.record.job) }))
    for (const observer of this.#deps.observers) await observer.observe(owned)
    const usage = batch.flatMap(({ record }) => countUsage(record, ownerOf(record.job)))
    return stream.commit({ ...progress, usage, heads })
  }

  /** First what attempts cost, then what their jobs no longer need. */
  async #settle(batch: readonly StreamedRecord[], ownerOf: (job: JobId) => JobOwner | null): Promise<void> {
    const { settlement, now } = this.#deps
    const nowMs = now()
    const settling = batch.map(async ({ record }) => {
      const owner = ownerOf(record.job)
      if (record.kind !== 'attempt' || !owner) return
      const { job, attemptId, cost, usage } = record
      const tokens = usage?.total_tokens ?? 0
      await settlement.attemptEnded({ job, attemptId, holder: holderOf(owner), cost, tokens, nowMs })
    })
    await Promise.all(settling)
    const ended = batch.filter(({ record }) => record.kind === 'end')
    const releasing = ended.map(({ record: { job } }) => {
      const owner = ownerOf(job)
      return settlement.jobEnded(job, owner && holderOf(owner), nowMs)
    })
    await Promise.all(releasing)
  }

  get #isStopping(): boolean {
    return this.#stop.signal.aborted
  }

  async #pause(ms = pauseMs): Promise<void> {
    await sleep(ms, null, { signal: this.#stop.signal, ref: false }).catch(() => {})
  }

  /** Once per cause: it is tried again every second, for as long as it takes. */
  #complain(error: unknown): void {
    const complaint = error instanceof Error ? error.message : String(error)
    if (complaint === this.#complaint || this.#isStopping) return
    this.#complaint = complaint
    this.#deps.log.error({ err: error }, 'records of jobs cannot be archived; it is tried again')
  }
}

function holderOf({ tenant, key, model, tags }: JobOwner): AccountHolder {
  return { tenant, key, model, tags }
}
