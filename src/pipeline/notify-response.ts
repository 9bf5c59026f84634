import { BrokerError } from '../core/errors.ts'
import type { JobRecord } from '../core/job.ts'
import { isTerminal } from '../core/job-state.ts'
import { responseIdOf } from '../core/responses/response-id.ts'
import { describeResponse, type ResponseState } from '../core/responses/response-object.ts'
import type { WebhookEvent } from '../core/webhook-events.ts'
import type { DeliveryDeps } from './review-answer.ts'
import { stateOf } from './show-response.ts'

/** A larger response is left for the receiver to fetch. */
const maxResponseCharacters = 256 * 1024

/**
 * What endpoints are told of the end of a response; as OpenAI's event, which names it and says no more. Null for one that
 * has not ended, and for one that was waited for: OpenAI tells of those in the background.
 */
export async function describeResponseEnd(
  job: JobRecord,
  eventId: string,
  deps: DeliveryDeps,
): Promise<WebhookEvent | null> {
  if (!isTerminal(job.status) || job.isShredded || !job.spec.response?.background) return null
  const { id, spec } = job
  const state = await stateToTell(job, deps)
  const shown = describeResponse({ job: id, spec, echo: {} }, state)
  const status = shown.status === 'completed' || shown.status === 'incomplete' ? shown.status : endOf(state)
  return {
    tenant: spec.tenant,
    id: eventId,
    about: id,
    type: `response.${status}`,
    atMs: job.finishedAtMs ?? Date.now(),
    data: { id: responseIdOf(id) },
    full: async () => (mayBeSent(job, shown) ? shown : {}),
    traceparent: spec.traceparent,
  }
}

function endOf({ status }: ResponseState): 'cancelled' | 'failed' {
  return status === 'cancelled' ? 'cancelled' : 'failed'
}

/** A restricted job's answer is never pushed out. */
function mayBeSent({ sensitivity }: JobRecord, shown: object): boolean {
  return sensitivity !== 'restricted' && JSON.stringify(shown).length <= maxResponseCharacters
}

/** An answer that cannot be shown now is told of without it: the receiver hears why when it fetches the response. */
async function stateToTell(job: JobRecord, deps: DeliveryDeps): Promise<ResponseState> {
  try {
    return await stateOf(job, deps)
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code === 'redis_unavailable') throw error
    const { usage, finishedAtMs } = job
    return { status: 'completed', output: [], incomplete: null, usage, finishedAtMs }
  }
}
