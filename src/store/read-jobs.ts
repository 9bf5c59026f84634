import type { ChainableCommander, Redis } from 'ioredis'
import type { JobId, JobRecord } from '../core/job.ts'
import type { JobStatus } from '../core/job-state.ts'
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

/** A tenant's jobs, newest first. */
export async function listJobs(redis: Redis, query: JobQuery): Promise<JobPage> {
  const index = keys.tenantJobs(query.tenant)
  const jobs: JobRecord[] = []
  let rank = 0
  if (query.after !== undefined) {
    const found = await translateRedisErrors(redis.zrevrank(index, query.after))
    if (found === null) return { jobs: [], hasMore: false }
    rank = found + 1
  }
  while (jobs.length <= query.limit) {
    const ids = (await translateRedisErrors(redis.zrevrange(index, rank, rank + pageSize - 1))) as JobId[]
    for (const record of await readJobs(redis, ids)) {
      if (record === null) continue
      if (query.status !== undefined && record.status !== query.status) continue
      if (query.model !== undefined && record.spec.model !== query.model) continue
      jobs.push(record)
    }
    if (ids.length < pageSize) break
    rank += pageSize
  }
  return { jobs: jobs.slice(0, query.limit), hasMore: jobs.length > query.limit }
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
