/** From OpenAI's messages to the library's prompt. */
import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4TextPart,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider'
import { type CacheControl, type ChatMessage, type ContentPart, contentPart } from './chat-request.ts'
import type { ModelDialect } from './dialect.ts'
import { firstField, unsupported } from './unsupported.ts'

type SystemMessage = Extract<LanguageModelV4Message, { role: 'system' }>
type AssistantMessage = Extract<LanguageModelV4Message, { role: 'assistant' }>
type UserPart = LanguageModelV4TextPart | LanguageModelV4FilePart

const dataUrlPattern = /^data:([\w.+-]{1,100}\/[\w.+-]{1,100})(?:;[\w=.+-]{1,100}){0,5};base64,/

/** Throws `unsupported` with the path of what the upstream can't take. URLs are passed on, never fetched. */
export function toPrompt(messages: readonly ChatMessage[], dialect: ModelDialect): LanguageModelV4Message[] {
  return new PromptWriter(dialect).write(messages)
}

class PromptWriter {
  readonly #dialect: ModelDialect
  readonly #toolNames = new Map<string, string>()

  constructor(dialect: ModelDialect) {
    this.#dialect = dialect
  }

  /**
   * System messages go to the front, wherever they stood: none of the APIs has another place for them in every model, and
   * the vendors' own OpenAI-compatible endpoints do the same.
   */
  write(messages: readonly ChatMessage[]): LanguageModelV4Message[] {
    const systems: LanguageModelV4Message[] = []
    const turns: LanguageModelV4Message[] = []
    for (const [index, message] of messages.entries()) {
      const path = `messages.${index}`
      const parts = this.#readParts(message, `${path}.content`)
      if (message.role === 'system' || message.role === 'developer') {
        systems.push(...this.#toSystem(message, parts, path))
      } else if (message.role === 'tool') {
        const result = this.#toToolResult(message, parts, path)
        const last = turns.at(-1)
        // The results of parallel calls belong into one turn: Gemini counts them there.
        if (last?.role === 'tool') last.content.push(result)
        else turns.push({ role: 'tool', content: [result] })
      } else if (message.role === 'assistant') turns.push(this.#toAssistant(message, parts, path))
      else turns.push({ role: 'user', content: this.#toUserParts(message, parts, path) })
    }
    return [...systems, ...turns]
  }

  #readParts(message: ChatMessage, path: string): ContentPart[] {
    const { content } = message
    if (!Array.isArray(content)) return content ? [{ type: 'text', text: content }] : []
    return content.map((raw, index) => {
      const parsed = contentPart.safeParse(raw)
      if (!parsed.success) throw this.#unsupported(firstField(parsed.error, `${path}.${index}`))
      return parsed.data
    })
  }

  #toSystem(message: ChatMessage, parts: readonly ContentPart[], path: string): SystemMessage[] {
    return parts.map((part, index) => {
      const text = textOf(part)
      if (text === null) throw this.#unsupported(`${path}.content.${index}.type`)
      return { role: 'system', content: text, ...this.#mark(message, part, index === parts.length - 1) }
    })
  }

  #toUserParts(message: ChatMessage, parts: readonly ContentPart[], path: string): UserPart[] {
    return parts.map((part, index) => {
      const marked = this.#mark(message, part, index === parts.length - 1)
      const text = textOf(part)
      if (text !== null) return { type: 'text', text, ...marked }
      return { ...this.#toFile(part, `${path}.content.${index}`), ...marked }
    })
  }

  #toAssistant(message: ChatMessage, parts: readonly ContentPart[], path: string): AssistantMessage {
    const { partOptions } = this.#dialect
    const content: AssistantMessage['content'] = []
    for (const block of message.thinking_blocks ?? []) {
      const providerOptions = partOptions.thinking(block)
      // A thought of another vendor's model means nothing to this one.
      if (providerOptions === undefined) continue
      content.push({ type: 'reasoning', text: block.type === 'thinking' ? block.thinking : '', providerOptions })
    }
    const signed = this.#sign(message.extra_content?.google?.thought_signature)
    for (const [index, part] of parts.entries()) {
      const text = textOf(part)
      if (text === null) throw this.#unsupported(`${path}.content.${index}.type`)
      const isLast = index === parts.length - 1
      content.push({ type: 'text', text, ...this.#mark(message, part, isLast), ...(isLast ? signed : {}) })
    }
    for (const call of message.tool_calls ?? []) {
      this.#toolNames.set(call.id, call.function.name)
      content.push({
        type: 'tool-call',
        toolCallId: call.id,
        toolName: call.function.name,
        input: call.function.arguments,
        ...this.#sign(call.extra_content?.google?.thought_signature),
      })
    }
    return { role: 'assistant', content }
  }

  #toToolResult(message: ChatMessage, parts: readonly ContentPart[], path: string): LanguageModelV4ToolResultPart {
    const toolCallId = message.tool_call_id ?? ''
    const toolName = this.#toolNames.get(toolCallId)
    if (toolName === undefined) throw this.#unsupported(`${path}.tool_call_id`)
    const texts = parts.map((part, index) => {
      const text = textOf(part)
      if (text === null) throw this.#unsupported(`${path}.content.${index}.type`)
      return text
    })
    const last = parts.at(-1)
    const marked = last === undefined ? {} : this.#mark(message, last, true)
    const output = { type: 'text', value: texts.join('\n') } as const
    return { type: 'tool-result', toolCallId, toolName, output, ...marked }
  }

  #toFile(part: ContentPart, path: string): LanguageModelV4FilePart {
    if (part.type === 'image_url') return this.#toImage(part.image_url.url, `${path}.image_url.url`)
    if (part.type === 'file') {
      const { file_data, filename } = part.file
      const file = readDataUrl(file_data)
      if (file === null) throw this.#unsupported(`${path}.file.file_data`)
      return { type: 'file', ...file, ...(filename ? { filename } : {}) }
    }
    if (part.type === 'input_audio' && this.#dialect.prompt.audio) {
      const { data, format } = part.input_audio
      return { type: 'file', mediaType: `audio/${format}`, data: { type: 'data', data } }
    }
    throw this.#unsupported(`${path}.type`)
  }

  #toImage(text: string, path: string): LanguageModelV4FilePart {
    const file = readDataUrl(text)
    if (file?.mediaType.startsWith('image/')) return { type: 'file', ...file }
    const url = URL.parse(text)
    const mediaType = url?.protocol === 'https:' ? this.#dialect.prompt.imageUrlType(url) : null
    if (url === null || mediaType === null) throw this.#unsupported(path)
    return { type: 'file', mediaType, data: { type: 'url', url } }
  }

  /** The marker of a part, or of its message if it is the last one. */
  #mark(message: ChatMessage, part: ContentPart, isLast: boolean) {
    const own: CacheControl | null | undefined = 'cache_control' in part ? part.cache_control : null
    const mark = own ?? (isLast ? message.cache_control : null)
    const providerOptions = mark ? this.#dialect.partOptions.cacheControl(mark) : undefined
    return providerOptions === undefined ? {} : { providerOptions }
  }

  #sign(thoughtSignature: string | null | undefined) {
    const providerOptions = thoughtSignature ? this.#dialect.partOptions.signature(thoughtSignature) : undefined
    return providerOptions === undefined ? {} : { providerOptions }
  }

  #unsupported(field: string) {
    return unsupported(this.#dialect.name, field)
  }
}

function textOf(part: ContentPart): string | null {
  if (part.type === 'text') return part.text
  return part.type === 'refusal' ? part.refusal : null
}

function readDataUrl(text: string): Pick<LanguageModelV4FilePart, 'mediaType' | 'data'> | null {
  const match = dataUrlPattern.exec(text)
  if (match?.[1] === undefined) return null
  return { mediaType: match[1].toLowerCase(), data: { type: 'data', data: text.slice(match[0].length) } }
}
