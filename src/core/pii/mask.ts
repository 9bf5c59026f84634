import type { Operator } from '../audit-policy.ts'
import { joinOverlaps } from './detect.ts'
import { type Entity, entities } from './entities.ts'
import { writePlaceholder } from './placeholders.ts'
import type { Finding } from './recognizer.ts'

export interface MaskerOptions {
  /** What becomes of a finding; without it everything is masked. */
  readonly operatorOf?: (entity: Entity) => Operator
  /** The word that stands for a value where the operator is `hash`: letters and digits, always the same for a value. */
  readonly hashOf?: (entity: Entity, value: string) => string
}

/**
 * Replaces findings by placeholders such as `<EMAIL_1>`. One masker serves one job: the same value is the same placeholder
 * in every message, so a model can still tell that two lines speak of one person.
 */
export class Masker {
  readonly #operatorOf: (entity: Entity) => Operator
  readonly #hashOf: (entity: Entity, value: string) => string
  readonly #placeholders = new Map<string, string>()
  readonly #vault = new Map<string, string>()
  readonly #nextNumber = new Map<Entity, number>()
  readonly #counts: Partial<Record<Entity, number>> = {}
  readonly #blocked = new Set<Entity>()
  /** Placeholder-like words of the input: given out, they would be restored where they stood by themselves. */
  readonly #reserved = new Set<string>()

  constructor(options: MaskerOptions = {}) {
    this.#operatorOf = options.operatorOf ?? (() => 'mask')
    this.#hashOf =
      options.hashOf ??
      (() => {
        throw new Error('the operator `hash` needs hashOf')
      })
  }

  /** From placeholder to original value; only of values that are `mask`ed. */
  get vault(): ReadonlyMap<string, string> {
    return this.#vault
  }

  /** How many places were found, by entity; a value that occurs twice counts twice. What is kept does not count. */
  get counts(): Readonly<Partial<Record<Entity, number>>> {
    return this.#counts
  }

  /** Entities that were found and that the policy lets in nowhere: the job must not go on. */
  get blocked(): ReadonlySet<Entity> {
    return this.#blocked
  }

  /** Keeps the placeholder-like words of a text from being given out. */
  reserve(text: string): void {
    for (const word of placeholderLikeWords(text)) for (const name of word.names) this.#reserved.add(name)
  }

  /**
   * `findings` are in order and do not overlap. `form` is `word` where no angle brackets are allowed, such as in the
   * `name` of a message: `EMAIL_1`.
   */
  mask(text: string, findings: readonly Finding[], form: 'text' | 'word' = 'text'): string {
    const wanted = findings.filter(({ entity }) => this.#operatorOf(entity) !== 'keep')
    const collisions = this.#collisionsIn(text)
    if (wanted.length === 0 && collisions.length === 0) return text
    let masked = ''
    let from = 0
    for (const { start, end, entity } of collisions.length === 0 ? wanted : joinOverlaps([...wanted, ...collisions])) {
      masked += text.slice(from, start) + this.#replace(entity, text.slice(start, end), form)
      from = end
    }
    return masked + text.slice(from)
  }

  #replace(entity: Entity, value: string, form: 'text' | 'word'): string {
    this.#counts[entity] = (this.#counts[entity] ?? 0) + 1
    const operator = this.#operatorOf(entity)
    if (operator === 'block') this.#blocked.add(entity)
    const placeholder =
      operator === 'hash'
        ? // The letter in front keeps it from being read as a number.
          `<${entity}_h${this.#hashOf(entity, value)}>`
        : operator === 'redact' || operator === 'block'
          ? `<${entity}>`
          : this.#placeholderFor(entity, value)
    return form === 'text' ? placeholder : placeholder.slice(1, -1)
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

/** A blank, a dash, or an underscore that Markdown escapes, in JSON too. */
const between = String.raw`(?:\\{0,2}_|[ -])`
const names = entities.map((entity) => entity.replaceAll('_', between)).join('|')
/** What follows the word of an entity in a placeholder: a number, or the closing bracket in one of its spellings. */
const rest = String.raw`${between}(\d+)|${between}? {0,2}(?:[>＞〉⟩›]|/>|\\{1,4}>|\\{1,2}u003e|(?:&|\\{1,2}u0026)gt;)`
/** Everything that a restorer could take for a placeholder, and more. */
const placeholderLike = new RegExp(`(${names})(?:${rest})`, 'gi')

function placeholderLikeWords(text: string): PlaceholderLike[] {
  const words: PlaceholderLike[] = []
  // `matchAll` would make a new expression for each of the thousands of texts of a body.
  placeholderLike.lastIndex = 0
  for (let match = placeholderLike.exec(text); match; match = placeholderLike.exec(text)) {
    const { 0: word, 1: kind = '', 2: digits, index } = match
    // Without a number only capitals are read: `<url>` is also a tag.
    if (digits === undefined && kind !== kind.toUpperCase()) continue
    const entity = kind.toUpperCase().replace(/\\{0,2}[ _-]/g, '_') as Entity
    if (digits === undefined) {
      // It is read as the first of its kind, where there is no second.
      words.push({ start: index, end: index + kind.length, entity, names: [`${entity}_1`] })
      continue
    }
    const lengths = Array.from({ length: Math.min(digits.length, maxDigits) }, (_, length) => length + 1)
    const readAs = lengths.map((length) => `${entity}_${digits.slice(0, length)}`)
    words.push({ start: index, end: index + word.length, entity, names: readAs })
  }
  return words
}

/** No job has a thousand million values. */
const maxDigits = 9
