import assert from 'node:assert/strict'
import { BrokerError } from '../core/errors.ts'
import { isJobId, type JobRecord } from '../core/job.ts'
import type { TerminalFacts } from '../core/job-event.ts'
import { isTerminal } from '../core/job-state.ts'
import { toUsd } from '../core/pricing.ts'
import { echoTier } from '../core/service-tier.ts'
import type { Tenant } from '../core/tenant.ts'
import { deliverResult } from '../pipeline/deliver-result.ts'
import type { HttpDeps } from './deps.ts'
import { jobJson } from './job-view.ts'

/** A job of this tenant; another tenant's is as unknown as none. @throws BrokerError `job_not_found` */
export async function requireJob(id: string, tenant: Tenant, deps: HttpDeps): Promise<JobRecord> {
  const job = isJobId(id) ? await deps.store.read(id) : null
  if (job?.spec.tenant !== tenant.name || job.isShredded)
    throw new BrokerError('job_not_found', undefined, { param: 'id' })
  return job
}

/** The job as it is when it has ended, or after `waitMs`. */
export async function waitForEnd(job: JobRecord, waitMs: number, deps: HttpDeps): Promise<JobRecord> {
  if (waitMs <= 0 || isTerminal(job.status)) return job
  const follower = await deps.hub.follow(job.id, 'terminal', 0)
  if (!follower) return job
  try {
    await follower.next(waitMs)
  } finally {
    follower.close()
  }
  return (await deps.store.read(job.id)) ?? job
}

/** The job object as JSON text, with its result restored, or why the result is not let out. */
export async function showJob(job: JobRecord, deps: HttpDeps): Promise<string> {
  const stored = job.status === 'completed' ? await deps.store.readResult(job.id) : null
  if (stored === null) return jobJson(job, null, await deps.places.placeOf(job))
  try {
    const { tenant, endpoint } = job.spec
    const facts = { id: job.id, tenant, endpoint, masked: isMasked(job) }
    return jobJson(job, echoTier(await deliverResult(facts, stored, deps), job.spec.serviceTier))
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'answer_blocked') throw error
    return jobJson({ ...job, error: { code: error.code, message: error.message } }, null)
  }
}

/** What the last event of an ended job says; the events themselves are kept for less time than the job. */
export function factsOf(job: JobRecord): TerminalFacts {
  assert.ok(isTerminal(job.status))
  return {
    status: job.status,
    deployment: job.deployment,
    attempts: job.attempts.length,
    cost_usd: job.cost === null ? null : toUsd(job.cost),
    usage: job.usage,
    cache: job.cache,
    masked: isMasked(job),
    error: job.error,
  }
}

function isMasked(job: JobRecord): boolean {
  return Object.keys(job.masked).length > 0
}
