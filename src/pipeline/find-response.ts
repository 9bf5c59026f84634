import type { JobRecord, JobSpec } from '../core/job.ts'
import type { KeptRequest } from '../core/responses/request.ts'
import { readOutput } from '../core/responses/response-events.ts'
import { jobOfResponse } from '../core/responses/response-id.ts'
import type { ResponseStore } from '../core/responses/response-store.ts'
import { deliverResult } from './deliver-result.ts'
import type { DeliveryDeps } from './review-answer.ts'

export interface ResponseDeps extends DeliveryDeps {
  readonly responses: ResponseStore
}

export interface FoundResponse {
  readonly job: JobRecord
  readonly kept: KeptRequest
}

/** A response of this tenant by its id; null for another tenant's, one that has expired or was deleted, and no id at all. */
export async function findResponse(id: string, tenant: string, deps: ResponseDeps): Promise<FoundResponse | null> {
  const jobId = jobOfResponse(id)
  const job = jobId && (await deps.store.read(jobId))
  if (job?.spec.tenant !== tenant || job.spec.surface !== 'responses' || job.isShredded) return null
  const requestJson = await deps.responses.readRequest(job.id)
  return requestJson === null ? null : { job, kept: JSON.parse(requestJson) as KeptRequest }
}

/** Whether a response can be read by its id for as long as results are kept. */
export function isStored({ response }: JobSpec): boolean {
  return response?.store === true
}

/** The answer of a completed job in items, restored; null when it has expired. @throws BrokerError `answer_blocked` */
export async function outputOf(job: JobRecord, deps: DeliveryDeps): Promise<ReturnType<typeof readOutput> | null> {
  const stored = await deps.store.readResult(job.id)
  if (stored === null) return null
  const { tenant, endpoint } = job.spec
  const masked = Object.keys(job.masked).length > 0
  return readOutput(job.id, await deliverResult({ id: job.id, tenant, endpoint, masked }, stored, deps))
}
