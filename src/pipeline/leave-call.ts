/** What becomes of a job whose reader has hung up, as OpenAI does it where OpenAI says. */
import type { JobId } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import { type LeftCallSweep, leftForMs } from '../core/left-call.ts'
import type { JobStore } from '../core/ports.ts'
import type { Catalogue } from '../core/routing.ts'
import { type AttachDeps, fingerprintOf } from './attach-call.ts'
import { cancelJob } from './cancel-job.ts'

const batchSize = 500

/**
 * The reader of a stream that ends with its reader has gone: the job is cancelled. It goes on where its request says that
 * it is to be kept, or where somebody else reads it too.
 */
export async function leaveStream(
  id: JobId,
  deps: Pick<AttachDeps, 'store' | 'left'> & { catalogue: Catalogue },
): Promise<void> {
  const job = await deps.store.read(id)
  if (!job || isTerminal(job.status) || job.spec.isDurable || (await deps.left.isKept(id))) return
  await cancelJob(id, deps)
}

/**
 * The client of a waiting call has gone without its answer. It may well send the call again, so the job goes on and is
 * noted for whoever does; `endLeftCalls` ends it when nobody came. `weLeft` is for a connection that this process closed
 * to stop: that is no word of the client's.
 */
export async function leaveWait(id: JobId, weLeft: boolean, deps: AttachDeps): Promise<void> {
  const job = await deps.store.read(id)
  // An end without a result is no more than the call would come to again.
  if (!job || (isTerminal(job.status) && job.status !== 'completed' && job.status !== 'failed')) return
  const request = await deps.store.readBody(id)
  if (!request) return
  const isWanted = weLeft || job.spec.isDurable === true || (await deps.left.isKept(id))
  const fingerprint = fingerprintOf(job.spec, request.bodyJson, deps.secret)
  await deps.left.note({ job: id, fingerprint, endsJob: !isWanted })
}

/** Cancels the jobs of calls that nobody came back for. Returns how many were. */
export async function endLeftCalls(deps: {
  left: LeftCallSweep
  store: JobStore
  catalogue: Catalogue
  nowMs: number
}): Promise<number> {
  let ended = 0
  for (const call of await deps.left.leftBefore(deps.nowMs - leftForMs, batchSize)) {
    // Whoever came back a moment before has it.
    if (!(await deps.left.claim(call)) || !call.endsJob) continue
    await cancelJob(call.job, deps)
    ended += 1
  }
  return ended
}
