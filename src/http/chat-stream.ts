import type { FastifyReply, FastifyRequest } from 'fastify'
import { splitCompletion } from '../core/completion-chunks.ts'
import { BrokerError, type ErrorCode } from '../core/errors.ts'
import { isTerminalEvent, type JobEvent } from '../core/job-event.ts'
import { echoTier, type ServiceTier } from '../core/service-tier.ts'
import type { Follower } from '../delivery/event-hub.ts'
import type { Accepted } from '../pipeline/accept-job.ts'
import { deliverResult, EventRestorer, reviewStreamed, terminalFacts } from '../pipeline/deliver-result.ts'
import { mustSeeWhole } from '../pipeline/review-answer.ts'
import type { HttpDeps } from './deps.ts'
import { errorBody } from './error-handler.ts'
import { SseStream, sseRecord } from './sse.ts'

const doneRecord = sseRecord('[DONE]')
/** How long a job may be overdue before its reader is told so: the courier ends overdue jobs every few seconds. */
const overdueGraceMs = 30_000

/**
 * Streams a chat in OpenAI's dialect: only `data:` records and comments, because a record of any other form breaks one
 * official client or another. An answer that breaks off says so before `[DONE]`: several clients take a plain end for
 * success.
 */
export async function streamChat(
  request: FastifyRequest,
  reply: FastifyReply,
  follower: Follower,
  accepted: Accepted,
  deps: HttpDeps,
): Promise<void> {
  reply.hijack()
  const stream = new SseStream(reply.raw, { 'x-request-id': request.id, 'x-sluice-job-id': accepted.id })
  deps.readers.watch(reply, accepted.id, {
    isStream: true,
    onLeave: () => follower.close(),
    onCut: () => {
      stream.end(errorRecord('stream_interrupted', 'Sluice is being stopped; the job goes on.') + doneRecord)
      follower.close()
    },
  })
  const { tenant, serviceTier } = accepted.spec
  const restorer = new EventRestorer({ id: accepted.id, tenant }, deps)
  const isWhole = mustSeeWhole(deps.auditing, tenant)
  const giveUpAtMs = accepted.spec.deadlineMs + overdueGraceMs
  try {
    while (!stream.closed) {
      const event = await follower.next(Math.max(0, giveUpAtMs - Date.now()))
      if (stream.closed) break
      if (event === null) {
        await stream.write(errorRecord('deadline_exceeded', 'The job passed its deadline.') + doneRecord)
        break
      }
      if (isWhole) await stream.write(await wholeAnswer(event, follower, accepted, deps))
      await stream.write(
        isWhole && event.type === 'output.delta' ? '' : toRecords(await restorer.restore(event), serviceTier),
      )
      if (isTerminalEvent(event)) {
        stream.end()
        await reviewStreamed({ id: accepted.id, tenant }, event, deps).catch((error: unknown) => {
          deps.log.warn({ err: error, job: accepted.id }, 'an answer was not looked through')
        })
        break
      }
    }
  } catch (error) {
    deps.log.warn({ err: error, job: accepted.id }, 'a stream broke off')
    const code = error instanceof BrokerError ? error.code : 'internal_error'
    const message =
      code === 'answer_blocked' ? (error as BrokerError).message : 'The stream broke off; the job goes on.'
    await stream.write(errorRecord(code, message) + doneRecord)
  } finally {
    stream.end()
    follower.close()
  }
}

/** Where the policy wants to see an answer as a whole, the stream begins when the answer has ended. */
async function wholeAnswer(
  event: JobEvent,
  follower: Follower,
  { id, spec }: Accepted,
  deps: HttpDeps,
): Promise<string> {
  if (event.type !== 'job.completed') return ''
  const stored = follower.pushedResult ?? (await deps.store.readResult(id))
  if (stored === null) throw new BrokerError('job_not_found', 'The result has expired.')
  const { tenant, endpoint } = spec
  const facts = { id, tenant, endpoint, masked: terminalFacts(event).masked }
  const chunks = splitCompletion(JSON.parse(await deliverResult(facts, stored, deps)))
  const wanted = spec.includeUsage ? chunks : chunks.filter((chunk) => !usageOnly.test(chunk))
  return wanted.map((chunk) => sseRecord(echoTier(chunk, spec.serviceTier))).join('')
}

const usageOnly = /"choices":\[\],"usage"/

function toRecords(event: JobEvent, tier: ServiceTier | undefined): string {
  if (event.type === 'output.delta') return sseRecord(echoTier(event.data, tier))
  if (!isTerminalEvent(event)) return ''
  const { status, error } = terminalFacts(event)
  if (status === 'completed') return doneRecord
  const code = (error?.code ?? 'internal_error') as ErrorCode
  return errorRecord(code, error?.message ?? 'The job ended without an answer.') + doneRecord
}

function errorRecord(code: ErrorCode, message: string): string {
  return sseRecord(JSON.stringify(errorBody(code, message)))
}
