import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BatchId, createBatchId } from '../../src/core/batch.ts'
import type { BatchProgress } from '../../src/core/batch-store.ts'
import { createFileId, type FileId } from '../../src/core/file.ts'
import { createJobId, type JobId } from '../../src/core/job.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisBatches } from '../../src/store/redis-batches.ts'
import { RedisFiles } from '../../src/store/redis-files.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

const tenant = 'acme'
const start = { offset: 0, line: 0 }

let server: TestRedis
let redis: ReturnType<typeof connectRedis>
let batches: RedisBatches
let files: RedisFiles
beforeAll(async () => {
  server = await startTestRedis()
  redis = connectRedis(server.url, 'worker')
  batches = new RedisBatches(redis)
  files = new RedisFiles(redis)
})
afterAll(async () => {
  redis.disconnect()
  await server[Symbol.asyncDispose]()
})

async function addInput(): Promise<FileId> {
  const id = createFileId()
  const nowMs = Date.now()
  const facts = { id, tenant, filename: 'in.jsonl', purpose: 'batch', bytes: 100, createdAtMs: nowMs } as const
  await files.add({ ...facts, expiresAtMs: nowMs + 1_000 }, { name: 'one', bytes: 100 })
  return id
}

async function makeBatch(): Promise<{ id: BatchId; input: FileId }> {
  const input = await addInput()
  const id = createBatchId()
  const nowMs = Date.now()
  await batches.create(id, {
    tenant,
    keyId: 'key',
    inputFile: input,
    endpoint: '/v1/embeddings',
    completionWindow: '1h',
    createdAtMs: nowMs,
    expiresAtMs: nowMs + 3_600_000,
    metadata: null,
    outputTtlMs: null,
  })
  return { id, input }
}

/** A batch with so many lines that have a job. */
async function runningBatch(count: number): Promise<{ id: BatchId; input: FileId; jobs: JobId[] }> {
  const made = await makeBatch()
  await batches.begin(made.id, { total: count, model: null, nowMs: Date.now() })
  const jobs = Array.from({ length: count }, () => createJobId())
  const lines = jobs.map((job, index) => ({
    job,
    line: index + 1,
    offset: index * 10,
    length: 9,
    customId: `l${index}`,
  }))
  expect(await batches.assign(made.id, lines, { from: start, to: { offset: 100, line: count } })).toBe(true)
  return { ...made, jobs }
}

function progress(jobs: readonly JobId[], file: FileId, part: string, last: string | null = null): BatchProgress {
  const output = { file, last, replacesLast: last !== null, part: { name: part, bytes: 50 } }
  const usage = { input: 3, cached: 0, output: 2, reasoning: 0 }
  return { tenant, jobs, completed: jobs.length, failed: 0, usage, output, errors: null }
}

const end = { nowMs: 1, filesExpireAtMs: Date.now() + 10_000, forgetAtMs: Date.now() + 10_000 }

