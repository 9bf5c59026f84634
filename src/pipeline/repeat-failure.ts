/** Failures that stand are told again for a moment: clients that try again after any 5xx would pay for another job. */
import { type FailedCall, type FailedCalls, failedForMs, isLasting, secondsToDeadline } from '../core/failed-call.ts'
import type { JobId, JobSpec } from '../core/job.ts'
import type { TerminalFacts } from '../core/job-event.ts'
import type { JobStore } from '../core/ports.ts'
import { fingerprintOf } from './attach-call.ts'

export interface RepeatDeps {
  readonly store: JobStore
  readonly failed: FailedCalls
  /** @see AttachDeps */
  readonly secret: Buffer
}

/** A client is about to be told that its job has failed: notes it where the failure stands, once per job. */
export async function noteFailure(id: JobId, facts: TerminalFacts, deps: RepeatDeps): Promise<void> {
  if (!isLasting(facts) || deps.failed.has(id) || deps.failed.isFull) return
  const [job, request] = await Promise.all([deps.store.read(id), deps.store.readBody(id)])
  if (!job || !request) return
  const atMs = job.finishedAtMs ?? Date.now()
  if (atMs <= Date.now() - failedForMs) return
  const fingerprint = failureFingerprint(job.spec, request.bodyJson, deps.secret)
  await deps.failed.note({ job: id, fingerprint, atMs, factsJson: JSON.stringify(facts) })
}

/** What the same call came to a moment ago, unless its job was deleted since. */
export async function findFailure(
  call: { spec: JobSpec; bodyJson: string },
  { failed, store, secret }: RepeatDeps,
): Promise<FailedCall | null> {
  if (!failed.hasAny) return null
  const found = failed.find(failureFingerprint(call.spec, call.bodyJson, secret))
  // A response that is not to be stored is deleted as soon as it was told.
  if (!found || call.spec.response?.store === false) return found
  const job = await store.read(found.job)
  return job && !job.isShredded ? found : null
}

function failureFingerprint(spec: JobSpec, bodyJson: string, secret: Buffer): string {
  return `${fingerprintOf(spec, bodyJson, secret)}.${secondsToDeadline(spec)}`
}
