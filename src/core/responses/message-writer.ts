import type { InputRefusalPart, LogProb, OutputMessage, OutputPart, OutputTextPart, UrlCitation } from './items.ts'

/** An event of a response's stream, its sequence number apart. */
export interface EventFields {
  readonly type: string
  readonly [field: string]: unknown
}

interface TextPart {
  readonly type: 'output_text'
  readonly index: number
  text: string
  readonly annotations: UrlCitation[]
  readonly logprobs: LogProb[]
}

interface RefusalPart {
  readonly type: 'refusal'
  readonly index: number
  refusal: string
}

/** A message as it is being written: a text, a refusal, or one after the other. */
export class MessageWriter {
  readonly #id: string
  readonly #outputIndex: number
  readonly #parts: (TextPart | RefusalPart)[] = []
  #status: OutputMessage['status'] = 'in_progress'

  constructor(id: string, outputIndex: number) {
    this.#id = id
    this.#outputIndex = outputIndex
  }

  get item(): OutputMessage {
    const { item } = this.#shown(this.#parts.map(showPart))
    return item
  }

  open(): EventFields[] {
    return [{ type: 'response.output_item.added', ...this.#shown([]) }]
  }

  addText(delta: string, logprobs: readonly LogProb[]): EventFields[] {
    const { part, events } = this.#text()
    part.text += delta
    part.logprobs.push(...logprobs)
    if (delta === '') return events
    const place = this.#placeOf(part)
    return [...events, { type: 'response.output_text.delta', ...place, delta, logprobs: logprobs.map(withoutBytes) }]
  }

  addRefusal(delta: string): EventFields[] {
    const { part, events } = this.#refusal()
    part.refusal += delta
    return [...events, { type: 'response.refusal.delta', ...this.#placeOf(part), delta }]
  }

  addCitations(citations: readonly UrlCitation[]): EventFields[] {
    const { part, events } = this.#text()
    for (const annotation of citations) {
      const annotation_index = part.annotations.push(annotation) - 1
      const place = this.#placeOf(part)
      events.push({ type: 'response.output_text.annotation.added', ...place, annotation_index, annotation })
    }
    return events
  }

  finish(isCut: boolean): EventFields[] {
    this.#status = isCut ? 'incomplete' : 'completed'
    const ends = this.#parts.flatMap((part) => {
      const place = this.#placeOf(part)
      return [tellEnd(part, place), { type: 'response.content_part.done', ...place, part: showPart(part) }]
    })
    return [...ends, { type: 'response.output_item.done', ...this.#shown(this.#parts.map(showPart)) }]
  }

  #text(): { part: TextPart; events: EventFields[] } {
    const known = this.#parts.find((part) => part.type === 'output_text')
    if (known) return { part: known, events: [] }
    const part: TextPart = { type: 'output_text', index: this.#parts.length, text: '', annotations: [], logprobs: [] }
    return { part, events: this.#begin(part) }
  }

  #refusal(): { part: RefusalPart; events: EventFields[] } {
    const known = this.#parts.find((part) => part.type === 'refusal')
    if (known) return { part: known, events: [] }
    const part: RefusalPart = { type: 'refusal', index: this.#parts.length, refusal: '' }
    return { part, events: this.#begin(part) }
  }

  #begin(part: TextPart | RefusalPart): EventFields[] {
    this.#parts.push(part)
    return [{ type: 'response.content_part.added', ...this.#placeOf(part), part: showPart(part) }]
  }

  #placeOf({ index }: TextPart | RefusalPart) {
    return { item_id: this.#id, output_index: this.#outputIndex, content_index: index }
  }

  #shown(content: readonly OutputPart[]): { output_index: number; item: OutputMessage } {
    const item = { id: this.#id, type: 'message', status: this.#status, role: 'assistant', content } as const
    return { output_index: this.#outputIndex, item }
  }
}

function tellEnd(part: TextPart | RefusalPart, place: object): EventFields {
  if (part.type === 'refusal') return { type: 'response.refusal.done', ...place, refusal: part.refusal }
  return { type: 'response.output_text.done', ...place, text: part.text, logprobs: part.logprobs.map(withoutBytes) }
}

/** Copies: what was told must not change when the part goes on. */
function showPart(part: TextPart | RefusalPart): OutputTextPart | InputRefusalPart {
  if (part.type === 'refusal') return { type: 'refusal', refusal: part.refusal }
  const { text, annotations, logprobs } = part
  return { type: 'output_text', text, annotations: [...annotations], logprobs: [...logprobs] }
}

/** Events tell tokens without their bytes. */
function withoutBytes({ token, logprob, top_logprobs }: LogProb) {
  return { token, logprob, top_logprobs: top_logprobs.map(({ bytes: _, ...other }) => other) }
}
