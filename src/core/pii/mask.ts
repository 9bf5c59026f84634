import { detect } from './detect.ts'
import type { Entity } from './recognizer.ts'

/**
 * Replaces what the detectors find by placeholders such as `<EMAIL_1>`. One masker serves one job: the same value is
 * the same placeholder in every message, so a model can still tell that two lines speak of one person.
 */
export class Masker {
  readonly #placeholders = new Map<string, string>()
  readonly #vault = new Map<string, string>()
  readonly #nextNumber = new Map<Entity, number>()
  readonly #counts: Partial<Record<Entity, number>> = {}
  readonly #source: string

  /** `source` is the whole input: a placeholder that stands in it already is never given out. */
  constructor(source: string) {
    this.#source = source
  }

  /** From placeholder to original value. */
  get vault(): ReadonlyMap<string, string> {
    return this.#vault
  }

  /** How many places were masked, by entity; a value that occurs twice counts twice. */
  get counts(): Readonly<Record<string, number>> {
    return this.#counts as Record<string, number>
  }

  maskText(text: string): string {
    const findings = detect(text)
    if (findings.length === 0) return text
    let masked = ''
    let from = 0
    for (const { start, end, entity } of findings) {
      masked += text.slice(from, start) + this.#placeholderFor(entity, text.slice(start, end))
      this.#counts[entity] = (this.#counts[entity] ?? 0) + 1
      from = end
    }
    return masked + text.slice(from)
  }

  #placeholderFor(entity: Entity, value: string): string {
    const known = this.#placeholders.get(`${entity} ${value}`)
    if (known !== undefined) return known
    let number = this.#nextNumber.get(entity) ?? 1
    while (this.#isTaken(entity, number)) number += 1
    this.#nextNumber.set(entity, number + 1)
    const placeholder = `<${entity}_${number}>`
    this.#placeholders.set(`${entity} ${value}`, placeholder)
    this.#vault.set(placeholder, value)
    return placeholder
  }

  /** In any spelling that restoring would take for the placeholder: a model may repeat the input word for word. */
  #isTaken(entity: Entity, number: number): boolean {
    const words = [...entity.split('_'), String(number)].join('[\\s_]*')
    return new RegExp(words, 'i').test(this.#source)
  }
}
