import type { BatchCursor, BatchRecord, TerminalBatchStatus } from '../core/batch.ts'
import { customIdOf, type LineOutcome, writeOutcome } from '../core/batch-line.ts'
import type { JobId } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import { poolsOf } from '../core/routing.ts'
import { isBlank, splitLines } from '../core/text-lines.ts'
import { appendTo, OutcomeFile } from './append-outcomes.ts'
import type { BatchDeps } from './batch-deps.ts'
import { cancelJob } from './cancel-job.ts'
import { readFileContent } from './read-file.ts'

const parallel = 32
/** Lines that are passed over in one step. */
const linesPerStep = 5_000
const anyLength = Number.MAX_SAFE_INTEGER

/**
 * Ends the jobs of a batch that comes to an end before they do. Returns what became of lines whose job was never made.
 */
export async function endOpenJobs(batch: BatchRecord, deps: BatchDeps): Promise<ReadonlyMap<JobId, LineOutcome>> {
  const ending = batch.ending ?? 'cancelled'
  const neverMade = new Map<JobId, LineOutcome>()
  const open = await deps.batches.openLines(batch.id)
  for (let at = 0; at < open.length; at += parallel) {
    const ended: JobId[] = []
    const stopping = open.slice(at, at + parallel).map(async ({ job: id }) => {
      const job = await deps.store.read(id)
      if (!job) return void neverMade.set(id, { kind: 'not_run', ending })
      if (!isTerminal(job.status)) await endJob(id, ending, deps)
      ended.push(id)
    })
    await Promise.all(stopping)
    await deps.batches.noteEnds(batch.id, ended)
  }
  return neverMade
}

async function endJob(id: JobId, ending: 'cancelled' | 'expired', { store, accept }: BatchDeps): Promise<void> {
  if (ending === 'cancelled') return cancelJob(id, { store, catalogue: accept.catalogue })
  const job = await store.read(id)
  if (!job || isTerminal(job.status)) return
  const error = { code: 'deadline_exceeded', message: 'The job passed its deadline.' } as const
  const pools = poolsOf(job.spec.model, accept.catalogue)
  await store.end(id, 'expire', { error, attempts: job.attempts, pools })
}

/**
 * Writes an outcome for lines that never got a job, a part of them at a time. False when there are none left.
 */
export async function passOverLines(batch: BatchRecord, deps: BatchDeps): Promise<boolean> {
  const { id, spec, cursor } = batch
  const outcome = { kind: 'not_run', ending: batch.ending ?? 'cancelled' } as const
  const file = new OutcomeFile(batch.errorFile, deps)
  let to: BatchCursor = cursor
  let failed = 0
  await appendTo([file], {
    async write() {
      const content = readFileContent(spec.inputFile, deps, cursor.offset)
      for await (const line of splitLines(content, { maxBytes: anyLength, from: cursor })) {
        to = { offset: line.next, line: line.number }
        if (isBlank(line) || line.bytes === null) continue
        const customId = customIdOf(line.bytes)
        await file.write(writeOutcome({ batch: id, number: line.number, customId, job: null }, outcome))
        failed += 1
        if (failed >= linesPerStep) break
      }
    },
    async commit([errors = null]) {
      if (to.offset === cursor.offset) return false
      const usage = { input: 0, cached: 0, output: 0, reasoning: 0 }
      const passed = { from: cursor, to }
      const facts = { tenant: spec.tenant, jobs: [], completed: 0, failed, usage, output: null, errors, passed }
      return deps.batches.commit(id, facts)
    },
  })
  return to.offset !== cursor.offset
}

/** Ends a batch whose lines all have their outcome. */
export async function finishBatch(
  { id, spec }: BatchRecord,
  end: { status: TerminalBatchStatus; errors?: BatchRecord['errors'] },
  deps: BatchDeps,
): Promise<boolean> {
  const nowMs = deps.accept.now()
  const filesExpireAtMs = nowMs + (spec.outputTtlMs ?? deps.fileRetentionMs)
  const forgetAtMs = Math.max(filesExpireAtMs, nowMs + deps.fileRetentionMs)
  return deps.batches.finish(id, { ...end, nowMs, filesExpireAtMs, forgetAtMs })
}
