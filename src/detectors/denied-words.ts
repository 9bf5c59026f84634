import type { Entity } from '../core/pii/entities.ts'
import type { Finding } from '../core/pii/recognizer.ts'
import { WordSearch } from '../core/pii/word-set.ts'
import { foldCase } from './fold-case.ts'

/** Words that always count as found, however many: one pass over the text for all. */
export class DeniedWords {
  readonly #entities = new Map<string, Entity>()
  readonly #search: WordSearch

  constructor(lists: readonly { readonly entity: Entity; readonly words: readonly string[] }[]) {
    for (const { entity, words } of lists) {
      for (const word of words) if (word.trim() !== '') this.#entities.set(foldCase(word.trim()), entity)
    }
    this.#search = new WordSearch([...this.#entities.keys()])
  }

  /** `folded` is the text in one case; see `foldCase`. */
  find(folded: string): Finding[] {
    if (this.#entities.size === 0) return []
    return this.#search.find(folded).flatMap(({ start, end }): Finding[] => {
      // The search takes all signs of scripts that it does not know for the same.
      const entity = this.#entities.get(folded.slice(start, end))
      return entity !== undefined && standsAlone(folded, start, end) ? [{ start, end, entity, score: 1 }] : []
    })
  }
}

function standsAlone(text: string, start: number, end: number): boolean {
  return !goesOn(text, start) && !goesOn(text, end)
}

/** Whether a word goes on over a place. Scripts that write no blanks have no words in that sense. */
function goesOn(text: string, at: number): boolean {
  return ofWord.test(text.charAt(at - 1)) && ofWord.test(text.charAt(at))
}

const ofWord = /[[\p{L}\p{M}\p{N}]--[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}]]/v
