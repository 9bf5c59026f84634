import type { BatchRecord, BatchUsage, OpenLine } from '../core/batch.ts'
import { type LineOutcome, writeOutcome } from '../core/batch-line.ts'
import { BrokerError, errorRow } from '../core/errors.ts'
import type { JobId, JobRecord } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import type { TokenUsage } from '../core/provider.ts'
import { addWork } from '../core/queue-place.ts'
import type { KeptRequest } from '../core/responses/request.ts'
import { appendTo, OutcomeFile } from './append-outcomes.ts'
import type { BatchDeps } from './batch-deps.ts'
import { deliverResult } from './deliver-result.ts'
import { showResponse } from './show-response.ts'

/** Answers may be large: so many are in memory at once. */
const parallel = 8

export interface Collected {
  /** Lines whose outcome counts now. */
  readonly lines: number
  /** Lines of which nothing is known: their job has gone. */
  readonly lost: number
}

/**
 * Writes what became of lines whose jobs have ended to the batch's files, and lets it count: each line once. Whoever dies
 * before that leaves blobs that nobody knows of, and the next one writes others.
 */
export async function collectBatch(
  batch: BatchRecord,
  options: { refused: Map<JobId, LineOutcome>; limit: number },
  deps: BatchDeps,
): Promise<Collected> {
  const { refused, limit } = options
  await deps.batches.noteEnds(batch.id, [...refused.keys()])
  const lines = await deps.batches.endedLines(batch.id, limit)
  if (lines.length === 0) return { lines: 0, lost: 0 }
  const files = { output: new OutcomeFile(batch.outputFile, deps), errors: new OutcomeFile(batch.errorFile, deps) }
  const tally = new Tally()
  const isCommitted = await appendTo([files.output, files.errors], {
    async write() {
      for (let at = 0; at < lines.length; at += parallel) {
        const some = lines.slice(at, at + parallel)
        const seen = await Promise.all(some.map((line) => lookAt(batch, line, refused, deps)))
        for (const [index, line] of some.entries()) {
          const found = seen[index]
          if (found) await write(batch, line, found, files, tally)
        }
      }
    },
    async commit([output = null, errors = null]) {
      const { jobs, completed, failed, usage } = tally
      if (jobs.length === 0) return false
      const { tenant } = batch.spec
      // All the time since the outcomes before these: whatever kept the lines will keep those that follow.
      const work = { atMs: deps.accept.now(), ms: Number.POSITIVE_INFINITY, jobs: jobs.length }
      const pace = addWork(batch.pace, work)
      return deps.batches.commit(batch.id, { tenant, jobs, completed, failed, usage, pace, output, errors })
    },
  })
  const lost = lines.length - tally.jobs.length
  if (!isCommitted) return { lines: 0, lost }
  for (const job of tally.jobs) refused.delete(job)
  for (const job of tally.unstored) await deps.responses.shred(job, batch.spec.tenant)
  return { lines: tally.jobs.length, lost }
}

interface Found {
  readonly outcome: LineOutcome
  readonly usage: TokenUsage | null
  readonly isUnstored?: boolean
}

class Tally {
  readonly jobs: JobId[] = []
  /** Responses that are not to be kept once they are delivered. */
  readonly unstored: JobId[] = []
  completed = 0
  failed = 0
  usage: BatchUsage = { input: 0, cached: 0, output: 0, reasoning: 0 }

  count(job: JobId, { outcome, usage, isUnstored }: Found): void {
    this.jobs.push(job)
    if (isUnstored) this.unstored.push(job)
    if (outcome.kind === 'answered') this.completed += 1
    else this.failed += 1
    const { input, cached, output, reasoning } = this.usage
    this.usage = {
      input: input + (usage?.prompt_tokens ?? 0),
      cached: cached + (usage?.prompt_tokens_details?.cached_tokens ?? 0),
      output: output + (usage?.completion_tokens ?? 0),
      reasoning: reasoning + (usage?.completion_tokens_details?.reasoning_tokens ?? 0),
    }
  }
}

async function write(
  batch: BatchRecord,
  { line, customId, job }: OpenLine,
  found: Found,
  files: { output: OutcomeFile; errors: OutcomeFile },
  tally: Tally,
): Promise<void> {
  const text = writeOutcome({ batch: batch.id, number: line, customId, job }, found.outcome)
  await (found.outcome.kind === 'answered' ? files.output : files.errors).write(text)
  tally.count(job, found)
}

/** Null where it can't be told yet. */
async function lookAt(
  batch: BatchRecord,
  { job: id }: OpenLine,
  refused: ReadonlyMap<JobId, LineOutcome>,
  deps: BatchDeps,
): Promise<Found | null> {
  const refusal = refused.get(id)
  if (refusal) return { outcome: refusal, usage: null }
  const job = await deps.store.read(id)
  if (!job || !isTerminal(job.status)) return null
  const outcome = job.status === 'completed' ? await answerOf(job, deps) : failureOf(job, batch)
  return outcome && { outcome, usage: job.usage, isUnstored: job.spec.response?.store === false }
}

/** As it is let out to any reader. Null where it has to be looked through first and can't be now. */
async function answerOf(job: JobRecord, deps: BatchDeps): Promise<LineOutcome | null> {
  try {
    if (job.spec.surface === 'responses') return await responseOf(job, deps)
    const stored = await deps.store.readResult(job.id)
    if (stored === null) return expired
    const { tenant, endpoint } = job.spec
    const masked = Object.keys(job.masked).length > 0
    return { kind: 'answered', bodyJson: await deliverResult({ id: job.id, tenant, endpoint, masked }, stored, deps) }
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error
    if (error.code === 'detector_unavailable') return null
    if (error.code === 'redis_unavailable') throw error
    return { kind: 'refused', code: error.code, message: error.message }
  }
}

async function responseOf(job: JobRecord, deps: BatchDeps): Promise<LineOutcome> {
  const requestJson = await deps.responses.readRequest(job.id)
  if (requestJson === null) return expired
  const shown = await showResponse({ job, kept: JSON.parse(requestJson) as KeptRequest }, deps)
  if (shown.status !== 'failed') return { kind: 'answered', bodyJson: JSON.stringify(shown) }
  // The model did answer; who failed it is the policy.
  return { kind: 'refused', code: 'answer_blocked', message: errorRow('answer_blocked').summary }
}

const expired = { kind: 'refused', code: 'job_not_found', message: 'The result has expired.' } as const

function failureOf({ status, error }: JobRecord, { ending }: BatchRecord): LineOutcome {
  if (status === 'expired') return { kind: 'not_run', ending: 'expired' }
  if (status === 'cancelled' && ending !== null) return { kind: 'not_run', ending }
  const { code, message } = error ?? { code: 'internal_error', message: 'The job ended without an answer.' }
  return { kind: 'refused', code, message }
}
