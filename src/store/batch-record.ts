import type { BatchError, BatchId, BatchRecord, BatchSpec, BatchStatus, OpenLine } from '../core/batch.ts'
import type { FileId } from '../core/file.ts'
import type { JobId } from '../core/job.ts'
import { parseThroughput } from './throughput.ts'

/** Turns the hash of a batch into a record; null when there is none. */
export function parseBatch(id: BatchId, state: Record<string, string>): BatchRecord | null {
  if (state.status === undefined || state.spec === undefined) return null
  const time = (field: string) => (state[field] ? Number(state[field]) : null)
  const count = (field: string) => Number(state[field] ?? 0)
  return {
    id,
    spec: JSON.parse(state.spec) as BatchSpec,
    status: state.status as BatchStatus,
    ending: (state.ending as BatchRecord['ending'] | undefined) ?? null,
    isValidated: state.validated !== undefined,
    errors: state.errors ? (JSON.parse(state.errors) as BatchError[]) : [],
    counts: { total: count('total'), completed: count('completed_lines'), failed: count('failed_lines') },
    usage: {
      input: count('input_tokens'),
      cached: count('cached_tokens'),
      output: count('output_tokens'),
      reasoning: count('reasoning_tokens'),
    },
    pace: state.pace ? parseThroughput(state.pace) : { atMs: count('in_progress'), jobs: 0, busyMs: 0 },
    model: state.model || null,
    cursor: { offset: count('offset'), line: count('line') },
    outputFile: (state.output as FileId | undefined) ?? null,
    errorFile: (state.errors_file as FileId | undefined) ?? null,
    times: {
      inProgressAtMs: time('in_progress'),
      finalizingAtMs: time('finalizing'),
      completedAtMs: time('completed'),
      failedAtMs: time('failed'),
      expiredAtMs: time('expired'),
      cancellingAtMs: time('cancelling'),
      cancelledAtMs: time('cancelled'),
    },
  }
}

export function encodeLine({ line, offset, length, customId }: OpenLine): string {
  return JSON.stringify([line, offset, length, customId])
}

export function decodeLine(job: string, text: string): OpenLine {
  const [line, offset, length, customId] = JSON.parse(text) as [number, number, number, string]
  return { job: job as JobId, line, offset, length, customId }
}
