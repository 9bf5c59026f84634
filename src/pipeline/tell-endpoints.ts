import type { JobId } from '../core/job.ts'
import type { RecordObserver } from '../core/record-archive.ts'
import type { WebhookEndpoints } from '../core/webhook.ts'

/**
 * Leaves a row in the outbox for every job that ends and whose tenant has endpoints, as the recorder tells of it. Only
 * that: a dispatcher that ends a job knows neither its tenant nor the endpoints, and the recorder is not held up.
 */
export function createEndpointTeller(
  endpoints: Pick<WebhookEndpoints, 'listening'>,
  outbox: { addForEndpoints(ends: readonly { id: JobId; type: string }[]): Promise<void> },
): RecordObserver {
  return {
    async observe(batch) {
      const ends = batch.flatMap(({ record, owner }) =>
        record.kind === 'end' && owner ? [{ id: record.job, type: `job.${record.status}`, tenant: owner.tenant }] : [],
      )
      const listening = await endpoints.listening([...new Set(ends.map(({ tenant }) => tenant))])
      await outbox.addForEndpoints(ends.filter(({ tenant }) => listening.has(tenant)))
    },
  }
}
