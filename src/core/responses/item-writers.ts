import { isJsonObject, type JsonObject } from '../json-object.ts'
import type { OutputFunctionCall, OutputReasoning } from './items.ts'
import type { EventFields } from './message-writer.ts'

/** A thought as it is being written. What a chat calls reasoning is shown as the summary of it: clients show nothing else. */
export class ThoughtWriter {
  readonly #id: string
  readonly #outputIndex: number
  #text = ''
  #isFinished = false

  constructor(id: string, outputIndex: number) {
    this.#id = id
    this.#outputIndex = outputIndex
  }

  get item(): OutputReasoning {
    return { id: this.#id, type: 'reasoning', summary: [{ type: 'summary_text', text: this.#text }] }
  }

  open(): EventFields[] {
    const item = { ...this.item, summary: [] }
    return [
      { type: 'response.output_item.added', output_index: this.#outputIndex, item },
      { type: 'response.reasoning_summary_part.added', ...this.#place, part: { type: 'summary_text', text: '' } },
    ]
  }

  add(delta: string): EventFields[] {
    this.#text += delta
    return [{ type: 'response.reasoning_summary_text.delta', ...this.#place, delta }]
  }

  /** Tells the end once. */
  finish(): EventFields[] {
    if (this.#isFinished) return []
    this.#isFinished = true
    const text = this.#text
    return [
      { type: 'response.reasoning_summary_text.done', ...this.#place, text },
      { type: 'response.reasoning_summary_part.done', ...this.#place, part: { type: 'summary_text', text } },
      { type: 'response.output_item.done', output_index: this.#outputIndex, item: this.item },
    ]
  }

  get #place() {
    return { item_id: this.#id, output_index: this.#outputIndex, summary_index: 0 }
  }
}

/** A call of a function as it is being written. It is told of when its name is known. */
export class CallWriter {
  readonly #id: string
  #outputIndex: number | null = null
  #callId = ''
  #name = ''
  #arguments = ''
  #status: OutputFunctionCall['status'] = 'in_progress'

  constructor(id: string) {
    this.#id = id
  }

  get isOpen(): boolean {
    return this.#outputIndex !== null
  }

  get isNamed(): boolean {
    return this.#name !== ''
  }

  get item(): OutputFunctionCall {
    return this.#shown(this.#arguments)
  }

  /** Takes in a piece of the call; returns what it adds to the arguments. */
  take({ id, function: called }: JsonObject): string {
    if (typeof id === 'string' && id !== '') this.#callId = id
    if (!isJsonObject(called)) return ''
    // Some upstreams repeat the name in every piece.
    if (typeof called.name === 'string' && called.name !== '') this.#name = called.name
    const text = typeof called.arguments === 'string' ? called.arguments : ''
    this.#arguments += text
    return text
  }

  open(outputIndex: number): EventFields[] {
    this.#outputIndex = outputIndex
    const added = { type: 'response.output_item.added', output_index: outputIndex, item: this.#shown('') }
    return [added, ...this.add(this.#arguments)]
  }

  add(delta: string): EventFields[] {
    return delta === '' ? [] : [{ type: 'response.function_call_arguments.delta', ...this.#place, delta }]
  }

  finish(isCut: boolean): EventFields[] {
    this.#status = isCut ? 'incomplete' : 'completed'
    const { item } = this
    const { name, arguments: text } = item
    return [
      { type: 'response.function_call_arguments.done', ...this.#place, name, arguments: text },
      { type: 'response.output_item.done', output_index: this.#outputIndex, item },
    ]
  }

  get #place() {
    return { item_id: this.#id, output_index: this.#outputIndex }
  }

  /** An upstream that gives its calls no ids still wants to hear which one a result belongs to. */
  #shown(text: string): OutputFunctionCall {
    const call_id = this.#callId === '' ? this.#id.replace(/^fc_/, 'call_') : this.#callId
    return { id: this.#id, type: 'function_call', status: this.#status, call_id, name: this.#name, arguments: text }
  }
}
