import { Block } from '../../../src/core/pii/names/block.ts'
import { FeatureList, type Window, windowFeatures, wordFeatures } from '../../../src/core/pii/names/features.ts'
import { buildLexicon, type Lexicon, nameFacts } from '../../../src/core/pii/names/lexicon.ts'
import { labels } from '../../../src/core/pii/names/model.ts'
import { tokenize } from '../../../src/core/pii/names/tokens.ts'
import { Vocabulary } from '../../../src/core/pii/names/vocabulary.ts'
import { hashText } from '../../../src/core/pii/names/word-hash.ts'
import { type LabelledSequence, tableSize } from './crf.ts'
import type { Random } from './random.ts'
import type { NameText } from './training-texts.ts'

/** How often a text is read with a lexicon that lacks a third of the names, so that context is learnt as well. */
const forgetfulness = 0.3
const blockUnits = 4000

/** Turns texts into features and labels, exactly as they are read in use. */
export class SequenceMaker {
  readonly #full: Vocabulary
  readonly #forgetful: readonly Vocabulary[]
  readonly #block = new Block()
  readonly #features = new FeatureList()
  /** The whole hash of the feature at each place of the weight table, and the first of those that share one. */
  readonly hashes = new Uint32Array(tableSize)
  /** The features that are still learnt, once those that matter are known. */
  allowed: Uint8Array | null = null

  constructor(facts: ReadonlyMap<string, number>, lexicon: Lexicon) {
    this.#full = new Vocabulary(lexicon)
    this.#forgetful = [0, 1, 2].map((part) => {
      const kept = new Map(
        [...facts].map(([word, known]) => [word, hashText(word) % 3 === part ? known & ~nameFacts : known] as const),
      )
      return new Vocabulary(buildLexicon(kept, lexicon.entries.length))
    })
  }

  *make(text: NameText, random: Random): Generator<LabelledSequence> {
    const vocabulary = random.chance(forgetfulness) ? random.pick(this.#forgetful) : this.#full
    for (let start = 0; start < text.text.length; start += blockUnits) {
      const end = Math.min(text.text.length, start + blockUnits)
      const block = this.#block
      block.clear()
      tokenize(text.text, start, end, block.tokens)
      block.describe(text.text, vocabulary)
      yield { features: this.#featuresOf(block, vocabulary), labels: labelsOf(block, text), weight: 1 }
    }
  }

  #featuresOf(block: Block, vocabulary: Vocabulary): Uint32Array[] {
    const edge = vocabulary.newline
    const window: Window = { before2: edge, before: edge, word: edge, after: edge, after2: edge }
    const made: Uint32Array[] = []
    for (let index = 0; index < block.length; index += 1) {
      const features = this.#features
      features.count = 0
      block.fillWindow(index, window, edge)
      wordFeatures(window.before2, -2, features)
      wordFeatures(window.before, -1, features)
      wordFeatures(window.word, 0, features)
      wordFeatures(window.after, 1, features)
      wordFeatures(window.after2, 2, features)
      const place = block.places[index]
      if (place && !window.word.isPlain) windowFeatures(window, place, features)
      const places = features.hashes.slice(0, features.count).map((hash) => this.#placeOf(hash))
      const { allowed } = this
      made.push(allowed ? places.filter((at) => allowed[at] === 1) : places)
    }
    return made
  }

  #placeOf(hash: number): number {
    const place = hash & (tableSize - 1)
    if (this.hashes[place] === 0) this.hashes[place] = hash
    return place
  }
}

function labelsOf(block: Block, { spans }: NameText): Uint8Array {
  const found = new Uint8Array(block.length)
  let at = 0
  let inside = -1
  for (let index = 0; index < block.length; index += 1) {
    const start = block.tokens.starts[index] ?? 0
    const end = block.tokens.ends[index] ?? 0
    while (at < spans.length && (spans[at]?.end ?? 0) <= start) at += 1
    const span = spans[at]
    if (!span || span.start >= end) continue
    found[index] = labels.indexOf(`${inside === at ? 'I' : 'B'}-${span.label}` as (typeof labels)[number])
    inside = at
  }
  return found
}