describe('the store of batches', () => {
  it('gives a line one job, whoever asks and however often', async () => {
    const { id, jobs } = await runningBatch(3)
    const other = { job: createJobId(), line: 1, offset: 0, length: 9, customId: 'l0' }
    expect(await batches.assign(id, [other], { from: start, to: { offset: 50, line: 1 } })).toBe(false)
    expect((await batches.openLines(id)).map(({ job }) => job).sort()).toEqual(jobs.toSorted())
    expect((await batches.read(id))?.cursor).toEqual({ offset: 100, line: 3 })
  })

  it('lets an outcome count once: what is told again is no news, what another one tells is refused', async () => {
    const { id, jobs } = await runningBatch(3)
    const file = createFileId()
    const [first = '' as JobId, ...rest] = jobs
    const one = progress([first], file, 'a')
    expect([await batches.commit(id, one), await batches.commit(id, one)]).toEqual([true, true])
    expect(await batches.commit(id, progress([first], file, 'b', 'a'))).toBe(false)
    expect(await batches.commit(id, progress(rest, file, 'b', null))).toBe(false)
    expect(await batches.commit(id, progress(rest, createFileId(), 'b', 'a'))).toBe(false)
    expect(await files.parts(file)).toEqual([{ name: 'a', bytes: 50 }])

    expect(await batches.commit(id, { ...progress(rest, file, 'b', 'a') })).toBe(true)
    expect(await batches.read(id)).toMatchObject({
      outputFile: file,
      errorFile: null,
      counts: { total: 3, completed: 3, failed: 0 },
      usage: { input: 6, output: 4 },
    })
    expect(await files.parts(file)).toEqual([{ name: 'b', bytes: 50 }])
    expect((await files.read(file))?.bytes).toBe(50)
    expect(await batches.load(id)).toEqual({ open: 0, ended: 0 })
  })

  it('forgets ends of lines that count already', async () => {
    const { id, jobs } = await runningBatch(2)
    await batches.noteEnds(id, jobs)
    await batches.commit(id, progress(jobs, createFileId(), 'a'))
    await batches.noteEnds(id, jobs)
    expect(await batches.endedLines(id, 10)).toEqual([])
    expect(await batches.load(id)).toEqual({ open: 0, ended: 0 })
  })

  it('ends a batch when no line is open, once, with one row for its webhook, and frees its files', async () => {
    const { id, input, jobs } = await runningBatch(1)
    expect(await files.remove(input)).toBe('used')
    expect(await batches.finish(id, { ...end, status: 'completed' })).toBe(false)
    const file = createFileId()
    await batches.commit(id, progress(jobs, file, 'a'))
    expect(await files.remove(file)).toBe('used')
    const finish = () => batches.finish(id, { ...end, status: 'completed' })
    expect([await finish(), await finish()]).toEqual([true, false])
    const rows = await redis.lrange('sluice:outbox', 0, -1)
    expect(rows.filter((row) => row.startsWith(id))).toEqual([`${id} batch.completed`])
    expect(await batches.unfinished()).not.toContain(id)
    expect((await files.read(file))?.expiresAtMs).toBe(end.filesExpireAtMs)
    expect([await files.remove(input), await files.remove(file)]).toEqual(['removed', 'removed'])
    expect(await batches.startEnding(id, 'cancelled', 1)).toBe(false)
  })

  it('knows how many of its lines run, and which of those that wait came first', async () => {
    const { id, jobs } = await runningBatch(5)
    expect(await batches.standing(id)).toEqual({ running: 0, next: null })
    const [running = '', retrying = '', first = '', second = '', ended = ''] = jobs.toSorted()
    const stages = {
      [running]: 'running',
      [retrying]: 'retrying',
      [first]: 'waiting',
      [second]: 'intake',
      [ended]: 'completed',
    }
    for (const [job, stage] of Object.entries(stages)) await redis.hset(`sluice:job:${job}`, 'stage', stage)
    expect(await batches.standing(id)).toEqual({ running: 1, next: first })
  })

  it('gives no more jobs once a batch is coming to its end', async () => {
    const { id } = await makeBatch()
    await batches.begin(id, { total: 1, model: null, nowMs: 1 })
    expect(await batches.startEnding(id, 'cancelled', 2)).toBe(true)
    expect(await batches.startEnding(id, 'expired', 3)).toBe(false)
    const line = { job: createJobId(), line: 1, offset: 0, length: 9, customId: 'l' }
    expect(await batches.assign(id, [line], { from: start, to: { offset: 10, line: 1 } })).toBe(false)
    expect(await batches.read(id)).toMatchObject({ status: 'cancelling', ending: 'cancelled' })
  })

  it('leaves a batch to one courier, until that one is silent or lets go', async () => {
    const { id } = await makeBatch()
    expect([await batches.lease(id, 'a', 60_000), await batches.lease(id, 'b', 60_000)]).toEqual([true, false])
    await batches.release(id, 'b')
    expect(await batches.lease(id, 'a', 60_000)).toBe(true)
    await batches.release(id, 'a')
    expect(await batches.lease(id, 'b', 60_000)).toBe(true)
  })
})
