import { PlaceholderFinder } from './placeholders.ts'
import { encodeInJson } from './restore.ts'

interface Delta {
  content?: string | null
  refusal?: string | null
  reasoning_content?: string | null
  tool_calls?: { index?: number; function?: { arguments?: string } }[]
}

interface Choice {
  index?: number
  delta?: Delta
  finish_reason?: string | null
}

const textFields = ['content', 'refusal', 'reasoning_content'] as const

/**
 * Restores the chunks of one streamed chat: one chunk out for each chunk in, so that sequence numbers stay. A text that
 * ends in what may be the start of a placeholder is held back, never longer than the longest placeholder, and leaves
 * with the next chunk of its choice, at the latest with the one that carries the `finish_reason`.
 */
export class ChunkRestorer {
  readonly #finder: PlaceholderFinder
  /** Held text by choice and field. */
  readonly #held = new Map<string, string>()
  /** The last sign that left, by choice and field. */
  readonly #before = new Map<string, string>()

  constructor(vault: ReadonlyMap<string, string>) {
    this.#finder = new PlaceholderFinder(vault)
  }

  restore(chunkJson: string): string {
    if (this.#finder.isEmpty) return chunkJson
    const chunk = JSON.parse(chunkJson) as { choices?: Choice[] }
    for (const choice of chunk.choices ?? []) this.#restoreChoice(choice)
    return JSON.stringify(chunk)
  }

  #restoreChoice(choice: Choice): void {
    const place = String(choice.index ?? 0)
    const isLast = typeof choice.finish_reason === 'string'
    const delta = choice.delta ?? {}
    for (const field of textFields) {
      const key = `${place} ${field}`
      const text = delta[field]
      if (typeof text === 'string') delta[field] = this.#pass(key, text, isLast)
      else if (isLast && this.#held.has(key)) delta[field] = this.#pass(key, '', true)
    }
    for (const call of delta.tool_calls ?? []) {
      const text = call.function?.arguments
      if (call.function && typeof text === 'string') {
        call.function.arguments = this.#pass(`${place} tool ${call.index ?? 0}`, text, isLast, encodeInJson)
      }
    }
    if (isLast) this.#flushToolCalls(place, delta)
    if (choice.delta || Object.keys(delta).length > 0) choice.delta = delta
  }

  #flushToolCalls(place: string, delta: Delta): void {
    for (const key of [...this.#held.keys()]) {
      const index = key.startsWith(`${place} tool `) ? Number(key.slice(place.length + 6)) : null
      if (index === null) continue
      const rest = this.#pass(key, '', true, encodeInJson)
      delta.tool_calls = [...(delta.tool_calls ?? []), { index, function: { arguments: rest } }]
    }
  }

  #pass(key: string, text: string, isLast: boolean, encode?: (original: string) => string): string {
    const all = (this.#held.get(key) ?? '') + text
    const before = this.#before.get(key) ?? ''
    const cut = isLast ? all.length : this.#finder.openFrom(all, before)
    if (cut > 0) this.#before.set(key, all[cut - 1] ?? '')
    if (cut === all.length) this.#held.delete(key)
    else this.#held.set(key, all.slice(cut))
    return this.#finder.replace(all.slice(0, cut), encode, before)
  }
}
