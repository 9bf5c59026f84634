import type { SourceList, SourceValue } from './read-source.ts'
import type { Place } from './report.ts'
import { Section } from './sections.ts'

/** A mapping over others: a key is read from the first that has it, and is told of where it stands. */
export class Layers extends Section {
  readonly #own: Section
  readonly #further: readonly Section[]

  constructor(own: Section, further: readonly Section[], item: Section) {
    super({}, own.place, { placeOf: () => undefined }, item.report)
    this.#own = own
    this.#further = further
  }

  #holderOf(key: string): Section {
    return [this.#own, ...this.#further].find((each) => each.has(key)) ?? this.#own
  }

  override get keys(): readonly string[] {
    return [...new Set([this.#own, ...this.#further].flatMap((each) => each.keys))]
  }

  override has(key: string): boolean {
    return this.#holderOf(key).has(key)
  }

  override placeOf(key: string | number): Place {
    return this.#holderOf(String(key)).placeOf(key)
  }

  override take(key: string): SourceValue | undefined {
    // Read in one layer, it is read in all: none must report it.
    for (const each of this.#further) each.take(key)
    return this.#holderOf(key).take(key)
  }

  override section(key: string): Section | undefined {
    this.take(key)
    return this.#holderOf(key).section(key)
  }

  override list(key: string): SourceList {
    this.take(key)
    return this.#holderOf(key).list(key)
  }

  override reportRest(known: Parameters<Section['reportRest']>[0] = {}): void {
    this.#own.reportRest(known)
  }
}
