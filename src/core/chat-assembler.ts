import { ProviderError, type TokenUsage } from './provider.ts'

type Fields = Record<string, unknown>

/** One choice as far as it has come. */
interface Choice {
  /** The message, `tool_calls` and `function_call` apart. */
  readonly message: Fields
  readonly toolCalls: ToolCall[]
  functionCall: { name: string; arguments: string } | null
  readonly logprobs: Fields
  finishReason: unknown
  /** What the upstream adds of its own, such as filter results. */
  readonly extras: Fields
}

interface ToolCall {
  readonly index: number
  id: string
  type: string
  name: string
  arguments: string
  readonly extras: Fields
}

/**
 * Builds the `chat.completion` body that an upstream would have sent, had it not been asked to stream, from the chunks
 * that it did send. Fields that OpenAI does not know are kept: texts and lists are appended, of all else the last
 * value stays. Content is only concatenated, so that a chunk costs one `JSON.parse` and little more.
 */
export class ChatAssembler {
  readonly #head: Fields = emptyFields()
  readonly #choices = new Map<number, Choice>()
  #usage: unknown = null
  #writtenCharacters = 0

  /** Takes in the JSON text of one `chat.completion.chunk`. Throws `ProviderError('invalid_response')` for any other. */
  add(chunkJson: string): void {
    const chunk = parseChunk(chunkJson)
    for (const name of Object.keys(chunk)) {
      const value = chunk[name]
      if (name === 'choices') {
        if (Array.isArray(value)) for (const choice of value) this.#addChoice(choice)
      } else if (name === 'usage') {
        this.#usage = value ?? this.#usage
      } else if (name === 'id' || name === 'created' || name === 'model') {
        // Azure's first chunk has an empty head.
        this.#head[name] ||= value
      } else if (name !== 'object' && name !== 'obfuscation') {
        // Noise against eavesdroppers (`obfuscation`) is of no use in a body that is sent in one piece.
        this.#head[name] = value ?? this.#head[name]
      }
    }
  }

  /** The content of the first choice so far. */
  get text(): string {
    const content = this.#choices.get(0)?.message.content
    return typeof content === 'string' ? content : ''
  }

  /** Characters that the model has written so far: content, refusals, reasoning, arguments of calls, over all choices. */
  get writtenCharacters(): number {
    return this.#writtenCharacters
  }

