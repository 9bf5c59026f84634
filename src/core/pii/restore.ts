import type { Entity } from './entities.ts'
import { mapJsonLiterals } from './json-literals.ts'
import { JsonPrefix } from './json-prefix.ts'
import { PlaceholderReader } from './placeholders.ts'
import { TextRestorer } from './text-restorer.ts'

/**
 * What is never put back into the arguments of a tool call: they leave for wherever the tool sends them, and a text that
 * somebody else wrote could have told the model to make the call. The caller's own text gets them back.
 */
const neverIntoToolCalls: ReadonlySet<Entity> = new Set<Entity>(['SECRET', 'PASSWORD', 'CVV'])

/** One reader for text, and one for what goes into tool calls. */
export class VaultReaders {
  readonly text: PlaceholderReader
  readonly calls: PlaceholderReader

  constructor(vault: ReadonlyMap<string, string>) {
    this.text = new PlaceholderReader(vault)
    const allowed = [...vault].filter(([placeholder]) => !neverIntoToolCalls.has(entityOf(placeholder)))
    this.calls = allowed.length === vault.size ? this.text : new PlaceholderReader(new Map(allowed))
  }
}

function entityOf(placeholder: string): Entity {
  return placeholder.slice(1, placeholder.lastIndexOf('_')) as Entity
}

/** Puts the originals of a vault back into a text. */
export function restoreText(text: string, vault: ReadonlyMap<string, string>): string {
  return restoreWith(new PlaceholderReader(vault), text, 'answer')
}

/**
 * Puts the originals back into the strings of a JSON document, tool-call arguments and other JSON inside them too. What
 * has no placeholder stays as it is written, sign for sign.
 */
export function restoreJson(json: string, vault: ReadonlyMap<string, string>): string {
  const readers = new VaultReaders(vault)
  if (!readers.text.mayOccurIn(json)) return json
  return mapJsonLiterals(json, ({ kind, text, under }) => {
    if (kind === 'number') return null
    const isOfCall = kind === 'string' && (under === 'arguments' || under === 'input')
    const reader = isOfCall ? readers.calls : readers.text
    const restored = restoreWith(reader, text, isOfCall && under === 'arguments' ? 'arguments' : 'answer')
    return restored === text ? null : restored
  })
}

function restoreWith(reader: PlaceholderReader, text: string, kind: 'answer' | 'arguments'): string {
  if (!reader.mayOccurIn(text)) return text
  // The whole is here, and tells for sure.
  const isText = kind === 'answer' && !JsonPrefix.covers(text)
  const restorer = new TextRestorer(reader, isText ? 'text' : kind)
  return restorer.push(text) + restorer.end()
}
