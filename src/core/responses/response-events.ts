import { splitCompletion } from '../completion-chunks.ts'
import { errorRow, type JobError } from '../errors.ts'
import type { JobEvent, TerminalFacts } from '../job-event.ts'
import { parseJsonObject } from '../json-object.ts'
import type { TokenUsage } from '../provider.ts'
import type { EventFields } from './message-writer.ts'
import { OutputWriter } from './output-writer.ts'
import { describeResponse, type ResponseFacts, type ResponseState } from './response-object.ts'

/** An event as readers get it. */
export interface ResponseEvent extends EventFields {
  readonly sequence_number: number
}

/** What is known of a job that has ended. */
export interface ResponseEnd {
  readonly facts: Pick<TerminalFacts, 'status' | 'usage'> & { readonly error: JobError | null }
  readonly finishedAtMs: number | null
  /** The whole answer, restored, where it did not come in pieces. */
  readonly resultJson: string | null
}

/**
 * Tells of a job in the events of a response's stream. A job's events, read from the first on, make the same events with
 * the same numbers, dense from 0, however often they are read: a reader that comes back is spared what it has by number.
 */
export class ResponseEventWriter {
  readonly #facts: ResponseFacts
  readonly #output: OutputWriter
  #next = 0
  #isBegun = false

  constructor(facts: ResponseFacts) {
    this.#facts = facts
    this.#output = new OutputWriter(facts.job)
  }

  /** Whether the job has left its queue. */
  get hasBegun(): boolean {
    return this.#isBegun
  }

  /** How every stream begins. */
  begin(): ResponseEvent[] {
    return this.#number([this.#lifecycle('created'), this.#lifecycle('queued')])
  }

  /** What an event before the end becomes. Retries are nobody's business before the first token, and there are none after. */
  write(event: JobEvent): ResponseEvent[] {
    if (event.type === 'job.queued') return this.#number(this.#placeIn(event.data))
    if (event.type === 'output.delta') return this.#number(this.#output.add(event.data))
    if (event.type !== 'job.in_progress' || this.#isBegun) return []
    this.#isBegun = true
    return this.#number([this.#lifecycle('in_progress')])
  }

  /** The last events. A failure is told twice: as many clients look for the one as for the other. */
  end({ facts, finishedAtMs, resultJson }: ResponseEnd): ResponseEvent[] {
    if (facts.status !== 'completed') return this.#number(this.#failure(facts))
    const chunks = resultJson === null ? [] : splitCompletion(parseJsonObject(resultJson) ?? {})
    const events = [...chunks.flatMap((chunk) => this.#output.add(chunk)), ...this.#output.finish()]
    const { output, incomplete } = this.#output
    const usage = facts.usage as TokenUsage | null
    const type = incomplete === null ? 'completed' : 'incomplete'
    return this.#number([...events, this.#tell(type, { status: 'completed', output, incomplete, usage, finishedAtMs })])
  }

  #failure({ status, error }: ResponseEnd['facts']): EventFields[] {
    const { code, message } = error ?? { code: 'internal_error', message: 'The response ended without an answer.' }
    const nested = { type: errorRow(code).type, code, message, param: null }
    const state: ResponseState = status === 'cancelled' ? { status } : { status: 'failed', error }
    return [{ type: 'error', code, message, param: null, error: nested }, this.#tell('failed', state)]
  }

  #lifecycle(type: 'created' | 'queued' | 'in_progress'): EventFields {
    return this.#tell(type, { status: type === 'created' ? 'queued' : type })
  }

  /** The first event of a job says nothing of its place, and has been told already. */
  #placeIn(data: string): EventFields[] {
    const queue = parseJsonObject(data)
    if (typeof queue?.position !== 'number') return []
    const response = { ...describeResponse(this.#facts, { status: 'queued' }), sluice: { queue } }
    return [{ type: 'response.queued', response }]
  }

  #tell(type: string, state: ResponseState): EventFields {
    return { type: `response.${type}`, response: describeResponse(this.#facts, state) }
  }

  #number(events: readonly EventFields[]): ResponseEvent[] {
    return events.map(({ type, ...fields }) => {
      const sequence_number = this.#next
      this.#next += 1
      return { type, sequence_number, ...fields }
    })
  }
}

/** The items of a whole answer. */
export function readOutput(job: ResponseFacts['job'], resultJson: string) {
  const writer = new OutputWriter(job)
  for (const chunk of splitCompletion(parseJsonObject(resultJson) ?? {})) writer.add(chunk)
  writer.finish()
  return { output: writer.output, incomplete: writer.incomplete }
}
