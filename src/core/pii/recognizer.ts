import type { Entity } from './entities.ts'
import type { Scan } from './scan.ts'

export type { Entity } from './entities.ts'

/** One stretch of text, in UTF-16 offsets, `end` exclusive. `score` is 0 to 1. */
export interface Finding {
  readonly start: number
  readonly end: number
  readonly entity: Entity
  readonly score: number
}

/**
 * Finds one kind of thing. Pure, synchronous, and linear in the text: a pattern that can backtrack without limit can
 * hang. One file holds its pattern, validator, context words, examples and counter-examples.
 */
export interface Recognizer {
  /** All that it finds; where this is not wanted, it is not asked. */
  readonly entity: Entity
  /**
   * These are the recognizer's tests: in every `finds` it has exactly one finding, in every `ignores` none. A `finds`
   * that marks the value like `call ⟦555-0100⟧ now` is tested for the exact stretch as well.
   */
  readonly examples: { readonly finds: readonly string[]; readonly ignores: readonly string[] }
  find(scan: Scan): Finding[]
}

/** Finds several kinds of things by how words stand together, as one must to know names. Pure and linear as well. */
export interface Tagger {
  /** What it can find; where none of it is wanted, it is not asked. */
  readonly entities: readonly Entity[]
  find(scan: Scan): Finding[]
}
