import type { JobId } from '../job.ts'
import { isJsonObject, type JsonObject, parseJsonObject } from '../json-object.ts'
import { CallWriter, ThoughtWriter } from './item-writers.ts'
import type { OutputItem } from './items.ts'
import { type EventFields, MessageWriter } from './message-writer.ts'
import { readCitations, readLogProbs } from './output-parts.ts'
import { itemIdOf } from './response-id.ts'
import type { IncompleteReason } from './response-object.ts'

/**
 * Turns the chunks of a chat into the items of a response, and into the events that tell of them. The same chunks make
 * the same events. An answer that came in one piece is written as the chunks that it could have come in, so both ways
 * end with the same items.
 *
 * A thought is closed when something else begins; a chat that goes on thinking after that opens another one. Message and
 * calls are closed at the end: a chat may come back to each of them.
 */
export class OutputWriter {
  readonly #job: JobId
  readonly #items: (ThoughtWriter | MessageWriter | CallWriter)[] = []
  readonly #calls = new Map<number, CallWriter>()
  #thought: ThoughtWriter | null = null
  #thoughts = 0
  #message: MessageWriter | null = null
  #finishReason: unknown = null

  constructor(job: JobId) {
    this.#job = job
  }

  /** Takes in the JSON text of one `chat.completion.chunk`. A response has one answer: further choices are not asked for. */
  add(chunkJson: string): EventFields[] {
    const choices = parseJsonObject(chunkJson)?.choices
    const choice: unknown = Array.isArray(choices) ? choices[0] : null
    if (!isJsonObject(choice)) return []
    const events = isJsonObject(choice.delta) ? this.#addDelta(choice.delta, choice.logprobs) : []
    this.#finishReason = choice.finish_reason ?? this.#finishReason
    return events
  }

  /** Ends all items that are open. An answer that says nothing is a message without text. */
  finish(): EventFields[] {
    const opened = this.#items.length === 0 ? this.#messageItem((message) => message.addText('', [])) : []
    const late = [...this.#calls.values()].flatMap((call) => this.#openCall(call))
    const isCut = this.incomplete !== null
    const last = this.#items.at(-1)
    return [...opened, ...late, ...this.#items.flatMap((item) => item.finish(isCut && item === last))]
  }

  get output(): OutputItem[] {
    return this.#items.map((item) => item.item)
  }

  /** Why the answer is not whole; null when it is. */
  get incomplete(): IncompleteReason | null {
    if (this.#finishReason === 'length') return 'max_output_tokens'
    return this.#finishReason === 'content_filter' ? 'content_filter' : null
  }

  #addDelta(delta: JsonObject, logprobs: unknown): EventFields[] {
    const events: EventFields[] = []
    const thought = delta.reasoning_content ?? delta.reasoning
    if (typeof thought === 'string' && thought !== '') events.push(...this.#think(thought))
    const { content, refusal, annotations } = delta
    if (typeof content === 'string' && content !== '') {
      events.push(...this.#messageItem((message) => message.addText(content, readLogProbs(logprobs))))
    }
    if (typeof refusal === 'string' && refusal !== '') {
      events.push(...this.#messageItem((message) => message.addRefusal(refusal)))
    }
    const citations = readCitations(annotations)
    if (citations.length > 0) events.push(...this.#messageItem((message) => message.addCitations(citations)))
    for (const call of Array.isArray(delta.tool_calls) ? delta.tool_calls : []) {
      if (isJsonObject(call)) events.push(...this.#call(call))
    }
    return events
  }

  #think(text: string): EventFields[] {
    const events: EventFields[] = []
    if (!this.#thought) {
      this.#thought = new ThoughtWriter(itemIdOf(this.#job, 'rs', this.#thoughts), this.#items.length)
      this.#thoughts += 1
      this.#items.push(this.#thought)
      events.push(...this.#thought.open())
    }
    return [...events, ...this.#thought.add(text)]
  }

  #stopThinking(): EventFields[] {
    const events = this.#thought?.finish() ?? []
    this.#thought = null
    return events
  }

  #messageItem(write: (message: MessageWriter) => EventFields[]): EventFields[] {
    const events = this.#stopThinking()
    if (!this.#message) {
      this.#message = new MessageWriter(itemIdOf(this.#job, 'msg', 0), this.#items.length)
      this.#items.push(this.#message)
      events.push(...this.#message.open())
    }
    return [...events, ...write(this.#message)]
  }

  /** Pieces of a call belong together by their index; its id and name come with the first. */
  #call(piece: JsonObject): EventFields[] {
    const index = typeof piece.index === 'number' ? piece.index : Math.max(0, this.#calls.size - 1)
    const call = this.#calls.get(index) ?? new CallWriter(itemIdOf(this.#job, 'fc', index))
    this.#calls.set(index, call)
    const events = this.#stopThinking()
    const text = call.take(piece)
    if (!call.isOpen) return call.isNamed ? [...events, ...this.#openCall(call)] : events
    return [...events, ...call.add(text)]
  }

  #openCall(call: CallWriter): EventFields[] {
    if (call.isOpen) return []
    const events = call.open(this.#items.length)
    this.#items.push(call)
    return events
  }
}
