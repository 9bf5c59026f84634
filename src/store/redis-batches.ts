import type { Redis } from 'ioredis'
import {
  type BatchCursor,
  type BatchId,
  type BatchRecord,
  type BatchSpec,
  isBatchId,
  type OpenLine,
} from '../core/batch.ts'
import type {
  BatchLoad,
  BatchPage,
  BatchProgress,
  BatchStanding,
  BatchStore,
  CreateBatchResult,
  FileAddition,
} from '../core/batch-store.ts'
import { outputName } from '../core/file.ts'
import type { JobId } from '../core/job.ts'
import { decodeLine, encodeLine, parseBatch } from './batch-record.ts'
import { batchScripts } from './batch-scripts.ts'
import { idempotencyTtlMs } from './idempotency-keys.ts'
import { keys } from './keys.ts'
import { executePipeline } from './read-jobs.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'
import { formatThroughput } from './throughput.ts'

/** How many entries of an index are read at once. */
const pageSize = 100
const goneReply = '-'

/** Batches on Redis; `core/batch-store.ts` says what each method promises. */
export class RedisBatches implements BatchStore {
  readonly #redis: Redis
  readonly #run: RunScript<keyof typeof batchScripts>

  constructor(redis: Redis) {
    this.#redis = redis
    this.#run = defineScripts(redis, 'batches', batchScripts)
  }

