/**
 * Words that recognizers look for: what leads up to a value, what a secret starts with. All sets are searched together,
 * in one pass over a text (Aho–Corasick), so a further set costs next to nothing.
 */
export interface WordSet {
  readonly id: number
  readonly words: readonly string[]
  /** Whether a word must stand by itself. */
  readonly whole: boolean
}

const sets: WordSet[] = []

/**
 * Declares words, in any case; call it once per set, when the module loads. `whole: false` finds them inside other words
 * too, as secrets and compounds need it.
 */
export function wordSet(words: readonly string[], options: { whole?: boolean } = {}): WordSet {
  const set = { id: sets.length, words: words.map((word) => word.toLowerCase()), whole: options.whole ?? true }
  sets.push(set)
  automaton = null
  return set
}

let automaton: Automaton | null = null

export interface WordHits {
  readonly starts: number[]
  readonly ends: number[]
}

/** Where the words of each set stand in a text, by the set's id, in order of their ends. */
export function findWords(text: string): readonly (WordHits | undefined)[] {
  automaton ??= new Automaton(sets)
  return automaton.search(text)
}

class Automaton {
  /** Symbol of each UTF-16 unit below `limit`; 0 for what is in no word. */
  readonly #symbols = new Uint8Array(limit)
  readonly #symbolCount: number
  readonly #next: Int32Array
  /** Indices into `#words` of what ends in a state, suffixes included. */
  readonly #ends: (readonly number[] | undefined)[] = []
  readonly #words: { length: number; sets: WordSet[] }[] = []

  constructor(all: readonly WordSet[]) {
    const byWord = new Map<string, WordSet[]>()
    for (const set of all) for (const word of set.words) byWord.set(word, [...(byWord.get(word) ?? []), set])
    let symbols = 1
    for (const word of byWord.keys()) {
      for (let index = 0; index < word.length; index += 1) {
        const unit = word.charCodeAt(index)
        if (unit >= limit || this.#symbols[unit] !== 0) continue
        this.#symbols[unit] = symbols
        const upper = word.charAt(index).toUpperCase()
        if (upper.length === 1 && upper.charCodeAt(0) < limit) this.#symbols[upper.charCodeAt(0)] = symbols
        symbols += 1
      }
    }
    this.#symbolCount = symbols
    this.#next = this.#build(byWord)
  }

  #build(byWord: ReadonlyMap<string, WordSet[]>): Int32Array {
    const width = this.#symbolCount
    const capacity = [...byWord.keys()].reduce((sum, word) => sum + word.length, 1)
    const next = new Int32Array(capacity * width)
    const ends: number[][] = [[]]
    let states = 1
    for (const [word, wordSets] of byWord) {
      let state = 0
      for (let index = 0; index < word.length; index += 1) {
        const at = state * width + (this.#symbols[word.charCodeAt(index)] ?? 0)
        if (next[at] === 0) {
          next[at] = states
          ends[states] = []
          states += 1
        }
        state = next[at] ?? 0
      }
      ends[state]?.push(this.#words.length)
      this.#words.push({ length: word.length, sets: wordSets })
    }
    this.#linkSuffixes(next, ends, states)
    for (const [state, words] of ends.entries()) this.#ends[state] = words.length > 0 ? words : undefined
    return next.slice(0, states * width)
  }

  /** Breadth first: where a state has no way on, the longest suffix that has one goes on for it. */
  #linkSuffixes(next: Int32Array, ends: number[][], states: number): void {
    const width = this.#symbolCount
    const suffix = new Int32Array(states)
    const queue: number[] = []
    for (let symbol = 1; symbol < width; symbol += 1) if (next[symbol]) queue.push(next[symbol] ?? 0)
    for (let head = 0; head < queue.length; head += 1) {
      const state = queue[head] ?? 0
      const other = suffix[state] ?? 0
      ends[state]?.push(...(ends[other] ?? []))
      for (let symbol = 1; symbol < width; symbol += 1) {
        const at = state * width + symbol
        const child = next[at] ?? 0
        const fallback = next[other * width + symbol] ?? 0
        if (child === 0) next[at] = fallback
        else {
          suffix[child] = fallback
          queue.push(child)
        }
      }
    }
  }

  search(text: string): (WordHits | undefined)[] {
    const found: (WordHits | undefined)[] = []
    const next = this.#next
    const symbols = this.#symbols
    const width = this.#symbolCount
    let state = 0
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index)
      const symbol = unit < limit ? symbols[unit] : 0
      if (symbol === 0) {
        state = 0
        continue
      }
      state = next[state * width + (symbol ?? 0)] ?? 0
      const words = this.#ends[state]
      if (words) this.#note(text, index + 1, words, found)
    }
    return found
  }

  #note(text: string, end: number, words: readonly number[], found: (WordHits | undefined)[]): void {
    for (const each of words) {
      const word = this.#words[each]
      if (!word) continue
      const start = end - word.length
      const stands = standsAlone(text, start, end)
      for (const set of word.sets) {
        if (set.whole && !stands) continue
        const hits = found[set.id] ?? { starts: [], ends: [] }
        found[set.id] = hits
        hits.starts.push(start)
        hits.ends.push(end)
      }
    }
  }
}

/** Words have letters of the scripts below this: Latin, Greek, Cyrillic. */
const limit = 0x530

function standsAlone(text: string, start: number, end: number): boolean {
  return !isLetter(text.charCodeAt(start - 1)) && !isLetter(text.charCodeAt(end))
}

/** Letters only: `ssn1` and `user_id` hold words too. */
function isLetter(unit: number): boolean {
  return (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90) || (unit >= 0xc0 && unit < limit)
}
