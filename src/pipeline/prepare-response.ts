import { BrokerError } from '../core/errors.ts'
import { isTerminal } from '../core/job-state.ts'
import type { InputItem, ItemReference, OutputItem } from '../core/responses/items.ts'
import { type KeptRequest, keepRequest, type ResponseRequest } from '../core/responses/request.ts'
import { jobOfItem, responseIdOf } from '../core/responses/response-id.ts'
import { toChatBody } from '../core/responses/to-chat-body.ts'
import type { AcceptRequest } from './accept-job.ts'
import { findResponse, isStored, outputOf, type ResponseDeps } from './find-response.ts'

/** Looking up what items refer to costs a few reads for each response that they belong to. */
const maxReferredResponses = 100

/** What a request for a response is taken in as. */
export interface PreparedResponse {
  readonly kept: KeptRequest
  readonly job: Pick<AcceptRequest, 'surface' | 'bodyJson' | 'metadata'> & {
    readonly response: NonNullable<AcceptRequest['response']>
  }
}

/**
 * Makes a job of a request for a response: a chat with all that the model is to know, earlier responses included, and
 * what must be kept to show the response in its own words. @throws BrokerError `invalid_request`,
 * `previous_response_not_found`, `body_too_large`
 */
export async function prepareResponse(
  request: ResponseRequest,
  tenant: string,
  deps: ResponseDeps & { readonly maxBodyBytes: number },
): Promise<PreparedResponse> {
  const before = await itemsBefore(request.previous_response_id, tenant, deps)
  const items = [...before, ...(await standaloneItems(request.input, tenant, deps))]
  const kept = keepRequest(request, items)
  const bodyJson = JSON.stringify(toChatBody(request, items))
  // A conversation grows with every response that goes on from the one before.
  if (Buffer.byteLength(bodyJson) > deps.maxBodyBytes) throw new BrokerError('body_too_large')
  const { metadata, background, store } = request
  return {
    kept,
    job: {
      surface: 'responses',
      bodyJson,
      metadata: metadata ? { ...metadata } : undefined,
      response: { background: background ?? false, store: store ?? true, requestJson: JSON.stringify(kept) },
    },
  }
}

/** What was said up to the end of an earlier response. Its instructions are not carried over. */
async function itemsBefore(
  id: string | null | undefined,
  tenant: string,
  deps: ResponseDeps,
): Promise<readonly InputItem[]> {
  if (id === null || id === undefined) return []
  const found = await findResponse(id, tenant, deps)
  if (!found || !isStored(found.job.spec)) throw previousNotFound()
  const { job, kept } = found
  if (job.status !== 'completed') {
    const why = isTerminal(job.status) ? 'ended without an answer' : 'has not ended yet'
    throw new BrokerError('invalid_request', `The response of previous_response_id ${why}.`, {
      param: 'previous_response_id',
    })
  }
  const answer = await outputOf(job, deps)
  if (!answer) throw previousNotFound()
  return [...kept.items, ...answer.output]
}

function previousNotFound(): BrokerError {
  return new BrokerError('previous_response_not_found', undefined, { param: 'previous_response_id' })
}

/** The items of a request, with those in place of references that the references stand for. */
async function standaloneItems(
  input: ResponseRequest['input'],
  tenant: string,
  deps: ResponseDeps,
): Promise<readonly InputItem[]> {
  if (typeof input === 'string') return [{ type: 'message', role: 'user', content: input }]
  const outputs = new ReferredOutputs(tenant, deps)
  const items: InputItem[] = []
  for (const [index, item] of (input ?? []).entries()) {
    if (item.type !== 'item_reference') items.push(item)
    else items.push(await outputs.find(item, index))
  }
  return items
}

/** What the items of a request refer to; each response is read once. */
class ReferredOutputs {
  readonly #tenant: string
  readonly #deps: ResponseDeps
  readonly #outputs = new Map<string, readonly OutputItem[]>()

  constructor(tenant: string, deps: ResponseDeps) {
    this.#tenant = tenant
    this.#deps = deps
  }

  async find({ id }: ItemReference, index: number): Promise<OutputItem> {
    const param = `input[${index}].id`
    const item = (await this.#outputFor(id, param)).find((each) => each.id === id)
    if (item) return item
    throw new BrokerError('invalid_request', `Invalid field ${param}: there is no such item, or it has expired`, {
      param,
    })
  }

  async #outputFor(item: string, param: string): Promise<readonly OutputItem[]> {
    const job = jobOfItem(item)
    if (job === null) return []
    const known = this.#outputs.get(job)
    if (known) return known
    if (this.#outputs.size >= maxReferredResponses) {
      const message = `Invalid field ${param}: items of more than ${maxReferredResponses} responses are referred to`
      throw new BrokerError('invalid_request', message, { param })
    }
    const found = await findResponse(responseIdOf(job), this.#tenant, this.#deps)
    const isReadable = found?.job.status === 'completed' && isStored(found.job.spec)
    const output = isReadable ? ((await outputOf(found.job, this.#deps))?.output ?? []) : []
    this.#outputs.set(job, output)
    return output
  }
}
