import { encodeInJson } from './json-literals.ts'
import { PlaceholderReader } from './placeholders.ts'
import { TextRestorer } from './text-restorer.ts'

interface CallDelta {
  index?: number
  function?: { arguments?: string | null }
}

interface Delta {
  [field: string]: unknown
  tool_calls?: CallDelta[] | null
}

interface Choice {
  index?: number
  delta?: Delta | null
  finish_reason?: string | null
}

/** The text of an answer. `reasoning` is OpenRouter's and vLLM's name for `reasoning_content`. */
const textFields = ['content', 'refusal', 'reasoning_content', 'reasoning'] as const

/**
 * Restores the chunks of one streamed chat: one chunk out for each chunk in, so that sequence numbers stay, and the same
 * chunks out for the same chunks in. A text that ends in what may be the start of a placeholder is held back, never
 * longer than the longest placeholder, and leaves with a later chunk of its choice, at the latest with the one that
 * carries the `finish_reason`.
 */
export class ChunkRestorer {
  readonly #reader: PlaceholderReader
  /** By choice, and within it by field or tool call. */
  readonly #texts = new Map<string, TextRestorer>()
  #isChanged = false

  constructor(vault: ReadonlyMap<string, string>) {
    this.#reader = new PlaceholderReader(vault)
  }

  /** `chunkJson` is one `chat.completion.chunk`; it comes back as it is when nothing in it changes. */
  restore(chunkJson: string): string {
    if (this.#reader.isEmpty) return chunkJson
    const chunk = JSON.parse(chunkJson) as { choices?: Choice[] | null } | null
    this.#isChanged = false
    for (const choice of chunk?.choices ?? []) this.#restoreChoice(choice)
    return this.#isChanged ? JSON.stringify(chunk) : chunkJson
  }

  #restoreChoice(choice: Choice): void {
    const place = String(choice.index ?? 0)
    const delta = choice.delta ?? {}
    for (const field of textFields) {
      const text = delta[field]
      if (typeof text === 'string') delta[field] = this.#push(`${place} ${field}`, text)
    }
    for (const call of delta.tool_calls ?? []) {
      const text = call.function?.arguments
      if (!call.function || typeof text !== 'string') continue
      call.function.arguments = this.#push(`${place} call ${call.index ?? 0}`, text)
    }
    if (typeof choice.finish_reason === 'string') this.#finish(place, delta)
    if (Object.keys(delta).length > 0) choice.delta = delta
  }

  #push(key: string, text: string): string {
    const restorer =
      this.#texts.get(key) ?? new TextRestorer(this.#reader, key.includes(' call ') ? encodeInJson : same)
    this.#texts.set(key, restorer)
    const restored = restorer.push(text)
    this.#isChanged ||= restored !== text
    return restored
  }

  /** Adds to the last delta of a choice what its texts still hold. */
  #finish(place: string, delta: Delta): void {
    for (const [key, restorer] of this.#texts) {
      if (!key.startsWith(`${place} `)) continue
      const rest = restorer.isHolding ? restorer.end() : ''
      this.#texts.delete(key)
      if (rest === '') continue
      this.#isChanged = true
      const field = key.slice(place.length + 1)
      if (field.startsWith('call ')) addToCall(delta, Number(field.slice(5)), rest)
      else delta[field] = (typeof delta[field] === 'string' ? delta[field] : '') + rest
    }
  }
}

function addToCall(delta: Delta, index: number, rest: string): void {
  const known = delta.tool_calls?.find((call) => (call.index ?? 0) === index)
  if (known) known.function = { ...known.function, arguments: (known.function?.arguments ?? '') + rest }
  else delta.tool_calls = [...(delta.tool_calls ?? []), { index, function: { arguments: rest } }]
}

function same(original: string): string {
  return original
}
