import { fact } from './lexicon.ts'
import { hashPair, hashText } from './word-hash.ts'
import { type Word, writing } from './words.ts'

/**
 * What the model looks at. Features of one word alone are the same wherever it stands, so their weights are added up once
 * per word and place and kept with the word; features of several words are looked up where they stand.
 */

/** Hashes of features, in memory that is used again for each word. */
export class FeatureList {
  readonly hashes = new Uint32Array(64)
  count = 0

  add(hash: number): void {
    this.hashes[this.count] = hash
    this.count += 1
  }
}

/** Features that a word makes at a place: 0 is its own, -1 the place after it (it stands one before), 1 the one before. */
export function wordFeatures(word: Word, offset: number, out: FeatureList): void {
  const base = (offset + 2) * 16
  out.add(hashPair(base, word.hash, 0))
  out.add(hashPair(base + 1, word.kind, 0))
  out.add(hashPair(base + 2, word.shape, 0))
  out.add(hashPair(base + 3, word.cue, word.writing))
  if (offset === 0) ownFeatures(word, base, out)
  else if (offset === 1 || offset === -1) {
    out.add(hashPair(base + 4, word.names, 0))
    out.add(hashPair(base + 5, word.ending, word.writing))
  }
}

function ownFeatures(word: Word, base: number, out: FeatureList): void {
  out.add(hashPair(base + 4, word.names, 0))
  out.add(hashPair(base + 5, word.facts, word.writing))
  out.add(hashPair(base + 6, word.hash, word.writing))
  if (word.writing >= writing.number && word.writing !== writing.other) return
  for (let length = 1; length <= 4 && length < word.small.length; length += 1) {
    out.add(hashPair(base + 7, endingOf(word, length), word.writing))
    if (length > 1) out.add(hashPair(base + 8, hashText(word.small.slice(0, length)), word.writing))
  }
  for (let bit = 1; bit <= fact.organisation; bit <<= 1) {
    if ((word.facts & bit) !== 0) out.add(hashPair(base + 9, bit, word.writing))
  }
}

function endingOf(word: Word, length: number): number {
  return hashText(word.small.slice(-length))
}

/** Where a word stands in its line and in its text. */
export interface Place {
  /** How the words of the line are written: 0 small only, 1 capitals only, 2 mixed, 3 most with a capital. */
  readonly lineStyle: number
  /** The hash of the last word before the first colon of the line, 0 before the colon or without one. */
  readonly field: number
  readonly fieldCue: number
  /** 0 inside a sentence, 1 after a full stop or the like, 2 at the start of a line. */
  readonly sentenceStart: number
  /** Whether the text has the word in small letters too. */
  readonly isAlsoSmall: boolean
  readonly language: number
}

/** Words around a place, nearest first. */
export interface Window {
  before2: Word
  before: Word
  word: Word
  after: Word
  after2: Word
}

/** Features of several words, and of the place. */
export function windowFeatures(window: Window, place: Place, out: FeatureList): void {
  const { before2, before, word, after, after2 } = window
  const { kind, hash, names } = word
  out.add(hashPair(100, before.hash, hash))
  out.add(hashPair(101, hash, after.hash))
  out.add(hashPair(102, before.kind, kind))
  out.add(hashPair(103, kind, after.kind))
  out.add(hashPair(104, hashPair(0, before.names, names), after.names))
  out.add(hashPair(105, before.hash, names))
  out.add(hashPair(106, after.hash, names))
  out.add(hashPair(107, before.cue * 32 + before2.cue, kind))
  out.add(hashPair(108, after.cue * 32 + before.cue, names))
  out.add(hashPair(109, hashPair(0, before2.hash, before.hash), word.writing))
  out.add(hashPair(110, hashPair(0, after.hash, after2.hash), word.writing))
  out.add(hashPair(111, place.lineStyle * 4 + place.sentenceStart, kind))
  out.add(hashPair(112, place.sentenceStart * 2 + (place.isAlsoSmall ? 1 : 0), hash))
  out.add(hashPair(113, hashPair(0, before2.names, before.names), names))
  out.add(hashPair(114, hashPair(0, names, after.names), after2.names))
  out.add(hashPair(115, place.fieldCue * 32 + before.cue, word.writing * 8 + after.writing))
  out.add(hashPair(116, place.field, word.writing))
  out.add(hashPair(117, place.isAlsoSmall ? 1 : 0, kind))
  out.add(hashPair(118, hashPair(0, before.shape, word.shape), after.shape))
  out.add(hashPair(119, hashPair(0, before.writing, before2.cue), names))
  out.add(hashPair(120, place.lineStyle, hashPair(0, before.cue, names)))
  out.add(hashPair(121, place.language * 4 + place.sentenceStart, kind))
  out.add(hashPair(122, place.language * 16 + word.writing, word.ending))
  out.add(hashPair(123, place.language * 32 + before.cue, names))
}
