import { setTimeout as sleep } from 'node:timers/promises'
import type { AnswerCache } from '../core/answer-cache.ts'
import type { BatchId } from '../core/batch.ts'
import type { BlobStore } from '../core/blob-store.ts'
import {
  type ErasedCounts,
  type JobShredder,
  nothingErased,
  type QueuedEntries,
  type TenantData,
} from '../core/erasure.ts'
import { BrokerError } from '../core/errors.ts'
import type { JobId } from '../core/job.ts'
import { isTerminal, type Stage, statusOf } from '../core/job-state.ts'
import type { Permits } from '../core/rate-limit.ts'
import type { Catalogue } from '../core/routing.ts'
import type { WebhookEndpoints } from '../core/webhook.ts'
import { cancelJob } from './cancel-job.ts'
import { type HandDeps, handOn } from './hand-to-lane.ts'

export interface EraseDeps extends Pick<HandDeps, 'store' | 'queues'> {
  readonly data: TenantData
  readonly catalogue: Catalogue
  readonly shredder: JobShredder
  readonly entries: QueuedEntries
  readonly permits: Pick<Permits, 'release'>
  readonly answers: Pick<AnswerCache, 'forgetTenant'>
  readonly endpoints: Pick<WebhookEndpoints, 'deleteTenant'>
  readonly blobs: Pick<BlobStore, 'removeAll'>
  readonly isConfigured: (tenant: string) => boolean
  /** How long one call may take, in milliseconds. */
  readonly maxMs: number
  readonly now: () => number
}

export interface Erased {
  readonly untilMs: number
  readonly deleted: ErasedCounts
  /** Nothing of what was made up to `untilMs` is left but what is kept on purpose. */
  readonly isComplete: boolean
}

const jobsPerStep = 400
const cancelledAtOnce = 32
const idsPerStep = 100
const pauseMs = 50

/**
 * Erases what a tenant said and was told up to `untilMs`, in all places, as far as one call gets. Called again it goes on
 * where it, or a process that died, has stopped. The tenant may go on working meanwhile: what it makes later stays.
 * @throws BrokerError `tenant_not_found` for a name that is not configured and of which nothing is known
 */
export async function eraseTenant(tenant: string, untilMs: number, deps: EraseDeps): Promise<Erased> {
  await requireTenant(tenant, deps)
  const note = (phase: 'begun' | 'ended', deleted: Partial<ErasedCounts>, isComplete: boolean) => {
    const facts = { kind: 'erasure', job: '' as JobId, atMs: deps.now(), tenant, beforeMs: untilMs } as const
    return deps.data.note({ ...facts, phase, deleted, isComplete })
  }
  await note('begun', {}, false)
  const erasure = new Erasure(tenant, untilMs, deps)
  const isComplete = await erasure.run()
  await note('ended', erasure.deleted, isComplete)
  return { untilMs, deleted: erasure.deleted, isComplete }
}

async function requireTenant(tenant: string, { data, isConfigured }: EraseDeps): Promise<void> {
  if (isConfigured(tenant) || (await data.known()).includes(tenant)) return
  const [holdings] = await data.holdings([tenant])
  if (holdings && holdings.jobs + holdings.files + holdings.batches + holdings.endpoints > 0) return
  throw new BrokerError('tenant_not_found', `Nothing is known of a tenant ${tenant}.`, { param: 'tenant' })
}

function isOpen(stage: Stage | null | undefined): boolean {
  return stage ? !isTerminal(statusOf(stage)) : false
}

function isLeftBehind(stage: Stage | null | undefined): boolean {
  return stage === 'cancelled' || stage === 'expired'
}

/** One call. Whoever tells, feeds or reads comes first, so that nothing is made anew behind its back. */
class Erasure {
  readonly deleted: Record<keyof ErasedCounts, number> = { ...nothingErased }
  readonly #tenant: string
  readonly #untilMs: number
  readonly #deps: EraseDeps
  readonly #endsAtMs: number
  /** Batches that a courier had in hand when they were erased. */
  readonly #driven = new Set<BatchId>()

  constructor(tenant: string, untilMs: number, deps: EraseDeps) {
    this.#tenant = tenant
    this.#untilMs = untilMs
    this.#deps = deps
    this.#endsAtMs = deps.now() + deps.maxMs
  }

