import type { Lexicon } from './lexicon.ts'
import { newlineToken, opaqueToken, signToken } from './tokens.ts'
import { describeWord, type Word } from './words.ts'

/** More would only hold memory; a text in a language has fewer that come again. */
const mostKnownWords = 32_768
const slotCount = mostKnownWords * 2

/**
 * Knows the words that it has seen. What it answers does not depend on what it has seen before. A table of its own finds a
 * word without cutting it out of the text first, which takes longer than all else that is done with it.
 */
export class Vocabulary {
  readonly #lexicon: Lexicon
  /** Where a word is in the lists, plus one; 0 is empty. */
  readonly #slots = new Uint16Array(slotCount)
  readonly #surfaces: string[] = []
  readonly #words: Word[] = []
  readonly #signs: (Word | undefined)[] = []
  readonly newline: Word
  readonly #opaque: Word

  constructor(lexicon: Lexicon) {
    this.#lexicon = lexicon
    this.newline = describeWord('\n', newlineToken, lexicon)
    this.#opaque = describeWord('', opaqueToken, lexicon)
  }

  wordAt(text: string, start: number, end: number, kind: number): Word {
    if (kind === newlineToken) return this.newline
    if (kind === opaqueToken) return this.#opaque
    if (kind === signToken) return this.#sign(text, start)
    let slot = hashOf(text, start, end)
    for (let at = this.#slots[slot] ?? 0; at !== 0; at = this.#slots[slot] ?? 0) {
      const surface = this.#surfaces[at - 1] ?? ''
      const word = this.#words[at - 1]
      if (word && surface.length === end - start && text.startsWith(surface, start)) return word
      slot = (slot + 1) & (slotCount - 1)
    }
    return this.#learn(text.slice(start, end), kind, slot)
  }

  #learn(slice: string, kind: number, slot: number): Word {
    // The slice would keep the whole text in memory.
    const surface = Buffer.from(slice, 'utf16le').toString('utf16le')
    const word = describeWord(surface, kind, this.#lexicon)
    if (this.#words.length === mostKnownWords) {
      this.#slots.fill(0)
      this.#surfaces.length = 0
      this.#words.length = 0
      return word
    }
    this.#surfaces.push(surface)
    this.#words.push(word)
    this.#slots[slot] = this.#words.length
    return word
  }

  #sign(text: string, start: number): Word {
    const unit = text.charCodeAt(start)
    const known = this.#signs[unit]
    if (known) return known
    // Half of a pair stands for all signs that start with it.
    const word = describeWord(text.charAt(start), signToken, this.#lexicon)
    this.#signs[unit] = word
    return word
  }
}

function hashOf(text: string, start: number, end: number): number {
  let hash = 0
  for (let index = start; index < end; index += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  return (hash ^ (hash >>> 15)) & (slotCount - 1)
}
