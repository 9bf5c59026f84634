import type { Entity } from '../entities.ts'

/** One kind of number that a state gives to persons or taxpayers. */
export interface IdentifierRow {
  /** Country code and the name of the number there. */
  readonly name: string
  readonly entity: Extract<Entity, 'NATIONAL_ID' | 'TAX_ID' | 'HEALTH_PLAN_ID'>
  /** What the number is called in its country, and in English. */
  readonly words: readonly string[]
  /** The number as it is written, separators included; no digit or letter may stand beside it. */
  readonly pattern: RegExp
  /** The check digits, or what else can be computed, over the number without separators and in capitals. */
  readonly isValid?: (compact: string) => boolean
  /**
   * A number of this form needs no word before it if it is valid: the form is distinctive. It is, or starts with, a run
   * of letters and digits of this length (`code`), or has a run of so many digits (`digits`) so many signs behind its
   * start (`after`, nothing unless told). Runs of one and two digits are too many to look at each, and for shorter ones
   * than seven a `sign` beside them, on the side of the rest, saves most looks.
   */
  readonly alone?:
    | { readonly digits: readonly number[]; readonly after?: readonly number[]; readonly sign?: string }
    | { readonly code: readonly number[] }
  /** Published test numbers, or made-up ones with right check digits. */
  readonly examples: readonly string[]
  /** Of the same form, with a wrong check digit. */
  readonly counterExamples: readonly string[]
}
