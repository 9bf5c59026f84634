import { fingerprintOf, hashText } from './word-hash.ts'

/** What is known of a word by itself, as bits. A word can be several things: `Paris`, `Jordan`. */
export const fact = {
  firstName: 1,
  /** A first name in several countries. */
  commonFirstName: 2,
  lastName: 4,
  place: 8,
  /** A part of a name of a place: `York`. */
  placePart: 16,
  organisation: 32,
} as const

export const nameFacts = 63

/** How often a word is written small, 0 (hardly ever) to 3, from bit 6 on. */
export function smallFrequency(facts: number): number {
  return (facts >> 6) & 3
}

/** How much a word tends to a capital: 0 unknown, 1 never, 4 as often as not, 7 always; from bit 8 on. */
export function capitalTendency(facts: number): number {
  return (facts >> 8) & 7
}

export function packFacts(names: number, frequency: number, tendency: number): number {
  return names | (frequency << 6) | (tendency << 8)
}

/** A table of facts by words: open addressing; an entry is a fingerprint in the upper and the facts in the lower half. */
export class Lexicon {
  readonly entries: Uint32Array
  readonly #mask: number

  constructor(entries: Uint32Array) {
    this.entries = entries
    this.#mask = entries.length - 1
  }

  /** The facts of a word in small letters; 0 if it is not known. */
  factsOf(word: string): number {
    const hash = hashText(word)
    const fingerprint = fingerprintOf(hash)
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const entry = this.entries[slot] ?? 0
      if (entry === 0) return 0
      if (entry >>> 16 === fingerprint) return entry & 0xffff
    }
  }
}

/** `size` is a power of two and larger than the number of words by a quarter at least, so that looking ends soon. */
export function buildLexicon(facts: ReadonlyMap<string, number>, size: number): Lexicon {
  if (facts.size > size * 0.8) throw new Error(`${facts.size} words are too many for ${size} slots`)
  const entries = new Uint32Array(size)
  for (const [word, known] of facts) {
    const hash = hashText(word)
    let slot = hash & (size - 1)
    while (entries[slot] !== 0) slot = (slot + 1) & (size - 1)
    entries[slot] = ((fingerprintOf(hash) << 16) | known) >>> 0
  }
  return new Lexicon(entries)
}
