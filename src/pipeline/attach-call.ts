/** Calls that are sent again because their connection was lost: they get the job that runs instead of paying for another. */
import { createHmac } from 'node:crypto'
import type { JobId, JobSpec } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import { callFacts, type LeftCalls } from '../core/left-call.ts'
import type { JobStore } from '../core/ports.ts'

/** A client that counts its retries gave up on the call before at most this long ago, in milliseconds. */
const retriedWithinMs = 10 * 60 * 1000
/** How many of a tenant's newest jobs are looked through for the call that a client says it has sent before. */
const jobsLookedAt = 100

export interface AttachDeps {
  readonly store: JobStore
  readonly left: LeftCalls
  /** Fingerprints are keyed with it: prompts can be guessed from a plain hash. */
  readonly secret: Buffer
  readonly lookups: Allowance
}

/**
 * The job that this call was sent for before, if it was: one whose connection closed undelivered, or, where the client
 * says that it tries again, one that is still open although nobody has noticed that its connection is gone. Of two
 * independent requests that are both alive, neither finds the other.
 */
export async function findSentBefore(
  call: { spec: JobSpec; bodyJson: string; isRetry: boolean },
  deps: AttachDeps,
): Promise<JobId | null> {
  const { spec, bodyJson, isRetry } = call
  if (deps.left.hasAny) {
    const job = await deps.left.take(fingerprintOf(spec, bodyJson, deps.secret))
    if (job !== null) return job
  }
  return isRetry && deps.lookups.take(spec.createdAtMs) ? findOpen(spec, bodyJson, deps) : null
}

async function findOpen(spec: JobSpec, bodyJson: string, { store, left }: AttachDeps): Promise<JobId | null> {
  const facts = callFacts(spec)
  const { jobs } = await store.list({ tenant: spec.tenant, limit: jobsLookedAt })
  for (const job of jobs) {
    if (job.spec.createdAtMs < spec.createdAtMs - retriedWithinMs) return null
    if (isTerminal(job.status) || callFacts(job.spec) !== facts) continue
    const request = await store.readBody(job.id)
    if (request?.bodyJson !== bodyJson) continue
    // Its first connection may still be noticed to have closed, which must not end what this one waits for.
    await left.keep(job.id)
    return job.id
  }
  return null
}

export function fingerprintOf(spec: JobSpec, bodyJson: string, secret: Buffer): string {
  return createHmac('sha256', secret).update(callFacts(spec)).update('\0').update(bodyJson).digest('base64url')
}

/**
 * How often something may be done: `burst` times at once, and `perSecond` times a second from then on. Retries come in
 * storms exactly when there is no time to look for what they retry.
 */
export class Allowance {
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #atMs = 0

  constructor({ burst, perSecond }: { burst: number; perSecond: number }) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
  }

  take(nowMs: number): boolean {
    const gained = (Math.max(0, nowMs - this.#atMs) / 1000) * this.#perSecond
    this.#left = Math.min(this.#burst, this.#left + gained)
    this.#atMs = Math.max(this.#atMs, nowMs)
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
