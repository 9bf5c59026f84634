import { BrokerError } from '../core/errors.ts'
import type { JobRecord } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import { describeResponse, type ResponseObject, type ResponseState } from '../core/responses/response-object.ts'
import { type FoundResponse, outputOf, type ResponseDeps } from './find-response.ts'
import type { DeliveryDeps } from './review-answer.ts'

/** A response as it stands, in OpenAI's words. @throws BrokerError `response_not_found` when its answer has expired */
export async function showResponse(found: FoundResponse, deps: ResponseDeps): Promise<ResponseObject> {
  const { job, kept } = found
  return describeResponse({ job: job.id, spec: job.spec, echo: kept.echo }, await stateOf(job, deps))
}

/** How far a response has come, with its answer as the tenant's policy lets it out. */
export async function stateOf(job: JobRecord, deps: DeliveryDeps): Promise<ResponseState> {
  const { status, error, usage, finishedAtMs } = job
  if (status === 'cancelled' || !isTerminal(status)) return { status }
  if (status !== 'completed') return { status: 'failed', error }
  try {
    const answer = await outputOf(job, deps)
    if (!answer) throw new BrokerError('response_not_found', 'The answer has expired.')
    return { status: 'completed', ...answer, usage, finishedAtMs }
  } catch (thrown) {
    if (!(thrown instanceof BrokerError) || thrown.code !== 'answer_blocked') throw thrown
    return { status: 'failed', error: { code: thrown.code, message: thrown.message } }
  }
}
