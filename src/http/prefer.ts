import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { JobId } from '../core/job.ts'
import type { HttpDeps } from './deps.ts'
import { requireJob, showJob } from './job-reading.ts'
import { sendJson } from './json-reply.ts'

/** Proxies cut a quiet connection after 60 s; `?wait=` takes no more either. */
const maxWaitSeconds = 60

/** What a client would rather have than to wait until the end: the job instead of its answer, at once or after a while. */
export interface Preference {
  readonly waitMs: number
  /** As `Preference-Applied` says it. */
  readonly applied: string
}

/**
 * Reads `Prefer` (RFC 7240): `respond-async`, `wait=N`, or both, which is to wait and then give the job. Null where it
 * asks for neither. A preference that is not understood is left unheeded, as the RFC has it.
 */
export function readPreference(headers: IncomingHttpHeaders): Preference | null {
  const header = headers.prefer
  if (header === undefined) return null
  const wishes = (Array.isArray(header) ? header.join(',') : header).split(',').map(readWish)
  const isAsync = wishes.includes('respond-async')
  const seconds = wishes.map((wish) => /^wait\s*=\s*"?(\d{1,9})"?$/.exec(wish)?.[1]).find((each) => each !== undefined)
  if (seconds === undefined) return isAsync ? { waitMs: 0, applied: 'respond-async' } : null
  const wait = Math.min(Number(seconds), maxWaitSeconds)
  return { waitMs: wait * 1000, applied: `${isAsync ? 'respond-async, ' : ''}wait=${wait}` }
}

/** Without the parameters of the preference. */
function readWish(text: string): string {
  return (text.split(';')[0] ?? '').trim().toLowerCase()
}

/** Answers with the job as it is now: 202, and where to find it. */
export async function sendJobInstead(
  request: FastifyRequest,
  reply: FastifyReply,
  { id, applied }: { id: JobId; applied: string },
  deps: HttpDeps,
): Promise<void> {
  const job = await requireJob(id, request.tenant, deps)
  reply.code(202).header('location', `/v1/jobs/${id}`).header('preference-applied', applied)
  sendJson(reply, await showJob(job, deps))
}