  async create(
    id: BatchId,
    spec: BatchSpec,
    idempotency?: { key: string; fingerprint: string },
  ): Promise<CreateBatchResult> {
    const { tenant, inputFile, createdAtMs } = spec
    const claim = idempotency ? keys.idempotency(tenant, idempotency.key) : keys.batch(id)
    const holder = (await this.#run(
      'createBatch',
      [keys.batch(id), keys.tenantBatches(tenant), keys.openBatches, keys.file(inputFile), claim],
      [id, createdAtMs, idempotency?.fingerprint ?? '', idempotencyTtlMs, 'spec', JSON.stringify(spec)],
    )) as string
    if (holder === '') return { kind: 'created' }
    if (holder === goneReply) return { kind: 'gone' }
    const [holderId = '', fingerprint = ''] = holder.split(' ')
    return holderId === id ? { kind: 'created' } : { kind: 'exists', id: holderId, fingerprint }
  }

  async read(id: BatchId): Promise<BatchRecord | null> {
    return parseBatch(id, await translateRedisErrors(this.#redis.hgetall(keys.batch(id))))
  }

  async list({ tenant, after, limit }: { tenant: string; after?: BatchId; limit: number }): Promise<BatchPage> {
    const index = keys.tenantBatches(tenant)
    let rank = 0
    if (after !== undefined) {
      const found = await translateRedisErrors(this.#redis.zrevrank(index, after))
      if (found === null) return { batches: [], hasMore: false }
      rank = found + 1
    }
    const batches: BatchRecord[] = []
    const forgotten: BatchId[] = []
    // One more than is wanted tells whether there is another page.
    while (batches.length <= limit) {
      const ids = await translateRedisErrors(this.#redis.zrevrange(index, rank, rank + pageSize - 1))
      const known = ids.filter(isBatchId)
      const records = await this.#readAll(known)
      batches.push(...records.filter((record) => record !== null))
      forgotten.push(...known.filter((_, at) => records[at] === null))
      if (ids.length < pageSize) break
      rank += pageSize
    }
    if (forgotten.length > 0) await translateRedisErrors(this.#redis.zrem(index, ...forgotten))
    return { batches: batches.slice(0, limit), hasMore: batches.length > limit }
  }

  async startEnding(id: BatchId, ending: 'cancelled' | 'expired', nowMs: number): Promise<boolean> {
    return (await this.#run('startEnding', [keys.batch(id)], [ending, nowMs])) === 1
  }

  async unfinished(): Promise<readonly BatchId[]> {
    return (await translateRedisErrors(this.#redis.zrangebyscore(keys.openBatches, '-inf', '+inf'))).filter(isBatchId)
  }

  async lease(id: BatchId, holder: string, leaseMs: number): Promise<boolean> {
    return (await this.#run('leaseBatch', [keys.batchLease(id)], [holder, leaseMs])) === 1
  }

  async release(id: BatchId, holder: string): Promise<void> {
    await this.#run('releaseBatch', [keys.batchLease(id)], [holder])
  }

  async begin(id: BatchId, { total, model, nowMs }: { total: number; model: string | null; nowMs: number }) {
    await this.#run('beginBatch', [keys.batch(id)], [total, model ?? '', nowMs])
  }

  async load(id: BatchId): Promise<BatchLoad> {
    const pipeline = this.#redis.pipeline().hlen(keys.batchOpen(id)).scard(keys.batchEnded(id))
    const [open, ended] = (await executePipeline(pipeline)) as [number, number]
    return { open, ended }
  }

  async assign(
    id: BatchId,
    lines: readonly OpenLine[],
    move: { from: BatchCursor; to: BatchCursor },
  ): Promise<boolean> {
    const entries = lines.flatMap((line) => [line.job, encodeLine(line)])
    const args = [move.from.offset, move.to.offset, move.to.line, ...entries]
    return (await this.#run('assignLines', [keys.batch(id), keys.batchOpen(id)], args)) === 1
  }

  async standing(id: BatchId): Promise<BatchStanding> {
    const [running, next] = (await this.#run('standing', [keys.batchOpen(id)], [])) as [number, string]
    return { running, next: next === '' ? null : (next as JobId) }
  }

  async openLines(id: BatchId): Promise<readonly OpenLine[]> {
    const lines = await translateRedisErrors(this.#redis.hgetall(keys.batchOpen(id)))
    return Object.entries(lines).map(([job, text]) => decodeLine(job, text))
  }

  async noteEnds(id: BatchId, jobs: readonly JobId[]): Promise<void> {
    if (jobs.length > 0) await this.#run('noteEnds', [keys.batch(id), keys.batchEnded(id)], jobs)
  }

  async endedLines(id: BatchId, limit: number): Promise<readonly OpenLine[]> {
    const jobs = await translateRedisErrors(this.#redis.srandmember(keys.batchEnded(id), limit))
    if (jobs.length === 0) return []
    const texts = await translateRedisErrors(this.#redis.hmget(keys.batchOpen(id), ...jobs))
    const counted = jobs.filter((_, index) => !texts[index])
    // Told of again: the outcome of their line counts already.
    if (counted.length > 0) await translateRedisErrors(this.#redis.srem(keys.batchEnded(id), ...counted))
    return jobs.flatMap((job, index) => {
      const text = texts[index]
      return text ? [decodeLine(job, text)] : []
    })
  }

  async commit(id: BatchId, progress: BatchProgress): Promise<boolean> {
    const { tenant, jobs, completed, failed, usage, pace, output, errors, passed } = progress
    const fileKeys = (addition: FileAddition | null) =>
      addition ? [keys.file(addition.file), keys.fileParts(addition.file)] : [keys.batch(id), keys.batch(id)]
    const committed = await this.#run(
      'commitOutcomes',
      [
        ...[keys.batch(id), keys.batchOpen(id), keys.batchEnded(id)],
        ...[...fileKeys(output), ...fileKeys(errors), keys.tenantFiles(tenant)],
      ],
      [
        ...[completed, failed, usage.input, usage.cached, usage.output, usage.reasoning],
        ...[passed?.from.offset ?? '', passed?.to.offset ?? '', passed?.to.line ?? '', Date.now(), tenant],
        ...additionArgs(output, outputName(id, 'output')),
        ...additionArgs(errors, outputName(id, 'error')),
        ...[pace ? formatThroughput(pace) : '', ...jobs],
      ],
    )
    return committed === 1
  }

  async finish(id: BatchId, end: Parameters<BatchStore['finish']>[1]): Promise<boolean> {
    const record = await this.read(id)
    if (!record) return false
    const { spec, outputFile, errorFile } = record
    const fileKey = (file: typeof outputFile) => (file ? keys.file(file) : keys.batchLease(id))
    const finished = await this.#run(
      'finishBatch',
      [
        ...[keys.batch(id), keys.batchOpen(id), keys.batchEnded(id), keys.openBatches, keys.file(spec.inputFile)],
        ...[fileKey(outputFile), fileKey(errorFile), keys.filesDue, keys.outbox, keys.batchLease(id)],
      ],
      [
        ...[id, end.status, end.errors ? JSON.stringify(end.errors) : '', end.nowMs],
        ...[end.filesExpireAtMs, end.forgetAtMs, outputFile ?? '', errorFile ?? ''],
      ],
    )
    return finished === 1
  }

  async #readAll(ids: readonly BatchId[]): Promise<(BatchRecord | null)[]> {
    if (ids.length === 0) return []
    const pipeline = this.#redis.pipeline()
    for (const id of ids) pipeline.hgetall(keys.batch(id))
    const replies = await executePipeline(pipeline)
    return ids.map((id, index) => parseBatch(id, replies[index] as Record<string, string>))
  }
}

function additionArgs(addition: FileAddition | null, filename: string): (string | number)[] {
  if (!addition) return ['', '', '', '', '', '']
  const { file, last, replacesLast, part } = addition
  return [file, last ?? '', replacesLast ? '1' : '', part.name, part.bytes, filename]
}
