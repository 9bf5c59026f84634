import type { BatchRecord } from '../core/batch.ts'
import type { BatchPlace } from '../core/batch-place.ts'
import type { StoredFile } from '../core/file.ts'
import { toSeconds } from './job-view.ts'

/** The file object of OpenAI's API. */
export function fileView(file: StoredFile) {
  return {
    id: file.id,
    object: 'file' as const,
    bytes: file.bytes,
    created_at: toSeconds(file.createdAtMs),
    ...(file.expiresAtMs !== null && { expires_at: toSeconds(file.expiresAtMs) }),
    filename: file.filename,
    purpose: file.purpose,
    status: 'processed' as const,
  }
}

/** The batch object of OpenAI's API, and how far it is. */
export function batchView(
  { id, spec, status, errors, counts, usage, times, ...batch }: BatchRecord,
  place: BatchPlace | null,
) {
  return {
    id,
    object: 'batch' as const,
    endpoint: spec.endpoint,
    model: batch.model,
    errors: errors.length === 0 ? null : { object: 'list' as const, data: [...errors] },
    input_file_id: spec.inputFile,
    completion_window: spec.completionWindow,
    status,
    output_file_id: batch.outputFile,
    error_file_id: batch.errorFile,
    created_at: toSeconds(spec.createdAtMs),
    in_progress_at: secondsOrNull(times.inProgressAtMs),
    expires_at: toSeconds(spec.expiresAtMs),
    finalizing_at: secondsOrNull(times.finalizingAtMs),
    completed_at: secondsOrNull(times.completedAtMs),
    failed_at: secondsOrNull(times.failedAtMs),
    expired_at: secondsOrNull(times.expiredAtMs),
    cancelling_at: secondsOrNull(times.cancellingAtMs),
    cancelled_at: secondsOrNull(times.cancelledAtMs),
    request_counts: { ...counts },
    usage: {
      input_tokens: usage.input,
      input_tokens_details: { cached_tokens: usage.cached },
      output_tokens: usage.output,
      output_tokens_details: { reasoning_tokens: usage.reasoning },
      total_tokens: usage.input + usage.output,
    },
    metadata: spec.metadata && { ...spec.metadata },
    retry_of: spec.retryOf ?? null,
    sluice: place && {
      running: place.running,
      waiting: place.waiting,
      position: place.position,
      eta_seconds: place.etaSeconds,
    },
  }
}

/** A page of a list, as OpenAI's clients walk it. */
export function listView<View extends { id: string }>(data: readonly View[], hasMore: boolean) {
  return {
    object: 'list' as const,
    data: [...data],
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  }
}

function secondsOrNull(ms: number | null): number | null {
  return ms === null ? null : toSeconds(ms)
}
