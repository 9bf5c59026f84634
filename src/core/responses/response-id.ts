import { isJobId, type JobId } from '../job.ts'

/**
 * The ids of the Responses API, all made of the digits of the job behind a response: a response and its items are found
 * by their ids without an index, and are called the same however often they are shown.
 */
const jobPrefix = 'job_'
const responsePrefix = 'resp_'

export function responseIdOf(job: JobId): string {
  return responsePrefix + job.slice(jobPrefix.length)
}

/** The job behind a response; null for text that is no id of a response. */
export function jobOfResponse(id: string): JobId | null {
  const job = jobPrefix + id.slice(responsePrefix.length)
  return id.startsWith(responsePrefix) && isJobId(job) ? job : null
}

/** OpenAI's prefixes of what a model writes: a message, a thought, a call of a function. */
export type ItemPrefix = 'msg' | 'rs' | 'fc'

/** The first message and thought of a response are those that matter: further ones, and all calls, are numbered. */
export function itemIdOf(job: JobId, prefix: ItemPrefix, number: number): string {
  const digits = job.slice(jobPrefix.length)
  return prefix !== 'fc' && number === 0 ? `${prefix}_${digits}` : `${prefix}_${digits}_${number}`
}

/** Of an input item that came without an id. */
export function inputItemIdOf(job: JobId, index: number): string {
  return `in_${job.slice(jobPrefix.length)}_${index}`
}

/** The job whose answer an item belongs to; null for text that is no id of such an item. */
export function jobOfItem(id: string): JobId | null {
  const [, digits] = /^(?:msg|rs|fc)_([0-9a-f]{32})(?:_\d+)?$/.exec(id) ?? []
  const job = jobPrefix + digits
  return isJobId(job) ? job : null
}
