import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../core/errors.ts'
import type { JobId, JobSpec } from '../core/job.ts'
import { isTerminalEvent, type JobEvent } from '../core/job-event.ts'
import type { KeptRequest } from '../core/responses/request.ts'
import { type ResponseEnd, type ResponseEvent, ResponseEventWriter } from '../core/responses/response-events.ts'
import type { Follower } from '../delivery/event-hub.ts'
import { deliverResult, EventRestorer, reviewStreamed, terminalFacts } from '../pipeline/deliver-result.ts'
import { mustSeeWhole } from '../pipeline/review-answer.ts'
import type { HttpDeps } from './deps.ts'
import { shredWhenDelivered } from './response-shredding.ts'
import { SseStream, sseRecord } from './sse.ts'
import { whenRedisIsBack } from './when-redis-is-back.ts'

/** How long a job may be overdue before its reader is cut off: the courier ends overdue jobs every few seconds. */
const overdueGraceMs = 30_000
/** How often the reader of a job that waits is told where it stands, if that has changed, in milliseconds. */
const lookAtQueueMs = 2_000

export interface StreamedResponse {
  readonly id: JobId
  readonly spec: JobSpec
  readonly kept: KeptRequest
  /** The last sequence number that the reader has; -1 for none. */
  readonly after: number
  /** Whether the reader asked for the response to be made, and did not come later to read it. */
  readonly isCreator: boolean
}

/**
 * Streams a response in OpenAI's events, read from the job's first on: what the reader has is left out by number. A
 * stream that cannot go on is cut: a plain end would be taken for success.
 */
export async function streamResponse(
  request: FastifyRequest,
  reply: FastifyReply,
  follower: Follower,
  of: StreamedResponse,
  deps: HttpDeps,
): Promise<void> {
  const { id, spec, kept, after } = of
  reply.hijack()
  const stream = new SseStream(reply.raw, { 'x-request-id': request.id, 'x-sluice-job-id': id })
  if (of.isCreator) deps.readers.watch(reply, id, { isStream: true, onLeave: () => follower.close() })
  else stream.onClose(() => follower.close())
  const restorer = new EventRestorer({ id, tenant: spec.tenant }, deps)
  const writer = new ResponseEventWriter({ job: id, spec, echo: kept.echo })
  // A reader may have gone before there was a stream to close.
  const isOpen = () => !stream.closed && !reply.raw.destroyed
  const send = (events: readonly ResponseEvent[]) =>
    stream.write(
      events
        .filter((event) => event.sequence_number > after)
        .map(toRecord)
        .join(''),
    )
  try {
    await send(writer.begin())
    const giveUpAtMs = spec.deadlineMs + overdueGraceMs
    const waiting = new QueueWatch(id, deps)
    while (isOpen()) {
      const leftMs = Math.max(0, giveUpAtMs - Date.now())
      const event = await follower.next(of.isCreator && !writer.hasBegun ? Math.min(leftMs, lookAtQueueMs) : leftMs)
      if (event === null && Date.now() >= giveUpAtMs) break
      if (event === null) {
        if (isOpen()) await waiting.look()
        continue
      }
      if (!isTerminalEvent(event)) {
        await send(writer.write(await whenRedisIsBack(() => restorer.restore(event), isOpen)))
        continue
      }
      const end = await whenRedisIsBack(() => readEnd(event, follower, { id, spec }, deps), isOpen)
      await send(writer.end(end))
      stream.end()
      shredWhenDelivered(reply, { id, spec }, deps)
      await reviewStreamed({ id, tenant: spec.tenant }, event, deps).catch((error: unknown) => {
        deps.log.warn({ err: error, job: id }, 'an answer was not looked through')
      })
      return
    }
    stream.destroy()
  } catch (error) {
    deps.log.warn({ err: error, job: id }, 'a response stream broke off')
    stream.destroy()
  } finally {
    follower.close()
  }
}

/** Tells where a job stands whenever that has changed. What it tells comes back as an event, for all readers the same. */
class QueueWatch {
  readonly #id: JobId
  readonly #deps: HttpDeps
  #told = ''

  constructor(id: JobId, deps: HttpDeps) {
    this.#id = id
    this.#deps = deps
  }

  /** That it is not known where a job stands keeps nobody from waiting for it. */
  async look(): Promise<void> {
    const { store, places, responses, log } = this.#deps
    try {
      const job = await store.read(this.#id)
      const place = job && (await places.placeOf(job))
      const now = JSON.stringify(place)
      if (!place || now === this.#told) return
      await responses.tellPlace(this.#id, place)
      this.#told = now
    } catch (error) {
      log.debug({ err: error, job: this.#id }, 'nobody was told where a job stands')
    }
  }
}

function toRecord(event: ResponseEvent): string {
  return `event: ${event.type}\n${sseRecord(JSON.stringify(event))}`
}

async function readEnd(
  event: JobEvent,
  follower: Follower,
  { id, spec }: Pick<StreamedResponse, 'id' | 'spec'>,
  deps: HttpDeps,
): Promise<ResponseEnd> {
  const { status, usage, error, masked } = terminalFacts(event)
  const facts = { status, usage, error } as ResponseEnd['facts']
  // A terminal event does not say when; whoever asks for the response later reads the time where this does.
  const finishedAtMs = (await deps.store.read(id))?.finishedAtMs ?? null
  const cameInPieces = spec.stream && !mustSeeWhole(deps.auditing, spec.tenant)
  if (status !== 'completed' || cameInPieces) return { facts, finishedAtMs, resultJson: null }
  const stored = follower.pushedResult ?? (await deps.store.readResult(id))
  if (stored === null) throw new BrokerError('response_not_found', 'The answer has expired.')
  try {
    const { tenant, endpoint } = spec
    return { facts, finishedAtMs, resultJson: await deliverResult({ id, tenant, endpoint, masked }, stored, deps) }
  } catch (thrown) {
    if (!(thrown instanceof BrokerError) || thrown.code !== 'answer_blocked') throw thrown
    const refused = { status: 'failed', usage, error: { code: thrown.code, message: thrown.message } } as const
    return { facts: refused, finishedAtMs, resultJson: null }
  }
}
