/** From the library's answers to OpenAI's `chat.completion` and its chunks. */
import { randomUUID } from 'node:crypto'
import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider'
import { type Completion, ProviderError, type TokenUsage } from '../../core/provider.ts'
import type { ThinkingBlock } from './chat-request.ts'
import type { ModelDialect, TokenLogprob } from './dialect.ts'

/** The answer to a waiting call. Throws `content_policy` for one that the upstream kept to itself. */
export function toCompletion(
  result: LanguageModelV4GenerateResult,
  dialect: ModelDialect,
  model: string,
  logprobs: readonly TokenLogprob[],
): Completion {
  const message = readContent(result.content, dialect)
  const { content, tool_calls: calls } = message
  const hasOutput = content !== null || calls !== undefined
  const usage = toTokenUsage(result.usage)
  const bodyJson = JSON.stringify({
    ...createHead('chat.completion', model, result.response),
    choices: [
      {
        index: 0,
        message: { role: 'assistant', ...message, content: calls === undefined ? (content ?? '') : content },
        logprobs: toLogprobs(logprobs),
        finish_reason: toFinishReason(result.finishReason, calls !== undefined, hasOutput, dialect),
      },
    ],
    ...(usage === null ? {} : { usage: toUsageJson(usage, result.usage) }),
  })
  return { bodyJson, usage }
}

interface Message {
  content: string | null
  refusal: null
  reasoning_content?: string
  thinking_blocks?: ThinkingBlock[]
  extra_content?: object
  tool_calls?: object[]
}

function readContent(parts: readonly LanguageModelV4Content[], dialect: ModelDialect): Message {
  const message: Message = { content: null, refusal: null }
  for (const part of parts) {
    if (part.type === 'text') {
      if (part.text !== '') message.content = (message.content ?? '') + part.text
      const signed = toExtraContent(part.providerMetadata, dialect)
      if (signed !== null) message.extra_content = signed
    } else if (part.type === 'reasoning') {
      if (part.text !== '') message.reasoning_content = (message.reasoning_content ?? '') + part.text
      const block = dialect.readThinking(part.text, part.providerMetadata ?? {})
      if (block !== null) message.thinking_blocks = [...(message.thinking_blocks ?? []), block]
    } else if (part.type === 'tool-call' && !part.providerExecuted) {
      const { toolCallId: id, toolName: name, input } = part
      const signed = toExtraContent(part.providerMetadata, dialect)
      const call = { id, type: 'function', function: { name, arguments: input }, ...withExtra(signed) }
      message.tool_calls = [...(message.tool_calls ?? []), call]
    }
  }
  return message
}

/** Turns the parts of one streamed answer, in their order, into chunks. */
export class ChunkWriter {
  readonly #dialect: ModelDialect
  readonly #model: string
  #head: object | null = null
  #metadata: { id?: string; modelId?: string; timestamp?: Date } = {}
  /** Tool calls by their id: their place, and whether any of their arguments have been sent. */
  readonly #calls = new Map<string, { readonly index: number; hasArguments: boolean; isSigned: boolean }>()
  readonly #thoughts = new Map<string, { text: string; metadata: SharedV4ProviderMetadata }>()
  #hasText = false

  constructor(dialect: ModelDialect, model: string) {
    this.#dialect = dialect
    this.#model = model
  }

  /** The chunks of one part. Throws `content_policy` at the end of an answer that the upstream kept to itself. */
  take(part: LanguageModelV4StreamPart): string[] {
    switch (part.type) {
      case 'response-metadata':
        this.#metadata = { ...this.#metadata, ...part }
        return []
      case 'text-start':
      case 'text-delta':
        return this.#text(part.type === 'text-delta' ? part.delta : '', part.providerMetadata)
      case 'reasoning-start':
      case 'reasoning-delta':
        return this.#thought(part.id, part.type === 'reasoning-delta' ? part.delta : '', part.providerMetadata)
      case 'reasoning-end':
        return this.#endThought(part.id, part.providerMetadata)
      case 'tool-input-start':
        return part.providerExecuted ? [] : this.#startCall(part.id, part.toolName, part.providerMetadata)
      case 'tool-input-delta':
        return this.#callArguments(part.id, part.delta)
      case 'tool-call':
        return part.providerExecuted ? [] : this.#wholeCall(part)
      case 'finish':
        return this.#finish(part.finishReason, part.usage)
      default:
        return []
    }
  }

  /** The chunk that tells the probabilities of tokens, in front of those with the tokens. */
  takeLogprobs(logprobs: readonly TokenLogprob[]): string[] {
    return logprobs.length === 0 ? [] : this.#delta({}, null, logprobs)
  }

  #text(content: string, metadata: SharedV4ProviderMetadata | undefined): string[] {
    const signed = toExtraContent(metadata, this.#dialect)
    if (content === '' && signed === null) return []
    this.#hasText ||= content !== ''
    return this.#delta({ ...(content === '' ? {} : { content }), ...withExtra(signed) })
  }

