import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../core/errors.ts'
import type { JobRecord } from '../core/job.ts'
import { isTerminalEvent, type JobEvent } from '../core/job-event.ts'
import type { Follower } from '../delivery/event-hub.ts'
import { EventRestorer, reviewStreamed } from '../pipeline/deliver-result.ts'
import type { HttpDeps } from './deps.ts'
import { SseStream, sseRecord } from './sse.ts'

/** A job that never ends within this is past every deadline; its reader may ask again. */
const maxSilenceMs = 60 * 60 * 1000
/** Characters that are written at once, at most; one event may have more. */
const maxWrite = 32 * 1024
/** How long browsers wait before they reconnect, in milliseconds. */
const reconnectMs = 2_000

/**
 * Streams a job's events with their sequence numbers as ids. A reader that comes back with the last id it saw gets
 * exactly what it missed: the stream is restored from its start and what the reader has is left out.
 */
export async function streamJobEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  from: { job: JobRecord; after: number },
  deps: HttpDeps,
): Promise<void> {
  const { id } = from.job
  const follower = await deps.hub.follow(id, 'all', 0)
  if (!follower) throw new BrokerError('job_not_found', 'The events of this job have expired.', { param: 'id' })
  reply.hijack()
  const stream = new SseStream(reply.raw, { 'x-request-id': request.id, 'x-sluice-job-id': id }, reconnectMs)
  stream.onClose(() => follower.close())
  const restorer = new EventRestorer({ id, tenant: from.job.spec.tenant }, deps)
  try {
    while (!stream.closed) {
      const first = await follower.next(maxSilenceMs)
      if (first === null) break
      const { records, last } = await gather(first, { follower, restorer, after: from.after })
      await stream.write(records)
      if (isTerminalEvent(last)) {
        stream.end()
        await reviewStreamed({ id, tenant: from.job.spec.tenant }, last, deps).catch((error: unknown) => {
          deps.log.warn({ err: error, job: id }, 'an answer was not looked through')
        })
        break
      }
    }
    stream.end()
  } catch (error) {
    deps.log.warn({ err: error, job: id }, 'an event stream broke off')
    stream.destroy()
  } finally {
    follower.close()
  }
}

/** The records of an event and of those that are here already. */
async function gather(
  first: JobEvent,
  { follower, restorer, after }: { follower: Follower; restorer: EventRestorer; after: number },
): Promise<{ records: string; last: JobEvent }> {
  let records = ''
  let last = first
  for (let event: JobEvent | null = first; event; event = follower.takeReady()) {
    const { sequence, type, data } = await restorer.restore(event)
    if (sequence > after) records += `id: ${sequence}\nevent: ${type}\n${sseRecord(data)}`
    last = event
    if (isTerminalEvent(event) || records.length > maxWrite) break
  }
  return { records, last }
}
