import type { ChainableCommander, Redis } from 'ioredis'
import { type JobId, type JobRecord, jobMadeAtMs } from '../core/job.ts'
import { type JobStatus, type Stage, statusOf } from '../core/job-state.ts'
import type { JobPage } from '../core/ports.ts'
import { parseJobRecord } from './job-record.ts'
import { keys } from './keys.ts'
import { translateRedisErrors } from './redis-errors.ts'

export interface JobQuery {
  readonly tenant: string
  readonly status?: JobStatus
  readonly model?: string
  readonly after?: JobId
  readonly limit: number
}

/** How many entries of an index are read at once. */
const pageSize = 200
/** How many of them one list looks at: what is sought may be rare, and a tenant's jobs many. */
const maxLookedAt = 2_000

/** A tenant's jobs, newest first. A page that is not full says up to where it has looked. */
export async function listJobs(redis: Redis, query: JobQuery): Promise<JobPage> {
  const index = keys.tenantJobs(query.tenant)
  const jobs: JobRecord[] = []
  const first = query.after === undefined ? 0 : await rankAfter(redis, index, query.after)
  const size = Math.min(pageSize, query.status || query.model !== undefined ? pageSize : query.limit + 1)
  let last: JobId | null = null
  for (let rank = first; rank < first + maxLookedAt; rank += size) {
    const ids = (await translateRedisErrors(redis.zrevrange(index, rank, rank + size - 1))) as JobId[]
    for (const record of await readJobs(redis, await ofStatus(redis, ids, query.status))) {
      if (record && (query.model === undefined || record.spec.model === query.model)) jobs.push(record)
    }
    const page = jobs.slice(0, query.limit)
    if (jobs.length > query.limit) return { jobs: page, hasMore: true, lookedUpTo: page.at(-1)?.id ?? null }
    if (ids.length < size) return { jobs: page, hasMore: false, lookedUpTo: page.at(-1)?.id ?? null }
    last = ids.at(-1) ?? last
  }
  return { jobs, hasMore: true, lookedUpTo: last }
}

/**
 * The place in the index behind a job. Of one that has left the index the time in its id tells, which is no earlier than
 * that of its entry: nothing older is left out, and at most what came in the same millisecond is shown again.
 */
async function rankAfter(redis: Redis, index: string, after: JobId): Promise<number> {
  const rank = await translateRedisErrors(redis.zrevrank(index, after))
  if (rank !== null) return rank + 1
  return translateRedisErrors(redis.zcount(index, `(${jobMadeAtMs(after)}`, '+inf'))
}

/** Those that have this status; only their stage is read. */
async function ofStatus(redis: Redis, ids: readonly JobId[], status: JobStatus | undefined): Promise<readonly JobId[]> {
  if (status === undefined || ids.length === 0) return ids
  const pipeline = redis.pipeline()
  for (const id of ids) pipeline.hget(keys.job(id), 'stage')
  const stages = (await executePipeline(pipeline)) as (Stage | null)[]
  return ids.filter((_, index) => {
    const stage = stages[index]
    return stage && statusOf(stage) === status
  })
}

/** What the store knows of these jobs, in their order; null for one that it has forgotten. */
export async function readJobs(redis: Redis, ids: readonly JobId[]): Promise<(JobRecord | null)[]> {
  if (ids.length === 0) return []
  const pipeline = redis.pipeline()
  for (const id of ids) pipeline.hgetall(keys.job(id)).hget(keys.private(id), 'spec')
  const replies = await executePipeline(pipeline)
  return ids.map((id, index) =>
    parseJobRecord(id, replies[2 * index] as Record<string, string>, replies[2 * index + 1] as string | null),
  )
}

/** The replies of a pipeline. One that fails, as all do while Redis is away, fails the whole. */
export function executePipeline(pipeline: ChainableCommander): Promise<unknown[]> {
  const replies = pipeline.exec().then((results) =>
    (results ?? []).map(([error, reply]) => {
      if (error) throw error
      return reply
    }),
  )
  return translateRedisErrors(replies)
}
