import { isBatchEnd, isBatchId } from '../core/batch.ts'
import type { BatchStore } from '../core/batch-store.ts'
import type { WebhookEventType } from '../core/webhook-events.ts'
import { type NotifyDeps, notifyEndpoints } from './notify-endpoints.ts'

/** Tells the endpoints of its tenant that a batch has ended; as OpenAI's event, which names the batch and says no more. */
export async function notifyBatch(
  id: string,
  deps: NotifyDeps & { readonly batches: Pick<BatchStore, 'read'> },
): Promise<void> {
  const batch = isBatchId(id) ? await deps.batches.read(id) : null
  if (!batch || !isBatchEnd(batch.status)) return
  const { spec, status, times, counts } = batch
  const endedAt = {
    completed: times.completedAtMs,
    failed: times.failedAtMs,
    expired: times.expiredAtMs,
    cancelled: times.cancelledAtMs,
  }
  await notifyEndpoints(
    {
      tenant: spec.tenant,
      id: `evt_${id.slice('batch_'.length)}_${status}`,
      about: batch.id,
      type: `batch.${status}` satisfies WebhookEventType,
      atMs: endedAt[status] ?? spec.createdAtMs,
      data: { id },
      full: async () => ({
        object: 'batch',
        status,
        endpoint: spec.endpoint,
        request_counts: { ...counts },
        output_file_id: batch.outputFile,
        error_file_id: batch.errorFile,
        metadata: spec.metadata,
      }),
    },
    deps,
  )
}
