import type { PlaceholderReader } from './placeholders.ts'
import { VaultReaders } from './restore.ts'
import { type TextKind, TextRestorer } from './text-restorer.ts'

interface Called {
  [field: string]: unknown
  arguments?: string | null
  input?: string | null
}

interface CallDelta {
  index?: number
  function?: Called
  custom?: Called
}

interface Delta {
  [field: string]: unknown
  tool_calls?: CallDelta[] | null
  function_call?: Called | null
}

interface Choice {
  index?: number
  delta?: Delta | null
  finish_reason?: string | null
}

/** The text of an answer. `reasoning` is OpenRouter's and vLLM's name for `reasoning_content`. */
const textFields = ['content', 'refusal', 'reasoning_content', 'reasoning'] as const

/** A text that is still coming, and how its rest is put into a delta. */
interface Open {
  readonly restorer: TextRestorer
  readonly append: (delta: Delta, rest: string) => void
}

/**
 * Restores the chunks of one streamed chat: one chunk out for each chunk in, so that sequence numbers stay, and the same
 * chunks out for the same chunks in. A text that ends in what may be the start of a placeholder is held back, never
 * longer than the longest placeholder, and leaves with a later chunk of its choice, at the latest with the one that
 * carries the `finish_reason`.
 */
export class ChunkRestorer {
  readonly #readers: VaultReaders
  /** By choice, and within it by field or tool call. */
  readonly #choices = new Map<number, Map<string, Open>>()
  #isChanged = false

  constructor(vault: ReadonlyMap<string, string>) {
    this.#readers = new VaultReaders(vault)
  }

  /** `chunkJson` is one `chat.completion.chunk`; it comes back as it is when nothing in it changes. */
  restore(chunkJson: string): string {
    if (this.#readers.text.isEmpty) return chunkJson
    const chunk = JSON.parse(chunkJson) as { choices?: Choice[] | null } | null
    this.#isChanged = false
    for (const choice of chunk?.choices ?? []) this.#restoreChoice(choice)
    return this.#isChanged ? JSON.stringify(chunk) : chunkJson
  }

  #restoreChoice(choice: Choice): void {
    const index = choice.index ?? 0
    const opened = this.#choices.get(index) ?? new Map<string, Open>()
    this.#choices.set(index, opened)
    const delta = choice.delta ?? {}
    for (const field of textFields) {
      const text = delta[field]
      if (typeof text !== 'string') continue
      delta[field] = this.#push(opened, field, text, this.#readers.text, 'answer', (last, rest) => {
        last[field] = (typeof last[field] === 'string' ? last[field] : '') + rest
      })
    }
    // The protocol before tool calls had one function call to an answer.
    this.#restoreCalled(opened, 'function_call', delta.function_call, (last) => (last.function_call ??= {}))
    for (const { index: number = 0, function: called, custom } of delta.tool_calls ?? []) {
      this.#restoreCalled(opened, `call ${number}`, called, (last) => (callIn(last, number).function ??= {}))
      this.#restoreCalled(opened, `custom ${number}`, custom, (last) => (callIn(last, number).custom ??= {}))
    }
    if (typeof choice.finish_reason === 'string') this.#finish(opened, delta)
    if (Object.keys(delta).length > 0) choice.delta = delta
  }

  #restoreCalled(
    opened: Map<string, Open>,
    key: string,
    called: Called | null | undefined,
    calledIn: (delta: Delta) => Called,
  ): void {
    for (const field of ['arguments', 'input'] as const) {
      const text = called?.[field]
      if (!called || typeof text !== 'string') continue
      const kind = field === 'arguments' ? 'arguments' : 'answer'
      called[field] = this.#push(opened, `${key} ${field}`, text, this.#readers.calls, kind, (last, rest) => {
        const holder = calledIn(last)
        holder[field] = (holder[field] ?? '') + rest
      })
    }
  }

  #push(
    opened: Map<string, Open>,
    key: string,
    text: string,
    reader: PlaceholderReader,
    kind: TextKind,
    append: Open['append'],
  ): string {
    const open = opened.get(key) ?? { restorer: new TextRestorer(reader, kind), append }
    opened.set(key, open)
    const restored = open.restorer.push(text)
    this.#isChanged ||= restored !== text
    return restored
  }

  /** Adds to the last delta of a choice what its texts still hold. */
  #finish(opened: Map<string, Open>, delta: Delta): void {
    for (const { restorer, append } of opened.values()) {
      const rest = restorer.isHolding ? restorer.end() : ''
      if (rest === '') continue
      this.#isChanged = true
      append(delta, rest)
    }
    opened.clear()
  }
}

function callIn(delta: Delta, index: number): CallDelta {
  const known = delta.tool_calls?.find((call) => (call.index ?? 0) === index)
  if (known) return known
  const call = { index }
  delta.tool_calls = [...(delta.tool_calls ?? []), call]
  return call
}
