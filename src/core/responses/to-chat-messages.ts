import type { FunctionCallItem, FunctionOutputItem, InputItem, InputPart, MessageItem, ReasoningItem } from './items.ts'

type Message = Record<string, unknown>

/**
 * The messages of a chat that say what these items say, in their order. What a model wrote in one turn (thoughts, text,
 * calls) is one message of a chat, and comes as several items.
 */
export function toChatMessages(instructions: string | null | undefined, items: readonly InputItem[]): Message[] {
  const messages: Message[] = []
  // `system` rather than `developer`: every upstream knows it, and OpenAI's reasoning models take it for the other.
  if (instructions) messages.push({ role: 'system', content: instructions })
  const turn = new AssistantTurn(messages)
  for (const item of items) {
    if (item.type === 'reasoning') turn.addThought(item)
    else if (item.type === 'function_call') turn.addCall(item)
    else if (item.type === 'function_call_output') turn.end(toolMessage(item))
    else if (item.role === 'assistant') turn.addText(item)
    else turn.end({ role: item.role, content: toContent(item.content) })
  }
  turn.end()
  return messages
}

/** Puts together what one turn of the model brought. */
class AssistantTurn {
  readonly #messages: Message[]
  #thoughts: string[] = []
  #said: Message | null = null
  #calls: Message[] = []

  constructor(messages: Message[]) {
    this.#messages = messages
  }

  addThought({ summary, content }: ReasoningItem): void {
    if (this.#said || this.#calls.length > 0) this.end()
    const parts = content && content.length > 0 ? content : summary
    const text = parts.map((part) => part.text).join('\n\n')
    if (text !== '') this.#thoughts.push(text)
  }

  addText({ content }: MessageItem): void {
    if (this.#said || this.#calls.length > 0) this.end()
    this.#said = assistantContent(content)
  }

  addCall({ call_id, name, arguments: text }: FunctionCallItem): void {
    this.#calls.push({ id: call_id, type: 'function', function: { name, arguments: text } })
  }

  /** Ends the turn; `next` is the message after it. */
  end(next?: Message): void {
    if (this.#said || this.#calls.length > 0 || this.#thoughts.length > 0) {
      this.#messages.push({
        role: 'assistant',
        ...(this.#said ?? { content: this.#calls.length > 0 ? null : '' }),
        ...(this.#thoughts.length > 0 && { reasoning_content: this.#thoughts.join('\n\n') }),
        ...(this.#calls.length > 0 && { tool_calls: this.#calls }),
      })
    }
    this.#thoughts = []
    this.#said = null
    this.#calls = []
    if (next) this.#messages.push(next)
  }
}

/** In a chat a refusal stands beside the text, not in it. */
function assistantContent(content: MessageItem['content']): Message {
  if (typeof content === 'string') return { content }
  const refusals = content.flatMap((part) => (part.type === 'refusal' ? [part.refusal] : []))
  const others = content.filter((part) => part.type !== 'refusal')
  return {
    content: others.length === 0 && refusals.length > 0 ? null : toContent(others),
    ...(refusals.length > 0 && { refusal: refusals.join('\n') }),
  }
}

function toolMessage({ call_id, output }: FunctionOutputItem): Message {
  return { role: 'tool', tool_call_id: call_id, content: toContent(output) }
}

/** One text is written as a text: many servers of open models take nothing else in some roles. */
function toContent(content: string | readonly InputPart[]): unknown {
  if (typeof content === 'string') return content
  const [first] = content
  if (!first) return ''
  if (content.length === 1 && (first.type === 'input_text' || first.type === 'output_text')) return first.text
  return content.map(toContentPart)
}

function toContentPart(part: InputPart): Message {
  switch (part.type) {
    case 'input_image':
      return { type: 'image_url', image_url: { url: part.image_url, ...(part.detail && { detail: part.detail }) } }
    case 'input_file':
      return { type: 'file', file: { file_data: part.file_data, ...(part.filename && { filename: part.filename }) } }
    case 'input_audio':
      return { type: 'input_audio', input_audio: part.input_audio }
    case 'refusal':
      return { type: 'refusal', refusal: part.refusal }
    default:
      return { type: 'text', text: part.text }
  }
}
