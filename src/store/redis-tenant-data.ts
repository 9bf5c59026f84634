import type { Redis } from 'ioredis'
import { type BatchId, isBatchId } from '../core/batch.ts'
import type { TenantData, TenantHoldings } from '../core/erasure.ts'
import { type FileId, isFileId } from '../core/file.ts'
import { isJobId, type JobId, jobMadeAtMs } from '../core/job.ts'
import type { Stage } from '../core/job-state.ts'
import { unknownTenant } from '../core/ledger.ts'
import type { ErasureRecord } from '../core/records.ts'
import { erasureScripts } from './erasure-scripts.ts'
import { idempotencyTtlMs } from './idempotency-keys.ts'
import { keys } from './keys.ts'
import { executePipeline } from './read-jobs.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'

/** How many entries of an index are read at once. */
const pageSize = 500
const keysAtOnce = 100

/** Where everything of a tenant is on Redis; `core/erasure.ts` says what each method promises. */
export class RedisTenantData implements TenantData {
  readonly #redis: Redis
  readonly #run: RunScript<keyof typeof erasureScripts>

  constructor(redis: Redis) {
    this.#redis = redis
    this.#run = defineScripts(redis, 'erasure', erasureScripts)
  }

  async remember(tenants: readonly string[]): Promise<void> {
    if (tenants.length > 0) await translateRedisErrors(this.#redis.sadd(keys.tenants, ...tenants))
  }

  async known(): Promise<readonly string[]> {
    const lists = [this.#redis.smembers(keys.tenants), this.#redis.hkeys(keys.auditHeads)]
    const names = new Set((await translateRedisErrors(Promise.all(lists))).flat())
    names.delete(unknownTenant)
    return [...names].sort()
  }

  async holdings(tenants: readonly string[]): Promise<readonly TenantHoldings[]> {
    if (tenants.length === 0) return []
    const pipeline = this.#redis.pipeline()
    for (const tenant of tenants) {
      pipeline.zcard(keys.tenantJobs(tenant)).zcard(keys.tenantFiles(tenant))
      pipeline.zcard(keys.tenantBatches(tenant)).zcard(keys.webhookEndpoints(tenant))
    }
    const counts = (await executePipeline(pipeline)) as number[]
    return tenants.map((tenant, index) => {
      const [jobs = 0, files = 0, batches = 0, endpoints = 0] = counts.slice(4 * index, 4 * index + 4)
      return { tenant, jobs, files, batches, endpoints }
    })
  }

  async now(): Promise<number> {
    const [seconds, microseconds] = await translateRedisErrors(this.#redis.time())
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
  }

  async jobs(tenant: string, untilMs: number, limit: number): Promise<readonly JobId[]> {
    const found = await this.#oldest(keys.tenantJobs(tenant), untilMs, limit)
    if (found.length > 0) return found as JobId[]
    // Those are in order of their ends.
    for (let at = 0; ; at += pageSize) {
      const page = this.#redis.zrange(keys.tenantDeadLetters(tenant), `${at}`, `${at + pageSize - 1}`)
      const ids = await translateRedisErrors(page)
      const wanted = ids.filter((id): id is JobId => isJobId(id) && jobMadeAtMs(id) <= untilMs)
      if (wanted.length > 0 || ids.length < pageSize) return wanted.slice(0, limit)
    }
  }

  async files(tenant: string, untilMs: number, limit: number): Promise<readonly FileId[]> {
    return (await this.#oldest(keys.tenantFiles(tenant), untilMs, limit)).filter(isFileId)
  }

  async batches(tenant: string, untilMs: number, limit: number): Promise<readonly BatchId[]> {
    return (await this.#oldest(keys.tenantBatches(tenant), untilMs, limit)).filter(isBatchId)
  }

  async stagesOf(ids: readonly JobId[]): Promise<readonly (Stage | null)[]> {
    return (await this.#readJobs(ids)).map(({ stage }) => stage)
  }

  async eraseBatch(id: BatchId, tenant: string, untilMs: number): ReturnType<TenantData['eraseBatch']> {
    const own = [keys.batch(id), keys.batchOpen(id), keys.batchEnded(id), keys.batchLease(id)]
    const indexes = [keys.tenantBatches(tenant), keys.openBatches, keys.tenantFiles(tenant), keys.tenantJobs(tenant)]
    const scriptKeys = [...own, ...indexes]
    const isLeased = (await this.#run('eraseBatch', scriptKeys, [id, keys.file('' as FileId), untilMs])) as 0 | 1 | null
    return isLeased === null ? null : { isDriven: isLeased === 1 }
  }

  async isDriven(id: BatchId): Promise<boolean> {
    return (await translateRedisErrors(this.#redis.exists(keys.batchLease(id)))) === 1
  }

  async eraseFile(id: FileId, tenant: string): Promise<number | null> {
    const scriptKeys = [keys.file(id), keys.fileParts(id), keys.filesDue, keys.tenantFiles(tenant)]
    const bytes = (await this.#run('eraseFile', scriptKeys, [id])) as number
    return bytes < 0 ? null : bytes
  }

  async forgetKeys(tenant: string, untilMs: number): Promise<number> {
    for (let forgotten = 0; ; ) {
      const args = [untilMs + idempotencyTtlMs, keysAtOnce]
      const reply = await this.#run('forgetKeys', [keys.idempotencyIndex(tenant)], args)
      const [seen, bound] = reply as [number, number]
      forgotten += bound
      if (seen < keysAtOnce) return forgotten
    }
  }

  async forgetLeftCalls(): Promise<void> {
    for (let at = 0; ; ) {
      const calls = await translateRedisErrors(this.#redis.zrange(keys.left, `${at}`, `${at + pageSize - 1}`))
      const jobs = calls.map((call) => call.slice(0, call.indexOf(' ')) as JobId)
      const erased = await this.areErased(jobs)
      const over = calls.filter((_, index) => erased[index])
      if (over.length > 0) await translateRedisErrors(this.#redis.zrem(keys.left, ...over))
      at += calls.length - over.length
      if (calls.length < pageSize) return
    }
  }

  async permitHolders(tenant: string): Promise<readonly JobId[]> {
    const [running, parked] = await translateRedisErrors(
      Promise.all([this.#redis.smembers(keys.running(tenant)), this.#redis.zrange(keys.parked(tenant), '0', '-1')]),
    )
    return [...running, ...parked] as JobId[]
  }

  async areErased(ids: readonly JobId[]): Promise<readonly boolean[]> {
    return (await this.#readJobs(ids)).map(({ stage, shredded }) => stage === null || shredded !== null)
  }

  async note(record: ErasureRecord): Promise<void> {
    await translateRedisErrors(this.#redis.xadd(keys.records, '*', 'k', record.kind, 'data', JSON.stringify(record)))
  }

  async forgetTenant(tenant: string): Promise<void> {
    await translateRedisErrors(this.#redis.srem(keys.tenants, tenant))
  }

  async #readJobs(ids: readonly JobId[]): Promise<{ stage: Stage | null; shredded: string | null }[]> {
    if (ids.length === 0) return []
    const pipeline = this.#redis.pipeline()
    for (const id of ids) pipeline.hmget(keys.job(id), 'stage', 'shredded')
    const replies = (await executePipeline(pipeline)) as [Stage | null, string | null][]
    return replies.map(([stage, shredded]) => ({ stage, shredded }))
  }

  #oldest(index: string, untilMs: number, limit: number): Promise<string[]> {
    return translateRedisErrors(this.#redis.zrangebyscore(index, '-inf', untilMs, 'LIMIT', 0, limit))
  }
}
