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
  #groups: Run[][] | null = null
  #codes: Run[] | null = null

  constructor(text: string) {
    this.text = text
  }

  /** Where maximal runs of exactly so many digits start and end, in order. */
  digitGroups(length: number): readonly Run[] {
    this.#groups ??= findDigitGroups(this.text)
    return this.#groups[length] ?? none
  }

  /** Maximal runs of ASCII letters and digits that have at least one of each, in order. */
  get codes(): readonly Run[] {
    this.#codes ??= findCodes(this.text)
    return this.#codes
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
    const newline = this.text.indexOf('\n', end)
    return newline === -1 || newline >= index
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

const none: readonly Run[] = []
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

function findDigitGroups(text: string): Run[][] {
  const groups: Run[][] = []
  for (let index = 0; index < text.length; index += 1) {
    if (!isDigit(text.charCodeAt(index))) continue
    const start = index
    while (isDigit(text.charCodeAt(index + 1))) index += 1
    const end = index + 1
    const length = end - start
    const group = groups[length] ?? []
    groups[length] = group
    group.push({ start, end })
  }
  return groups
}

function findCodes(text: string): Run[] {
  const codes: Run[] = []
  for (let index = 0; index < text.length; index += 1) {
    let digits = 0
    const start = index
    for (let unit = text.charCodeAt(index); ; unit = text.charCodeAt(index)) {
      if (isDigit(unit)) digits += 1
      else if (!isAsciiLetter(unit)) break
      index += 1
    }
    if (digits > 0 && digits < index - start) codes.push({ start, end: index })
  }
  return codes
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57
}

function isAsciiLetter(unit: number): boolean {
  return (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90)
}
