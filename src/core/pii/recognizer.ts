/** What kind of personal data or secret a finding is; the placeholder shows it: `<EMAIL_1>`. */
export type Entity = 'EMAIL' | 'PHONE' | 'PAYMENT_CARD' | 'IBAN' | 'IP_ADDRESS' | 'API_KEY'

/** One stretch of text, in UTF-16 offsets, `end` exclusive. `score` is 0 to 1. */
export interface Finding {
  readonly start: number
  readonly end: number
  readonly entity: Entity
  readonly score: number
}

/** Finds one entity. Pure, synchronous, and linear in the text: a pattern that can backtrack without limit can hang. */
export interface Recognizer {
  readonly entity: Entity
  /** These are the recognizer's tests: every `finds` has exactly one finding, every `ignores` none. */
  readonly examples: { readonly finds: readonly string[]; readonly ignores: readonly string[] }
  find(text: string): Finding[]
}
