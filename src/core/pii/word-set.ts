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

/** Looks for any number of words in one pass, inside of other words too. */
export class WordSearch {
  readonly #words: readonly string[]
  #automaton: Automaton | null = null

  constructor(words: readonly string[]) {
    this.#words = words
  }

  /** In order of their starts. In any case when the words are many; where one lies in another, both are given. */
  find(text: string): { start: number; end: number }[] {
    const found = this.#words.length <= fewWords ? this.#findEach(text) : this.#findAll(text)
    return found.sort((left, right) => left.start - right.start || right.end - left.end)
  }

  #findEach(text: string): { start: number; end: number }[] {
    return this.#words.flatMap((word) => {
      const found: { start: number; end: number }[] = []
      for (let start = text.indexOf(word); start !== -1; start = text.indexOf(word, start + word.length)) {
        found.push({ start, end: start + word.length })
      }
      return found
    })
  }

  #findAll(text: string): { start: number; end: number }[] {
    this.#automaton ??= new Automaton([{ id: 0, words: this.#words.map((word) => word.toLowerCase()), whole: false }])
    const { starts, ends } = this.#automaton.search(text)[0] ?? { starts: [], ends: [] }
    return starts.map((start, index) => ({ start, end: ends[index] ?? start }))
  }
}

/** Making an automaton takes longer than looking for so few words one by one. */
const fewWords = 24

class Automaton {
  /** Symbol of each UTF-16 unit below `limit`; 0 for what is in no word. */
  readonly #symbols = new Uint8Array(limit)
  readonly #width: number
  /**
   * The way on from a state by a symbol: four times the place where the next state's row starts, and flags that say
   * whether words end in it. So each sign of a text costs one look at `#symbols` and one at this.
   */
  readonly #next: Int32Array
  /** Indices into `#words` of what ends in a state, suffixes included. */
  readonly #ends: (readonly number[] | undefined)[] = []
  readonly #words: { word: string; sets: WordSet[]; isPlain: boolean }[] = []

  constructor(all: readonly WordSet[]) {
    const byWord = new Map<string, WordSet[]>()
    for (const set of all) {
      for (const word of set.words) {
        const known = byWord.get(word)
        if (known) known.push(set)
        else byWord.set(word, [set])
      }
    }
    this.#width = this.#assignSymbols(byWord.keys())
    this.#next = this.#build(byWord)
  }

  /**
   * Signs beyond ASCII share a few symbols: a column for each of them would make the table three times as large, for
   * letters that hardly occur. Words that have such signs are compared once more where they are found.
   */
  #assignSymbols(words: Iterable<string>): number {
    let symbols = 1 + sharedSymbols
    for (const word of words) {
      for (let index = 0; index < word.length; index += 1) {
        const unit = word.charCodeAt(index)
        if (unit >= limit || this.#symbols[unit] !== 0) continue
        const symbol = unit < 0x80 ? symbols : 1 + (unit % sharedSymbols)
        this.#symbols[unit] = symbol
        const upper = word.charAt(index).toUpperCase()
        // Both `i` and the Turkish `ı` are written `I`; only the one that comes back owns it.
        const isOwn = upper.length === 1 && upper.toLowerCase() === word.charAt(index)
        if (isOwn && upper.charCodeAt(0) < limit) this.#symbols[upper.charCodeAt(0)] = symbol
        if (unit < 0x80) symbols += 1
      }
    }
    return symbols
  }

  #build(byWord: ReadonlyMap<string, WordSet[]>): Int32Array {
    const width = this.#width
    let capacity = 1
    for (const word of byWord.keys()) capacity += word.length
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
      this.#words.push({ word, sets: wordSets, isPlain: isAscii.test(word) })
    }
    this.#linkSuffixes(next, ends, states)
    for (const [state, words] of ends.entries()) this.#ends[state] = words.length > 0 ? words : undefined
    const flags = Uint8Array.from({ length: states }, (_, state) => this.#flagsOf(state))
    for (let at = 0; at < states * width; at += 1) {
      const state = next[at] ?? 0
      if (state !== 0) next[at] = state * width * 4 + (flags[state] ?? 0)
    }
    return next.subarray(0, states * width)
  }

  #flagsOf(state: number): number {
    const words = this.#ends[state]
    if (!words) return 0
    return words.every((each) => this.#words[each]?.sets.every(({ whole }) => whole)) ? wordEnds | onlyWhole : wordEnds
  }

  /** Breadth first: where a state has no way on, the longest suffix that has one goes on for it. */
  #linkSuffixes(next: Int32Array, ends: number[][], states: number): void {
    const width = this.#width
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
    const { length } = text
    let row = 0
    for (let index = 0; index < length; index += 1) {
      // Past the end of a typed array there is nothing: signs of other scripts read as 0.
      const entry = next[row + (symbols[text.charCodeAt(index)] ?? 0)] ?? 0
      row = entry >> 2
      if ((entry & wordEnds) === 0) continue
      // Most places are the start of a longer word, which one look at the next sign tells.
      if ((entry & onlyWhole) !== 0 && isSmall(text.charCodeAt(index + 1))) continue
      this.#note(text, index + 1, this.#ends[row / this.#width] ?? [], found)
    }
    return found
  }

  #note(text: string, end: number, words: readonly number[], found: (WordHits | undefined)[]): void {
    for (let index = 0; index < words.length; index += 1) {
      const word = this.#words[words[index] ?? 0]
      if (!word) continue
      const start = end - word.word.length
      if (!word.isPlain && text.slice(start, end).toLowerCase() !== word.word) continue
      const stands = standsAlone(text, start, end)
      for (const set of word.sets) {
        if (set.whole && !stands) continue
        const hits = found[set.id]
        if (hits) {
          hits.starts.push(start)
          hits.ends.push(end)
        } else found[set.id] = { starts: [start], ends: [end] }
      }
    }
  }
}

const sharedSymbols = 16
const wordEnds = 1
const onlyWhole = 2
const isAscii = /^[\0-\x7f]*$/

/** Words have letters of the scripts below this: Latin, Greek, Cyrillic. */
const limit = 0x530

/** In `patientName` both words stand alone. */
function standsAlone(text: string, start: number, end: number): boolean {
  const before = text.charCodeAt(start - 1)
  const after = text.charCodeAt(end)
  return (
    (!isLetter(before) || (isSmall(before) && isCapital(text.charCodeAt(start)))) &&
    (!isLetter(after) || (isCapital(after) && isSmall(text.charCodeAt(end - 1))))
  )
}

/** Letters only: `ssn1` and `user_id` hold words too. */
function isLetter(unit: number): boolean {
  return isSmall(unit) || isCapital(unit) || (unit >= 0xc0 && unit < limit)
}

function isSmall(unit: number): boolean {
  return unit >= 97 && unit <= 122
}

function isCapital(unit: number): boolean {
  return unit >= 65 && unit <= 90
}