  /** Tokens as the upstream counted them, or null while no chunk has told. Groq may tell in a field of its own. */
  get usage(): TokenUsage | null {
    const { x_groq: groq } = this.#head
    return readTokenUsage(this.#usage ?? (isFields(groq) ? groq.usage : null))
  }

  /** The whole answer as JSON text. A choice that never finished has a `finish_reason` of null. */
  completionJson(): string {
    const { id, created, model, ...extras } = this.#head
    const choices = [...this.#choices].sort(([left], [right]) => left - right)
    return JSON.stringify({
      id,
      object: 'chat.completion',
      created,
      model,
      choices: choices.map(([index, choice]) => finishChoice(index, choice)),
      ...(this.#usage === null ? {} : { usage: this.#usage }),
      ...extras,
    })
  }

  #addChoice(part: unknown): void {
    if (!isFields(part)) return
    const index = typeof part.index === 'number' ? part.index : 0
    let choice = this.#choices.get(index)
    if (choice === undefined) {
      choice = startChoice()
      this.#choices.set(index, choice)
    }
    for (const name of Object.keys(part)) {
      const value = part[name]
      if (name === 'delta') {
        addDelta(choice, value)
        this.#writtenCharacters += charactersIn(value)
      } else if (name === 'finish_reason') choice.finishReason = value ?? choice.finishReason
      else if (name === 'logprobs') appendAll(choice.logprobs, value)
      // Perplexity repeats the message as far as it has come: it is put together here.
      else if (name !== 'index' && name !== 'message') choice.extras[name] = value ?? choice.extras[name]
    }
  }
}

/**
 * The counts of a `usage` object in OpenAI's words, or null where it has none that can be read. A missing total is the
 * sum of the other two. Where upstreams differ, as their API references have it:
 *
 * - tokens from a cache are in `prompt_tokens_details.cached_tokens`; DeepSeek calls them `prompt_cache_hit_tokens`,
 *   Moonshot and some servers of open models put `cached_tokens` beside the sums
 * - tokens of reasoning are in `completion_tokens_details.reasoning_tokens`; some put `reasoning_tokens` beside the sums
 * - xAI counts reasoning on top of `completion_tokens`: the total tells, and the sum is put right
 */
export function readTokenUsage(usage: unknown): TokenUsage | null {
  if (!isFields(usage)) return null
  const { prompt_tokens, completion_tokens: written = 0 } = usage
  if (!isCount(prompt_tokens) || !isCount(written)) return null
  const cached = firstCount(detailOf(usage.prompt_tokens_details, 'cached_tokens'), [
    usage.prompt_cache_hit_tokens,
    usage.cached_tokens,
  ])
  const reasoning = firstCount(detailOf(usage.completion_tokens_details, 'reasoning_tokens'), [usage.reasoning_tokens])
  const isOnTop = reasoning !== null && usage.total_tokens === prompt_tokens + written + reasoning
  const completion_tokens = isOnTop ? written + reasoning : written
  const total_tokens = isCount(usage.total_tokens) ? usage.total_tokens : prompt_tokens + completion_tokens
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens,
    // Parts are never more than the whole, whatever an upstream says.
    ...(cached !== null && { prompt_tokens_details: { cached_tokens: Math.min(cached, prompt_tokens) } }),
    ...(reasoning !== null && {
      completion_tokens_details: { reasoning_tokens: Math.min(reasoning, completion_tokens) },
    }),
  }
}

function detailOf(details: unknown, name: string): unknown {
  return isFields(details) ? details[name] : undefined
}

function firstCount(standard: unknown, others: readonly unknown[]): number | null {
  return [standard, ...others].find(isCount) ?? null
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function parseChunk(chunkJson: string): Fields {
  try {
    const chunk: unknown = JSON.parse(chunkJson)
    if (isFields(chunk)) return chunk
  } catch {
    // The parser's own message quotes the text.
  }
  throw new ProviderError('invalid_response', 'A chunk is not a JSON object')
}

/** Without a prototype, so that a field that is called `__proto__` is a field like any other. */
function emptyFields(): Fields {
  return Object.create(null)
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function startChoice(): Choice {
  return {
    message: emptyFields(),
    toolCalls: [],
    functionCall: null,
    logprobs: emptyFields(),
    finishReason: null,
    extras: emptyFields(),
  }
}

function addDelta(choice: Choice, delta: unknown): void {
  if (!isFields(delta)) return
  for (const name of Object.keys(delta)) {
    const value = delta[name]
    if (name === 'tool_calls') addToolCalls(choice.toolCalls, value)
    else if (name === 'function_call') addFunctionCall(choice, value)
    else if (name === 'role') choice.message.role ??= value
    else appendField(choice.message, name, value)
  }
}

/** All text in a delta counts, its role and the type and id of a call apart. Arguments of calls are four levels down. */
function charactersIn(value: unknown, name = '', levels = 4): number {
  if (typeof value === 'string') return unwritten.has(name) ? 0 : value.length
  if (typeof value !== 'object' || value === null || levels === 0) return 0
  let characters = 0
  for (const key in value) characters += charactersIn((value as Fields)[key], key, levels - 1)
  return characters
}

const unwritten: ReadonlySet<string> = new Set(['role', 'id', 'type'])

function appendAll(target: Fields, source: unknown): void {
  if (!isFields(source)) return
  for (const name of Object.keys(source)) appendField(target, name, source[name])
}

function appendField(target: Fields, name: string, added: unknown): void {
  const before = target[name]
  if (typeof before === 'string' && typeof added === 'string') target[name] = before + added
  else if (Array.isArray(before) && Array.isArray(added)) before.push(...added)
  else target[name] = added ?? before ?? null
}

function addToolCalls(calls: ToolCall[], parts: unknown): void {
  if (!Array.isArray(parts)) return
  for (const part of parts) {
    if (!isFields(part)) continue
    const call = findToolCall(calls, part)
    const { index, id, type, function: called, ...extras } = part
    if (typeof id === 'string' && id !== '') call.id = id
    if (typeof type === 'string' && type !== '') call.type = type
    if (isFields(called)) {
      // Some upstreams repeat the name in every piece, so it is never appended.
      if (typeof called.name === 'string' && called.name !== '') call.name = called.name
      if (typeof called.arguments === 'string') call.arguments += called.arguments
    }
    appendAll(call.extras, extras)
  }
}

/** Pieces belong together by `index`. Where an upstream leaves it out, a new id begins a new call. */
function findToolCall(calls: ToolCall[], part: Fields): ToolCall {
  const last = calls.at(-1)
  const isNew = typeof part.id === 'string' && part.id !== '' && part.id !== last?.id
  const implied = last === undefined ? 0 : last.index + (isNew ? 1 : 0)
  const index = typeof part.index === 'number' ? part.index : implied
  const known = calls.find((call) => call.index === index)
  if (known !== undefined) return known
  const call: ToolCall = { index, id: '', type: 'function', name: '', arguments: '', extras: emptyFields() }
  calls.push(call)
  return call
}

function addFunctionCall(choice: Choice, part: unknown): void {
  if (!isFields(part)) return
  choice.functionCall ??= { name: '', arguments: '' }
  if (typeof part.name === 'string' && part.name !== '') choice.functionCall.name = part.name
  if (typeof part.arguments === 'string') choice.functionCall.arguments += part.arguments
}

function finishChoice(index: number, choice: Choice): Fields {
  const { role, content, refusal, ...rest } = choice.message
  const calls = [...choice.toolCalls].sort((left, right) => left.index - right.index)
  const calling = calls.length > 0 || choice.functionCall !== null
  return {
    index,
    message: {
      role: role ?? 'assistant',
      // OpenAI writes null where there are only calls, whatever empty text the stream began with.
      content: calling && content === '' ? null : (content ?? null),
      refusal: refusal ?? null,
      ...rest,
      ...(calls.length > 0 ? { tool_calls: calls.map(finishToolCall) } : {}),
      ...(choice.functionCall === null ? {} : { function_call: choice.functionCall }),
    },
    logprobs: Object.keys(choice.logprobs).length > 0 ? choice.logprobs : null,
    finish_reason: choice.finishReason,
    ...choice.extras,
  }
}

function finishToolCall(call: ToolCall): Fields {
  const { id, type, name, extras } = call
  return { id, type, function: { name, arguments: call.arguments }, ...extras }
}
