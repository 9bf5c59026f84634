/**
 * Turns chunks into results through the API, a window of them at a time. A chunk's life: submit under its idempotency
 * key, wait for the end, hand over its line. What fails is kept as a failed line; only what would fail for every chunk
 * alike (a wrong key, an unknown model, no money) ends the run.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isOpen, type JobAnswer } from '../client/answers.ts'
import { type ApiClient, maxWaitSeconds } from '../client/api-client.ts'
import { ApiError } from '../client/failures.ts'
import type { Patience } from '../client/patience.ts'
import type { Chunk } from './chunk-cutter.ts'
import { buildJob, idempotencyKey, type JobTemplate, questionFingerprint } from './job-request.ts'
import { lineOfJob, lineOfRefusal, type ResultLine } from './result-line.ts'

export interface RunDeps {
  readonly client: ApiClient
  readonly patience: Patience
  readonly template: JobTemplate
  /** Most chunks that are under way at once. */
  readonly concurrency: number
  /** Called when the server has taken a chunk, and not again when it is asked a second time. */
  readonly onAccepted: () => void
  readonly onResult: (line: ResultLine) => Promise<void>
  readonly onHeld: (chunk: Chunk) => void
  readonly notify: (text: string) => void
}

/** Refusals that every further chunk would meet too. */
const fatalCodes: ReadonlySet<string> = new Set([
  'invalid_api_key',
  'model_not_found',
  'route_not_found',
  'insufficient_quota',
  'unexpected_answer',
])

/** How often a chunk is sent again because the server no longer knows its job. */
const maxLosses = 3
/** How many failed jobs of earlier runs a chunk may have behind it. */
const maxEarlierFailures = 50

/**
 * Resolves when every chunk has its line. Rejects with the first fatal failure or the signal's reason, after everything
 * that was under way has stopped; nothing is handed over after that.
 */
export async function runJobs(
  chunks: AsyncGenerator<Chunk, void, undefined>,
  deps: RunDeps,
  stop: AbortSignal,
): Promise<void> {
  const failure = new AbortController()
  const signal = AbortSignal.any([stop, failure.signal])
  const work = async () => {
    for (;;) {
      signal.throwIfAborted()
      // A generator lets its callers in one after the other, so the workers can share it.
      const next = await chunks.next()
      if (next.done) return
      if (next.value.isHeld) deps.onHeld(next.value)
      else await deps.onResult(await runChunk(next.value, deps, signal))
    }
  }
  const workers = Array.from({ length: deps.concurrency }, () =>
    work().catch((error: unknown) => {
      failure.abort(error)
      throw error
    }),
  )
  const ends = await Promise.allSettled(workers)
  signal.throwIfAborted()
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed) throw failed.reason
}

async function runChunk(chunk: Chunk, deps: RunDeps, signal: AbortSignal): Promise<ResultLine> {
  const question = questionFingerprint(deps.template)
  const taken: { jobId: string | null } = { jobId: null }
  try {
    return lineOfJob(chunk, question, await completeJob(chunk, deps, taken, signal))
  } catch (error) {
    if (!(error instanceof ApiError) || fatalCodes.has(error.code)) throw error
    return lineOfRefusal(chunk, question, error, taken.jobId)
  }
}

async function completeJob(
  chunk: Chunk,
  deps: RunDeps,
  taken: { jobId: string | null },
  signal: AbortSignal,
): Promise<JobAnswer> {
  for (let losses = 0; ; losses += 1) {
    taken.jobId = await submitChunk(chunk, deps, signal)
    if (losses === 0) deps.onAccepted()
    try {
      return await waitForEnd(taken.jobId, deps, signal)
    } catch (error) {
      if (!isUnknownJob(error) || losses === maxLosses) throw error
      deps.notify(`the server no longer knows ${taken.jobId}; sending ${chunk.file}@${chunk.offset} again`)
    }
  }
}

/**
 * Sends the chunk and returns its job's id. A key that belongs to a job which ended without an answer, in an earlier
 * run, stays with that job; the chunk gets its next key.
 */
async function submitChunk(chunk: Chunk, deps: RunDeps, signal: AbortSignal): Promise<string> {
  const { client, patience, template } = deps
  const body = buildJob(template, chunk)
  let after: string | null = null
  for (let failures = 0; ; failures += 1) {
    const key = idempotencyKey(template, chunk, after)
    try {
      const job = await patience.try(() => client.submitJob(body, key, signal), { signal, paced: true })
      if (isOpen(job.status) || job.status === 'completed' || failures === maxEarlierFailures) return job.id
      after = job.id
    } catch (error) {
      if (!isUnknownJob(error) || failures === maxEarlierFailures) throw error
      after = `expired ${failures}`
    }
  }
}

async function waitForEnd(id: string, { client, patience }: RunDeps, signal: AbortSignal): Promise<JobAnswer> {
  for (;;) {
    const askedAtMs = Date.now()
    const job = await patience.try(() => client.getJob(id, maxWaitSeconds, signal), { signal })
    if (!isOpen(job.status)) return job
    // A server that answers early without an end must not be asked in a tight loop.
    if (Date.now() - askedAtMs < 1_000) await sleep(500, undefined, { signal })
  }
}

function isUnknownJob(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'job_not_found'
}
