import type { Redis } from 'ioredis'
import type { Attempt, DispatchPlan, JobId } from '../core/job.ts'
import type { JobPlace } from '../core/job-place.ts'
import { isTerminal, type Stage, statusOf } from '../core/job-state.ts'
import { decodeLane } from './attempt-arguments.ts'
import { keys } from './keys.ts'
import { executePipeline } from './read-jobs.ts'

/** Where jobs wait and where else they may go, in the order of the question; null for one that has ended or is gone. */
export async function readPlaces(redis: Redis, ids: readonly JobId[]): Promise<(JobPlace | null)[]> {
  if (ids.length === 0) return []
  const pipeline = redis.pipeline()
  for (const id of ids) pipeline.hmget(keys.job(id), 'stage', 'hop', 'lane', 'plan', 'candidate', 'attempts')
  const replies = (await executePipeline(pipeline)) as (string | null)[][]
  return replies.map(([stage, hop, lane, plan, candidate, attempts]) => {
    if (!stage || !plan || !lane || isTerminal(statusOf(stage as Stage))) return null
    return {
      hop: Number(hop),
      lane: decodeLane(lane),
      plan: JSON.parse(plan) as DispatchPlan,
      candidate: Number(candidate ?? 0),
      attempts: attempts ? (JSON.parse(attempts) as Attempt[]) : [],
    }
  })
}
