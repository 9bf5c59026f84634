import { detectNamed, joinOverlaps } from './detect.ts'
import { writePlaceholder } from './placeholders.ts'
import type { Entity, Finding } from './recognizer.ts'
import { recognizers } from './registry.ts'

/** Everything that a restorer could take for a placeholder, and more: blanks and dashes for `_`, any case. */
const placeholderLike = new RegExp(
  `(${[...new Set(recognizers.map(({ entity }) => entity.replaceAll('_', '[_ -]')))].join('|')})[_ -](\\d+)`,
  'gi',
)

/**
 * Replaces what the recognizers find by placeholders such as `<EMAIL_1>`. One masker serves one job: the same value is
 * the same placeholder in every message, so a model can still tell that two lines speak of one person.
 */
export class Masker {
  readonly #placeholders = new Map<string, string>()
  readonly #vault = new Map<string, string>()
  readonly #nextNumber = new Map<Entity, number>()
  readonly #counts: Partial<Record<Entity, number>> = {}
  /** Placeholder-like words of the input: given out, they would be restored where they stood by themselves. */
  readonly #reserved = new Set<string>()

  /** `source`: input whose placeholder-like words are never given out; `maskText` adds its own text. */
  constructor(source = '') {
    this.reserve(source)
  }

  /** From placeholder to original value. */
  get vault(): ReadonlyMap<string, string> {
    return this.#vault
  }

  /** How many places were masked, by entity; a value that occurs twice counts twice. */
  get counts(): Readonly<Record<string, number>> {
    return this.#counts as Record<string, number>
  }

  /** Keeps the placeholder-like words of a text from being given out. */
  reserve(text: string): void {
    for (const word of placeholderLikeWords(text)) for (const name of word.names) this.#reserved.add(name)
  }

  /** `name` is the name of the field that the text is the value of; it helps to tell what the value is. */
  maskText(text: string, name = ''): string {
    return this.#mask(text, name, (placeholder) => placeholder)
  }

  /** Masks a text whose form allows no brackets, such as the `name` of a message: `EMAIL_1`. */
  maskWord(text: string): string {
    return this.#mask(text, '', (placeholder) => placeholder.slice(1, -1))
  }

  #mask(text: string, name: string, write: (placeholder: string) => string): string {
    const found = detectNamed(name, text)
    const collisions = this.#collisionsIn(text)
    if (found.length === 0 && collisions.length === 0) return text
    let masked = ''
    let from = 0
    for (const { start, end, entity } of collisions.length === 0 ? found : joinOverlaps([...found, ...collisions])) {
      masked += text.slice(from, start) + write(this.#placeholderFor(entity, text.slice(start, end)))
      this.#counts[entity] = (this.#counts[entity] ?? 0) + 1
      from = end
    }
    return masked + text.slice(from)
  }

  /**
   * Words of this text that are placeholders given out before it was seen. They are masked like values, or restoring
   * would put somebody's data in their place.
   */
  #collisionsIn(text: string): Finding[] {
    const collisions: Finding[] = []
    for (const { start, end, entity, names } of placeholderLikeWords(text)) {
      if (names.some((name) => this.#vault.has(`<${name}>`))) collisions.push({ start, end, entity, score: 1 })
      else for (const name of names) this.#reserved.add(name)
    }
    return collisions
  }

  #placeholderFor(entity: Entity, value: string): string {
    const known = this.#placeholders.get(value)
    if (known !== undefined) return known
    let number = this.#nextNumber.get(entity) ?? 1
    while (this.#reserved.has(`${entity}_${number}`)) number += 1
    this.#nextNumber.set(entity, number + 1)
    const placeholder = writePlaceholder(entity, number)
    this.#placeholders.set(value, placeholder)
    this.#vault.set(placeholder, value)
    return placeholder
  }
}

interface PlaceholderLike {
  readonly start: number
  readonly end: number
  readonly entity: Entity
  /** All names that the word could be read as: masking may cut its digits anywhere. */
  readonly names: readonly string[]
}

function placeholderLikeWords(text: string): PlaceholderLike[] {
  const words: PlaceholderLike[] = []
  for (const { 0: word, 1: kind = '', 2: digits = '', index } of text.matchAll(placeholderLike)) {
    const entity = kind.toUpperCase().replace(/[ -]/g, '_') as Entity
    const lengths = Array.from({ length: Math.min(digits.length, maxDigits) }, (_, length) => length + 1)
    const names = lengths.map((length) => `${entity}_${digits.slice(0, length)}`)
    words.push({ start: index, end: index + word.length, entity, names })
  }
  return words
}

/** No job has a thousand million values. */
const maxDigits = 9
