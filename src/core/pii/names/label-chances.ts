import type { Block } from './block.ts'
import { FeatureList, type Place, type Window, windowFeatures, wordFeatures } from './features.ts'
import { labelCount, type Model, weightedLabels } from './model.ts'
import type { Vocabulary } from './vocabulary.ts'
import type { Word } from './words.ts'

/** Below this score per label a word is certainly outside of a name, and what is before it says nothing on what is after. */
const certainlyOutside = -5
/** From here words around it can't lift a word any more, so what they say need not be looked up. */
const neverInside = -6
/** Where a word's sums about its own place start. */
const ownSums = weightedLabels * 2

/** How likely each label is for each word of a block, seen together: a conditional random field, forward and backward. */
export class LabelChances {
  readonly #model: Model
  readonly #vocabulary: Vocabulary
  readonly #transitions: Float32Array
  #sums = new Float32Array(0)
  /** Per word and label, the chance of it. */
  chances = new Float32Array(0)
  #forward = new Float64Array(0)
  readonly #backward = new Float64Array(labelCount)
  readonly #next = new Float64Array(labelCount)
  readonly #features = new FeatureList()
  readonly #window: Window

  constructor(model: Model, vocabulary: Vocabulary) {
    this.#model = model
    this.#vocabulary = vocabulary
    this.#transitions = model.transitions.map((score) => Math.exp(score))
    const edge = vocabulary.newline
    this.#window = { before2: edge, before: edge, word: edge, after: edge, after2: edge }
  }

  compute(block: Block): void {
    const size = block.length * labelCount
    if (this.#sums.length < size) {
      this.#sums = new Float32Array(size * 2)
      this.chances = new Float32Array(size * 2)
      this.#forward = new Float64Array(size * 2)
    }
    for (let index = 0; index < block.length; index += 1) this.#score(block, index)
    for (let start = 0; start < block.length; ) {
      if (this.#isOutside(start)) {
        this.#markOutside(start)
        start += 1
        continue
      }
      let end = start + 1
      while (end < block.length && !this.#isOutside(end)) end += 1
      this.#passForward(start, end)
      this.#passBackward(start, end)
      start = end
    }
  }

  /** The sums of weights of a word's labels; the first label, outside, has none. */
  #score(block: Block, index: number): void {
    const sums = this.#sums
    const { scale } = this.#model.weights
    const at = index * labelCount
    const window = this.#window
    block.fillWindow(index, window, this.#vocabulary.newline)
    const own = this.#sumsOf(window.word)
    if (window.word.isPlain && best(own, ownSums) * scale < neverInside) {
      sums.fill(certainlyOutside, at + 1, at + labelCount)
      return
    }
    const before2 = this.#sumsOf(window.before2)
    const before = this.#sumsOf(window.before)
    const after = this.#sumsOf(window.after)
    const after2 = this.#sumsOf(window.after2)
    sums[at] = 0
    for (let label = 0; label < weightedLabels; label += 1) {
      sums[at + 1 + label] =
        (own[ownSums + label] ?? 0) +
        (before2[label] ?? 0) +
        (before[weightedLabels + label] ?? 0) +
        (after[weightedLabels * 3 + label] ?? 0) +
        (after2[weightedLabels * 4 + label] ?? 0)
    }
    const place = block.places[index]
    if (!window.word.isPlain && place && best(sums, at + 1) * scale > neverInside) this.#addWindow(window, place, at)
    for (let label = 1; label < labelCount; label += 1) sums[at + label] = (sums[at + label] ?? 0) * scale
  }

  #addWindow(window: Window, place: Place, at: number): void {
    const features = this.#features
    features.count = 0
    windowFeatures(window, place, features)
    for (let feature = 0; feature < features.count; feature += 1) {
      this.#model.weights.addTo(this.#sums, at + 1, features.hashes[feature] ?? 0)
    }
  }

  /** Per place from two after the word to two before it, and per label. */
  #sumsOf(word: Word): Float32Array {
    if (word.sums) return word.sums
    const made = new Float32Array(weightedLabels * 5)
    for (let offset = -2; offset <= 2; offset += 1) {
      const features = this.#features
      features.count = 0
      wordFeatures(word, offset, features)
      for (let feature = 0; feature < features.count; feature += 1) {
        this.#model.weights.addTo(made, (offset + 2) * weightedLabels, features.hashes[feature] ?? 0)
      }
    }
    word.sums = made
    return made
  }

  #isOutside(index: number): boolean {
    const at = index * labelCount
    for (let label = 1; label < labelCount; label += 1)
      if ((this.#sums[at + label] ?? 0) > certainlyOutside) return false
    return true
  }

  #markOutside(index: number): void {
    const at = index * labelCount
    this.chances.fill(0, at, at + labelCount)
    this.chances[at] = 1
  }

  #passForward(start: number, end: number): void {
    const { forward, sums, transitions } = { forward: this.#forward, sums: this.#sums, transitions: this.#transitions }
    for (let index = start; index < end; index += 1) {
      const at = index * labelCount
      let total = 0
      for (let label = 0; label < labelCount; label += 1) {
        let reach = 0
        if (index === start) reach = transitions[(start === 0 ? labelCount : 0) * labelCount + label] ?? 0
        else {
          for (let previous = 0; previous < labelCount; previous += 1) {
            reach += (forward[at - labelCount + previous] ?? 0) * (transitions[previous * labelCount + label] ?? 0)
          }
        }
        // From here on the sum itself is not needed any more, and its exponential is once again on the way back.
        const odds = Math.exp(sums[at + label] ?? 0)
        sums[at + label] = odds
        const chance = reach * odds
        forward[at + label] = chance
        total += chance
      }
      for (let label = 0; label < labelCount; label += 1) forward[at + label] = (forward[at + label] ?? 0) / total
    }
  }

  #passBackward(start: number, end: number): void {
    const { forward, sums, transitions } = { forward: this.#forward, sums: this.#sums, transitions: this.#transitions }
    const backward = this.#backward
    // What follows the stretch is outside, or nothing.
    for (let label = 0; label < labelCount; label += 1) backward[label] = transitions[label * labelCount] ?? 0
    for (let index = end - 1; index >= start; index -= 1) {
      const at = index * labelCount
      let total = 0
      for (let label = 0; label < labelCount; label += 1) total += (forward[at + label] ?? 0) * (backward[label] ?? 0)
      for (let label = 0; label < labelCount; label += 1) {
        this.chances[at + label] = ((forward[at + label] ?? 0) * (backward[label] ?? 0)) / total
      }
      this.#stepBack(at, sums, transitions)
    }
  }

  #stepBack(at: number, sums: Float32Array, transitions: Float32Array): void {
    const backward = this.#backward
    const next = this.#next
    let total = 0
    for (let label = 0; label < labelCount; label += 1) {
      next[label] = (backward[label] ?? 0) * (sums[at + label] ?? 0)
      total += next[label] ?? 0
    }
    for (let previous = 0; previous < labelCount; previous += 1) {
      let sum = 0
      for (let label = 0; label < labelCount; label += 1) {
        sum += (transitions[previous * labelCount + label] ?? 0) * (next[label] ?? 0)
      }
      backward[previous] = sum / total
    }
  }
}

function best(sums: Float32Array, from: number): number {
  let largest = sums[from] ?? 0
  for (let label = 1; label < weightedLabels; label += 1) {
    const sum = sums[from + label] ?? 0
    if (sum > largest) largest = sum
  }
  return largest
}