  #thought(id: string, text: string, metadata: SharedV4ProviderMetadata | undefined): string[] {
    const thought = this.#thoughts.get(id) ?? { text: '', metadata: {} }
    this.#thoughts.set(id, { text: thought.text + text, metadata: { ...thought.metadata, ...metadata } })
    return text === '' ? [] : this.#delta({ reasoning_content: text })
  }

  #endThought(id: string, metadata: SharedV4ProviderMetadata | undefined): string[] {
    const thought = this.#thoughts.get(id)
    this.#thoughts.delete(id)
    if (thought === undefined) return []
    const block = this.#dialect.readThinking(thought.text, { ...thought.metadata, ...metadata })
    return block === null ? [] : this.#delta({ thinking_blocks: [block] })
  }

  #startCall(id: string, name: string, metadata: SharedV4ProviderMetadata | undefined): string[] {
    const index = this.#calls.size
    const signed = toExtraContent(metadata, this.#dialect)
    this.#calls.set(id, { index, hasArguments: false, isSigned: signed !== null })
    const call = { index, id, type: 'function', function: { name, arguments: '' }, ...withExtra(signed) }
    return this.#delta({ tool_calls: [call] })
  }

  #callArguments(id: string, text: string): string[] {
    const call = this.#calls.get(id)
    if (call === undefined || text === '') return []
    call.hasArguments = true
    return this.#delta({ tool_calls: [{ index: call.index, function: { arguments: text } }] })
  }

  /** A call as a whole: new where no part of it came before, else only what is still missing. */
  #wholeCall(part: Extract<LanguageModelV4StreamPart, { type: 'tool-call' }>): string[] {
    const { toolCallId: id, toolName, input, providerMetadata } = part
    const chunks = this.#calls.has(id) ? [] : this.#startCall(id, toolName, providerMetadata)
    const call = this.#calls.get(id)
    if (call !== undefined && !call.hasArguments) chunks.push(...this.#callArguments(id, input))
    return chunks
  }

  #finish(reason: LanguageModelV4FinishReason, usage: LanguageModelV4Usage): string[] {
    const hasCalls = this.#calls.size > 0
    const finish_reason = toFinishReason(reason, hasCalls, this.#hasText || hasCalls, this.#dialect)
    const chunks = this.#delta({}, finish_reason)
    const counts = toTokenUsage(usage)
    if (counts !== null) {
      chunks.push(JSON.stringify({ ...this.#head, choices: [], usage: toUsageJson(counts, usage) }))
    }
    return chunks
  }

  /** One chunk, behind the one that says the role if it is the first. */
  #delta(delta: object, finish_reason: string | null = null, logprobs: readonly TokenLogprob[] = []): string[] {
    const chunks: string[] = []
    if (this.#head === null) {
      this.#head = createHead('chat.completion.chunk', this.#model, this.#metadata)
      chunks.push(this.#write({ role: 'assistant', content: '' }, null, null))
    }
    chunks.push(this.#write(delta, finish_reason, toLogprobs(logprobs)))
    return chunks
  }

  #write(delta: object, finish_reason: string | null, logprobs: object | null): string {
    return JSON.stringify({ ...this.#head, choices: [{ index: 0, delta, logprobs, finish_reason }] })
  }
}

function createHead(
  object: string,
  model: string,
  metadata: { id?: string; modelId?: string; timestamp?: Date } | undefined,
): object {
  const id = metadata?.id ?? `chatcmpl-${randomUUID().replaceAll('-', '')}`
  const created = Math.floor((metadata?.timestamp?.getTime() ?? Date.now()) / 1000)
  return { id, object, created, model: metadata?.modelId ?? model }
}

function toLogprobs(content: readonly TokenLogprob[]): object | null {
  return content.length === 0 ? null : { content, refusal: null }
}

/** Where Google's own OpenAI-compatible endpoint has the signature of a thought. */
function toExtraContent(metadata: SharedV4ProviderMetadata | undefined, dialect: ModelDialect): object | null {
  const thought_signature = metadata === undefined ? null : dialect.readSignature(metadata)
  return thought_signature === null ? null : { google: { thought_signature } }
}

function withExtra(extra_content: object | null): object {
  return extra_content === null ? {} : { extra_content }
}

function toFinishReason(
  reason: LanguageModelV4FinishReason,
  hasCalls: boolean,
  hasOutput: boolean,
  dialect: ModelDialect,
): string {
  dialect.judgeFinish?.(reason)
  switch (reason.unified) {
    case 'length':
      return 'length'
    case 'content-filter':
      if (!hasOutput) throw new ProviderError('content_policy', "The upstream's rules did not let the answer pass")
      return 'content_filter'
    case 'error':
      throw new ProviderError('server_error', 'The upstream failed in the middle of its answer')
    case 'interrupted':
      throw new ProviderError('cut_stream', 'The answer ended before it was whole')
    default:
      return hasCalls ? 'tool_calls' : 'stop'
  }
}

function toTokenUsage({ inputTokens, outputTokens }: LanguageModelV4Usage): TokenUsage | null {
  if (inputTokens.total === undefined && outputTokens.total === undefined) return null
  const prompt_tokens = inputTokens.total ?? 0
  const completion_tokens = outputTokens.total ?? 0
  const { cacheRead } = inputTokens
  const { reasoning } = outputTokens
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    ...(cacheRead === undefined ? {} : { prompt_tokens_details: { cached_tokens: cacheRead } }),
    ...(reasoning === undefined ? {} : { completion_tokens_details: { reasoning_tokens: reasoning } }),
  }
}

/** With the tokens that were written to a cache, which some vendors charge more for. */
function toUsageJson(usage: TokenUsage, { inputTokens }: LanguageModelV4Usage): object {
  if (!inputTokens.cacheWrite) return usage
  const details = { ...usage.prompt_tokens_details, cache_write_tokens: inputTokens.cacheWrite }
  return { ...usage, prompt_tokens_details: details }
}
