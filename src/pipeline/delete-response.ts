import type { JobRecord } from '../core/job.ts'
import type { JobStore } from '../core/ports.ts'
import type { ResponseStore } from '../core/responses/response-store.ts'
import type { Catalogue } from '../core/routing.ts'
import { cancelJob } from './cancel-job.ts'
import { forgetJobWebhooks } from './forget-webhooks.ts'

type Webhooks = Parameters<typeof forgetJobWebhooks>[1]

/** Deletes a response, with all that was said in it and told of it. One that is still at work is cancelled first. */
export async function deleteResponse(
  { id, spec }: Pick<JobRecord, 'id' | 'spec'>,
  deps: { store: JobStore; catalogue: Catalogue; responses: ResponseStore; webhooks: Webhooks },
): Promise<void> {
  await cancelJob(id, deps)
  const ended = await deps.store.read(id)
  await deps.responses.shred(id, spec.tenant)
  if (ended) await forgetJobWebhooks(ended, deps.webhooks)
}
