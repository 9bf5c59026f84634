import type { Redis } from 'ioredis'
import type { JobId, JobSpec } from '../core/job.ts'
import type {
  ChainHead,
  JobOwner,
  Progress,
  RecordLease,
  RecordStream,
  RecordTail,
  StreamedRecord,
} from '../core/record-archive.ts'
import type { JobRecordEntry } from '../core/records.ts'
import type { Sensitivity } from '../core/vocabulary.ts'
import { keys } from './keys.ts'
import { acquireRecords, commitRecords, releaseRecords, renewRecords } from './record-scripts.ts'
import { toIncrements } from './usage-rollups.ts'

export interface RecordStreamOptions {
  readonly redis: Redis
  /** A connection of its own: it waits for records. */
  readonly blocking: Redis
  /** How long a recorder that is silent keeps the right to record, in milliseconds. */
  readonly leaseMs: number
}

/** The records that steps of jobs leave behind, as the recorder reads and books them. */
export class RedisRecordStream implements RecordStream {
  readonly #redis: Redis
  readonly #blocking: Redis
  readonly #leaseMs: number

  constructor(options: RecordStreamOptions) {
    this.#redis = options.redis
    this.#blocking = options.blocking
    this.#leaseMs = options.leaseMs
    const scripts = { acquireRecords, renewRecords, releaseRecords, commitRecords }
    for (const [name, lua] of Object.entries(scripts)) options.redis.defineCommand(name, { lua })
  }

  async acquire(holder: string, archive: string): Promise<RecordLease | null> {
    const keyNames = [keys.recorder, keys.recorderLease]
    const answer = await this.#run('acquireRecords', keyNames, [holder, this.#leaseMs, archive])
    const [kind, fence, position] = answer as [string, string | number, string]
    if (kind === 'held') return null
    if (kind === 'yours') return { fence: Number(fence), position }
    throw new Error(
      `records have been archived in another data_dir so far (${fence}), not in this one (${archive}): ` +
        `give all couriers the same data_dir, or drop the field "archive" of ${keys.recorder} to go on here`,
    )
  }

  async renew(holder: string): Promise<boolean> {
    return (await this.#run('renewRecords', [keys.recorderLease], [holder, this.#leaseMs])) === 1
  }

  async release(holder: string): Promise<void> {
    await this.#run('releaseRecords', [keys.recorderLease], [holder])
  }

  async read(after: string, limit: number, waitMs: number): Promise<StreamedRecord[]> {
    const streams = await this.#blocking.xread('COUNT', limit, 'BLOCK', waitMs, 'STREAMS', keys.records, after)
    return (streams?.[0]?.[1] ?? []).map(([id, fields]) => parseRecord(id, fields))
  }

  ownersOf(jobs: readonly JobId[]): Promise<ReadonlyMap<JobId, JobOwner>> {
    return readOwners(this.#redis, jobs)
  }

  async headsOf(tenants: readonly string[]): Promise<ReadonlyMap<string, ChainHead>> {
    if (tenants.length === 0) return new Map()
    const texts = await this.#redis.hmget(keys.auditHeads, ...tenants)
    return new Map(
      tenants.flatMap((tenant, index) => {
        const text = texts[index]
        return text ? [[tenant, parseHead(text)] as const] : []
      }),
    )
  }

  async commit({ fence, from, to, usage, heads }: Progress): Promise<boolean> {
    const days = toIncrements(usage)
    const args = [fence, from, to, this.#leaseMs, idAfter(to), heads.size]
    const values: (string | number)[] = [...args]
    for (const [tenant, { seq, hash }] of heads) values.push(tenant, `${seq} ${hash}`)
    for (const { expiresAtMs, amounts } of days) {
      values.push(expiresAtMs, amounts.size)
      for (const [field, amount] of amounts) values.push(field, amount)
    }
    const keyNames = [keys.recorder, keys.recorderLease, keys.records, keys.auditHeads]
    return (await this.#run('commitRecords', [...keyNames, ...days.map(({ day }) => keys.usage(day))], values)) === 1
  }

  #run(name: string, keyNames: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const commands = this.#redis as unknown as Record<string, (...words: unknown[]) => Promise<unknown>>
    return commands[name]?.(keyNames.length, ...keyNames, ...args) ?? Promise.reject(new Error(`no command ${name}`))
  }
}

/** What the API reads of the stream and of the recorder's state. */
export class RedisRecordTail implements RecordTail {
  readonly #redis: Redis

  constructor(redis: Redis) {
    this.#redis = redis
  }

  archive(): Promise<string | null> {
    return this.#redis.hget(keys.recorder, 'archive')
  }

  async pending(limit: number): Promise<StreamedRecord[]> {
    const entries = await this.#redis.xrange(keys.records, '-', '+', 'COUNT', limit)
    return entries.map(([id, fields]) => parseRecord(id, fields))
  }

  ownersOf(jobs: readonly JobId[]): Promise<ReadonlyMap<JobId, JobOwner>> {
    return readOwners(this.#redis, jobs)
  }

  async heads(): Promise<ReadonlyMap<string, ChainHead>> {
    return readHeads(this.#redis)
  }
}

/** Where every tenant's audit chain ends, by what was booked. */
export async function readHeads(redis: Redis): Promise<ReadonlyMap<string, ChainHead>> {
  const heads = await redis.hgetall(keys.auditHeads)
  return new Map(Object.entries(heads).map(([tenant, text]) => [tenant, parseHead(text)]))
}

async function readOwners(redis: Redis, jobs: readonly JobId[]): Promise<ReadonlyMap<JobId, JobOwner>> {
  const pipeline = redis.pipeline()
  for (const job of jobs) {
    pipeline.hget(keys.private(job), 'spec')
    pipeline.hmget(keys.job(job), 'sensitivity', 'deployment')
  }
  const answers = (await pipeline.exec()) ?? []
  const owners = new Map<JobId, JobOwner>()
  jobs.forEach((job, index) => {
    const [specError, spec] = answers[2 * index] ?? []
    const [stateError, state] = answers[2 * index + 1] ?? []
    const error = specError ?? stateError
    if (error) throw error
    if (typeof spec !== 'string') return
    owners.set(job, toOwner(JSON.parse(spec) as JobSpec, state as [Sensitivity | null, string | null]))
  })
  return owners
}

function toOwner(spec: JobSpec, [sensitivity, deployment]: [Sensitivity | null, string | null]): JobOwner {
  const { tenant, keyId, model, tags = {}, priority, createdAtMs, batch } = spec
  return {
    tenant,
    key: keyId,
    model,
    tags,
    priority,
    sensitivity: sensitivity ?? spec.sensitivity,
    deployment,
    createdAtMs,
    ...(batch && { batch }),
  }
}

/** Records are written by our own scripts only; one that is not JSON is a bug, and must not be passed over. */
function parseRecord(id: string, fields: readonly string[]): StreamedRecord {
  const data = fields[fields.indexOf('data') + 1] ?? ''
  return { id, record: JSON.parse(data) as JobRecordEntry }
}

function parseHead(text: string): ChainHead {
  const [seq, hash = ''] = text.split(' ')
  return { seq: Number(seq), hash }
}

/** The first place in the stream after this one. */
function idAfter(id: string): string {
  const [ms = '0', number = '0'] = id.split('-')
  return `${ms}-${BigInt(number) + 1n}`
}
