import { mkdtempDisposable, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Redis } from 'ioredis'
import { FileArchiveReader } from '../../src/archive/archive-reader.ts'
import { FileArchive } from '../../src/archive/file-archive.ts'
import { deriveChainKey } from '../../src/core/audit-chain.ts'
import { createJobId, type JobId, type JobSpec } from '../../src/core/job.ts'
import type { LedgerRow, RecordArchive, RecordStream } from '../../src/core/record-archive.ts'
import type { AttemptRecord, DecisionRecord, EndRecord } from '../../src/core/records.ts'
import { Recorder, type RecorderDeps, type Settlement } from '../../src/pipeline/record-jobs.ts'
import { RedisRecordStream } from '../../src/store/record-stream.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { silentLog } from './mortal.ts'
import { startTestRedis, type TestRedis } from './redis.ts'

export const vaultKey = Buffer.alloc(32, 5)
export const allTime = { fromMs: 0, toMs: Date.parse('2100-01-01') }

/** A Redis, a data folder, and what writes records as the steps of jobs do. */
export interface RecordBench extends AsyncDisposable {
  readonly server: TestRedis
  readonly redis: Redis
  readonly folder: string
  readonly reader: FileArchiveReader
  /** The records of so many jobs, each with a decision, an attempt and an end. */
  addJobs(count: number, job?: Partial<JobSpec> & { atMs?: number }): Promise<JobId[]>
  createStream(leaseMs?: number): RedisRecordStream
  createArchive(maxFileBytes?: number): FileArchive
  createRecorder(deps?: Partial<RecorderDeps>): Recorder
  /** Runs a recorder until the stream is empty. */
  recordAll(deps?: Partial<RecorderDeps>): Promise<void>
  ledger(): Promise<LedgerRow[]>
  trail(tenant: string): Promise<string[]>
  files(folder: string): Promise<string[]>
}

export async function startRecordBench(): Promise<RecordBench> {
  await using cleanup = new AsyncDisposableStack()
  const folder = cleanup.use(await mkdtempDisposable(path.join(tmpdir(), 'sluice-records-'))).path
  const server = cleanup.use(await startTestRedis())
  const owned = cleanup.move()
  const connect = (purpose: 'worker' | 'blocking') =>
    owned.adopt(connectRedis(server.url, purpose), (redis) => redis.disconnect())
  const redis = connect('worker')
  const createStream = (leaseMs = 5_000) =>
    new RedisRecordStream({ redis: connect('worker'), blocking: connect('blocking'), leaseMs })
  const createArchive = (maxFileBytes?: number) =>
    new FileArchive({ folder, key: deriveChainKey(vaultKey), ...(maxFileBytes !== undefined && { maxFileBytes }) })
  const createRecorder = (deps: Partial<RecorderDeps> = {}) =>
    new Recorder({
      stream: createStream(),
      archive: createArchive(),
      observers: [],
      settlement: { attemptEnded: async () => {}, jobEnded: async () => {} },
      log: silentLog,
      holder: createJobId(),
      now: Date.now,
      ...deps,
    })
  const reader = new FileArchiveReader(folder)
  return {
    server,
    redis,
    folder,
    reader,
    addJobs: (count, job) => addJobs(redis, count, job),
    createStream,
    createArchive,
    createRecorder,
    async recordAll(deps) {
      const recorder = createRecorder(deps)
      void recorder.run()
      await untilEmpty(redis)
      await recorder.stop()
    },
    ledger: () => Array.fromAsync(reader.ledger(allTime)),
    trail: (tenant) => Array.fromAsync(reader.audit(tenant, allTime)),
    files: async (name) => (await readdir(path.join(folder, name))).sort(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export async function untilEmpty(redis: Redis): Promise<void> {
  while ((await redis.xlen('sluice:records')) > 0) await new Promise((resolve) => setTimeout(resolve, 10))
}

async function addJobs(redis: Redis, count: number, job: Partial<JobSpec> & { atMs?: number } = {}): Promise<JobId[]> {
  const { atMs = Date.now(), ...spec } = job
  const pipeline = redis.pipeline()
  const ids = Array.from({ length: count }, () => {
    const id = createJobId()
    const facts = { ...defaultSpec, createdAtMs: atMs - 50, deadlineMs: atMs + 60_000, ...spec }
    pipeline.hset(`sluice:private:${id}`, 'spec', JSON.stringify(facts))
    pipeline.hset(`sluice:job:${id}`, { sensitivity: 'internal', deployment: 'cloud-a' })
    for (const record of recordsOf(id, atMs)) {
      pipeline.xadd('sluice:records', '*', 'k', record.kind, 'data', JSON.stringify(record))
    }
    return id
  })
  await pipeline.exec()
  return ids
}

const defaultSpec: Omit<JobSpec, 'createdAtMs' | 'deadlineMs'> = {
  tenant: 'acme',
  keyId: 'key_1',
  endpoint: '/v1/chat/completions',
  model: 'fast',
  surface: 'chat',
  stream: false,
  includeUsage: false,
  priority: 'interactive',
  sensitivity: 'public',
  tags: { team: 'search', env: 'prod' },
}

/** 150 tokens, of which 40 were in the cache, for 7 micro-USD. */
function recordsOf(job: JobId, atMs: number): [DecisionRecord, AttemptRecord, EndRecord] {
  return [
    {
      kind: 'decision',
      job,
      atMs,
      asked: 'public',
      sensitivity: 'internal',
      reason: 'raised from public: found EMAIL',
      found: { EMAIL: 2 },
      masked: { EMAIL: 2 },
      detectors: ['builtin'],
      candidates: ['cloud-a'],
      reserved: 100,
    },
    {
      kind: 'attempt',
      job,
      atMs,
      attemptId: `${job}.1`,
      deployment: 'cloud-a',
      pool: 'cloud',
      outcome: 'completed',
      status: null,
      ms: 20,
      firstTokenMs: 8,
      usage: {
        prompt_tokens: 100,
        completion_tokens: 50,
        total_tokens: 150,
        prompt_tokens_details: { cached_tokens: 40 },
      },
      isEstimated: false,
      cost: 7,
    },
    { kind: 'end', job, atMs, status: 'completed', errorCode: null, attempts: 1 },
  ]
}

/** A port whose call number `at` of `method` dies: before the work, or after it with nobody to hear. */
export function dying<Port extends RecordStream | RecordArchive | Settlement>(
  port: Port,
  method: keyof Port & string,
  moment: 'before' | 'after',
): Port & { readonly hasDied: Promise<void> } {
  const died = Promise.withResolvers<void>()
  return new Proxy(port, {
    get(target, name) {
      if (name === 'hasDied') return died.promise
      const value = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (name !== method) return value.bind(target)
      return async (...args: unknown[]) => {
        if (moment === 'after') await value.apply(target, args)
        died.resolve()
        // The dead say nothing more.
        await new Promise(() => {})
      }
    },
  }) as Port & { readonly hasDied: Promise<void> }
}
