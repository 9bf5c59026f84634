import { findWords, type WordHits, type WordSet } from './word-set.ts'

/** A maximal run of ASCII digits, or of ASCII letters and digits. */
export interface Run {
  readonly start: number
  readonly end: number
}

/**
 * A text as recognizers read it, folded already, with what several of them ask for found once: the groups of digits by
 * length, the codes of letters and digits, the words. All facts are made when the first recognizer asks.
 */
export class Scan {
  readonly text: string
  #words: readonly (WordHits | undefined)[] | null = null
  #runs: Runs | null = null
  #groups: (readonly Run[] | undefined)[] | null = null

  constructor(text: string) {
    this.text = text
  }

  /** Where maximal runs of exactly so many digits start and end, in order. */
  digitGroups(length: number): readonly Run[] {
    this.#runs ??= findRuns(this.text)
    this.#groups ??= []
    const known = this.#groups[length]
    if (known) return known
    const groups: Run[] = []
    const { digits } = this.#runs
    for (let index = 0; index < digits.length; index += 2) {
      const start = digits[index] ?? 0
      const end = digits[index + 1] ?? 0
      if (end - start === length) groups.push({ start, end })
    }
    this.#groups[length] = groups
    return groups
  }

  /** Maximal runs of ASCII letters and digits that have at least one of each, in order. */
  get codes(): readonly Run[] {
    this.#runs ??= findRuns(this.text)
    return this.#runs.codes
  }

  /** Where the words of a set stand. */
  hits(set: WordSet): WordHits {
    this.#words ??= findWords(this.text)
    return this.#words[set.id] ?? noHits
  }

  has(set: WordSet): boolean {
    return this.hits(set).ends.length > 0
  }

  /** Whether a word of the set ends at most `distance` signs before `index` (40 unless told), on the same line. */
  isAfter(set: WordSet, index: number, distance = 40): boolean {
    const { ends } = this.hits(set)
    const last = countUpTo(ends, index) - 1
    const end = ends[last]
    if (end === undefined || index - end > distance) return false
    return !this.text.slice(end, index).includes('\n')
  }

  /** Whether a word of the set stands within `distance` signs before or after a stretch. */
  isNear(set: WordSet, stretch: { start: number; end: number }, distance = 40): boolean {
    if (this.isAfter(set, stretch.start, distance)) return true
    const { starts, ends } = this.hits(set)
    for (let index = countUpTo(ends, stretch.end); index < starts.length; index += 1) {
      const start = starts[index] ?? 0
      if (start - stretch.end > distance) return false
      if (start >= stretch.end) return true
    }
    return false
  }
}

const noHits: WordHits = { starts: [], ends: [] }

/** How many of the sorted numbers are at most `limit`. */
function countUpTo(sorted: readonly number[], limit: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) <= limit) low = middle + 1
    else high = middle
  }
  return low
}

interface Runs {
  /** Start and end of each run of digits, one after the other. */
  readonly digits: readonly number[]
  readonly codes: readonly Run[]
}

/** One pass for both: most signs of most texts are small letters, so those are passed over first. */
function findRuns(text: string): Runs {
  const digits: number[] = []
  const codes: Run[] = []
  const { length } = text
  for (let index = 0; index < length; index += 1) {
    let kind = kinds[text.charCodeAt(index)] ?? 0
    if (kind === 0) continue
    const start = index
    const digitsBefore = digits.length
    let hasLetter = false
    for (; kind !== 0; kind = kinds[text.charCodeAt(index)] ?? 0) {
      if (kind === letter) {
        hasLetter = true
        index += 1
        continue
      }
      digits.push(index)
      while (kinds[text.charCodeAt(index)] === digit) index += 1
      digits.push(index)
    }
    if (hasLetter && digits.length > digitsBefore) codes.push({ start, end: index })
  }
  return { digits, codes }
}

const digit = 1
const letter = 2
/** What kind of sign a UTF-16 unit is; nothing past its end. */
const kinds = new Uint8Array(128)
kinds.fill(digit, 48, 58)
kinds.fill(letter, 65, 91)
kinds.fill(letter, 97, 123)