  /** Whether all was erased. */
  async run(): Promise<boolean> {
    const { data, answers, isConfigured } = this.#deps
    await this.#webhooks()
    if (!(await this.#batches()) || !(await this.#jobs())) return false
    const shreddedUpToMs = await data.now()
    // What jobs and batches told before they were gone.
    await this.#webhooks()
    if (!(await this.#files())) return false
    this.deleted.cached_answers += await answers.forgetTenant(this.#tenant)
    this.deleted.idempotency_keys += await data.forgetKeys(this.#tenant, this.#untilMs)
    await data.forgetLeftCalls()
    if (!(await this.#remainders(shreddedUpToMs))) return false
    await this.#permits()
    if (!isConfigured(this.#tenant)) await data.forgetTenant(this.#tenant)
    return true
  }

  async #webhooks(): Promise<void> {
    const { endpoints, deliveries } = await this.#deps.endpoints.deleteTenant(this.#tenant, this.#untilMs)
    this.deleted.webhook_endpoints += endpoints
    this.deleted.webhook_deliveries += deliveries
  }

  /** Batches first, and then their jobs: no line of a batch that is gone gets a job. */
  async #batches(): Promise<boolean> {
    const { data } = this.#deps
    while (!this.#isOver) {
      const ids = await data.batches(this.#tenant, this.#untilMs, idsPerStep)
      if (ids.length === 0) return true
      for (const id of ids) {
        const erased = await data.eraseBatch(id, this.#tenant, this.#untilMs)
        if (!erased) continue
        this.deleted.batches += 1
        if (erased.isDriven) this.#driven.add(id)
      }
    }
    return false
  }

  async #jobs(): Promise<boolean> {
    const { data, entries, shredder } = this.#deps
    while (!this.#isOver) {
      const ids = await data.jobs(this.#tenant, this.#untilMs, jobsPerStep)
      if (ids.length === 0) return true
      const stages = await data.stagesOf(ids)
      await this.#cancel(ids.filter((_, index) => isOpen(stages[index])))
      // Whoever ends a job otherwise has its entry in hand.
      await entries.drop(ids.filter((_, index) => isOpen(stages[index]) || isLeftBehind(stages[index])))
      for (const { outcome, wasDeadLetter } of await shredder.shred(ids, this.#tenant)) {
        if (outcome === 'destroyed') this.deleted.jobs += 1
        if (wasDeadLetter) this.deleted.dead_letters += 1
      }
    }
    return false
  }

  async #cancel(ids: readonly JobId[]): Promise<void> {
    for (let at = 0; at < ids.length; at += cancelledAtOnce) {
      await Promise.all(ids.slice(at, at + cancelledAtOnce).map((id) => cancelJob(id, this.#deps)))
    }
  }

  /** Content first: what is known of a file leads a second call to what is left of it. */
  async #files(): Promise<boolean> {
    const { data, blobs } = this.#deps
    if (!(await this.#untilNobodyWrites())) return false
    while (!this.#isOver) {
      const ids = await data.files(this.#tenant, this.#untilMs, idsPerStep)
      if (ids.length === 0) return true
      for (const id of ids) {
        if (this.#isOver) return false
        await blobs.removeAll(id)
        const bytes = await data.eraseFile(id, this.#tenant)
        if (bytes === null) continue
        this.deleted.files += 1
        this.deleted.bytes += bytes
      }
    }
    return false
  }

  /** A courier that is just writing to a file of a batch sees with its next step that the batch is gone. */
  async #untilNobodyWrites(): Promise<boolean> {
    for (const id of this.#driven) {
      while (await this.#deps.data.isDriven(id)) {
        if (this.#isOver) return false
        await sleep(pauseMs)
      }
    }
    return true
  }

  /** What says whose job it was goes when the ledger and the audit trail have it. */
  async #remainders(upToMs: number): Promise<boolean> {
    const { shredder } = this.#deps
    for (;;) {
      await shredder.sweep(this.#tenant)
      if ((await shredder.countLeft(this.#tenant, upToMs)) === 0) return true
      if (this.#isOver) return false
      await sleep(pauseMs)
    }
  }

  /** The recorder gives back what it knows of; what a tenant has that is configured no more would wait for its lease. */
  async #permits(): Promise<void> {
    const { data, permits, now } = this.#deps
    const holders = await data.permitHolders(this.#tenant)
    const erased = await data.areErased(holders)
    for (const id of holders.filter((_, index) => erased[index])) {
      await handOn(await permits.release(id, now()), this.#deps)
    }
  }

  get #isOver(): boolean {
    return this.#deps.now() >= this.#endsAtMs
  }
}
