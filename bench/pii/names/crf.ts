/** Trains the weights of a conditional random field by stochastic gradients, with AdaGrad's step sizes. */
import { labelCount, weightedLabels } from '../../../src/core/pii/names/model.ts'

/** The features of each word as places in the weight table, and its label. */
export interface LabelledSequence {
  readonly features: readonly Uint32Array[]
  readonly labels: Uint8Array
  readonly weight: number
}

/** So large that features hardly ever share a place. */
const tableBits = 21
export const tableSize = 1 << tableBits

export interface CrfOptions {
  readonly rate: number
  /** How much dearer it is to miss a name than to see one where none is. */
  readonly missCost: number
  readonly decay: number
}

export interface CrfWeights {
  readonly weights: Float32Array
  readonly transitions: Float32Array
}

export class Crf implements CrfWeights {
  readonly weights = new Float32Array(tableSize * weightedLabels)
  readonly #squares = new Float32Array(tableSize * weightedLabels)
  readonly transitions = new Float32Array((labelCount + 1) * labelCount)
  readonly #transitionSquares = new Float32Array((labelCount + 1) * labelCount)
  readonly #options: CrfOptions
  #scores = new Float64Array(0)
  #forward = new Float64Array(0)
  #backward = new Float64Array(0)

  constructor(options: CrfOptions) {
    this.#options = options
    for (let from = 0; from <= labelCount; from += 1) {
      for (let to = 2; to < labelCount; to += 2) {
        // A name can't go on that has not begun.
        if (from !== to && from !== to - 1) this.transitions[from * labelCount + to] = -12
      }
    }
  }

  readonly #sumOfWeights = new Float32Array(tableSize * weightedLabels)
  readonly #sumOfTransitions = new Float32Array((labelCount + 1) * labelCount)
  #summed = 0

  /** Notes the weights of now for the average: what single texts did to them last evens out. */
  note(): void {
    for (let at = 0; at < this.weights.length; at += 1) {
      this.#sumOfWeights[at] = (this.#sumOfWeights[at] ?? 0) + (this.weights[at] ?? 0)
    }
    for (let at = 0; at < this.transitions.length; at += 1) {
      this.#sumOfTransitions[at] = (this.#sumOfTransitions[at] ?? 0) + (this.transitions[at] ?? 0)
    }
    this.#summed += 1
  }

  /** Forgets all features but those. */
  keepOnly(allowed: Uint8Array): void {
    for (let feature = 0; feature < tableSize; feature += 1) {
      if (allowed[feature] !== 1) this.weights.fill(0, feature * weightedLabels, (feature + 1) * weightedLabels)
    }
  }

  /** The averages of what was noted. */
  average(): CrfWeights {
    return {
      weights: this.#sumOfWeights.map((sum) => sum / this.#summed),
      transitions: this.#sumOfTransitions.map((sum) => sum / this.#summed),
    }
  }

  /** One step towards the labels of a sequence. */
  learn(sequence: LabelledSequence): void {
    const { labels, features } = sequence
    const { length } = labels
    if (length === 0) return
    this.#reserve(length)
    const scores = this.#scores
    for (let index = 0; index < length; index += 1) {
      const at = index * labelCount
      scores.fill(0, at, at + labelCount)
      for (const feature of features[index] ?? []) {
        for (let label = 0; label < weightedLabels; label += 1) {
          scores[at + 1 + label] = (scores[at + 1 + label] ?? 0) + (this.weights[feature * weightedLabels + label] ?? 0)
        }
      }
      // The answer "no name" must win by a margin where there is none to miss, and lose by one where there is.
      if (labels[index] !== 0) scores[at] = (scores[at] ?? 0) + this.#options.missCost
    }
    this.#runChain(length)
    this.#step(sequence)
  }

  #reserve(length: number): void {
    const size = length * labelCount
    if (this.#scores.length >= size) return
    this.#scores = new Float64Array(size)
    this.#forward = new Float64Array(size)
    this.#backward = new Float64Array(size)
  }

  #runChain(length: number): void {
    const forward = this.#forward
    const backward = this.#backward
    const scores = this.#scores
    const moves = this.transitions.map((score) => Math.exp(score))
    for (let index = 0; index < length; index += 1) {
      const at = index * labelCount
      let total = 0
      for (let label = 0; label < labelCount; label += 1) {
        let reach = 0
        if (index === 0) reach = moves[labelCount * labelCount + label] ?? 0
        else {
          for (let previous = 0; previous < labelCount; previous += 1) {
            reach += (forward[at - labelCount + previous] ?? 0) * (moves[previous * labelCount + label] ?? 0)
          }
        }
        forward[at + label] = reach * Math.exp(Math.min(50, scores[at + label] ?? 0))
        total += forward[at + label] ?? 0
      }
      for (let label = 0; label < labelCount; label += 1) forward[at + label] = (forward[at + label] ?? 0) / total
    }
    for (let index = length - 1; index >= 0; index -= 1) {
      const at = index * labelCount
      let total = 0
      for (let label = 0; label < labelCount; label += 1) {
        let reach = 0
        if (index === length - 1) reach = 1
        else {
          for (let next = 0; next < labelCount; next += 1) {
            const score = Math.exp(Math.min(50, scores[at + labelCount + next] ?? 0))
            reach += (moves[label * labelCount + next] ?? 0) * score * (backward[at + labelCount + next] ?? 0)
          }
        }
        backward[at + label] = reach
        total += reach
      }
      for (let label = 0; label < labelCount; label += 1) backward[at + label] = (backward[at + label] ?? 0) / total
    }
  }

  #step({ features, labels, weight }: LabelledSequence): void {
    const { rate, decay } = this.#options
    const gradient = new Float64Array(labelCount)
    for (let index = 0; index < labels.length; index += 1) {
      const at = index * labelCount
      let total = 0
      for (let label = 0; label < labelCount; label += 1) {
        gradient[label] = (this.#forward[at + label] ?? 0) * (this.#backward[at + label] ?? 0)
        total += gradient[label] ?? 0
      }
      const gold = labels[index] ?? 0
      let largest = 0
      for (let label = 0; label < labelCount; label += 1) {
        gradient[label] = (label === gold ? 1 : 0) - (gradient[label] ?? 0) / total
        largest = Math.max(largest, Math.abs(gradient[label] ?? 0))
      }
      if (largest < 0.02) continue
      for (const feature of features[index] ?? []) this.#stepFeature(feature, gradient, rate * weight, decay)
      this.#stepTransitions(index, labels, rate)
    }
  }

  #stepFeature(feature: number, gradient: Float64Array, rate: number, decay: number): void {
    const row = feature * weightedLabels
    for (let label = 0; label < weightedLabels; label += 1) {
      const at = row + label
      const value = this.weights[at] ?? 0
      const slope = (gradient[label + 1] ?? 0) - decay * value
      const square = (this.#squares[at] ?? 0) + slope * slope
      this.#squares[at] = square
      this.weights[at] = value + (rate * slope) / Math.sqrt(square + 1e-3)
    }
  }

  #stepTransitions(index: number, labels: Uint8Array, rate: number): void {
    const at = index * labelCount
    const gold = labels[index] ?? 0
    if (index === 0) {
      this.#stepTransition(labelCount * labelCount + gold, 1 - this.#chance(at + gold), rate)
      return
    }
    const pairs = new Float64Array(labelCount * labelCount)
    let total = 0
    for (let previous = 0; previous < labelCount; previous += 1) {
      for (let label = 0; label < labelCount; label += 1) {
        const move = Math.exp((this.transitions[previous * labelCount + label] ?? 0) + (this.#scores[at + label] ?? 0))
        const pair = (this.#forward[at - labelCount + previous] ?? 0) * move * (this.#backward[at + label] ?? 0)
        pairs[previous * labelCount + label] = pair
        total += pair
      }
    }
    const known = (labels[index - 1] ?? 0) * labelCount + gold
    for (let pair = 0; pair < pairs.length; pair += 1) {
      this.#stepTransition(pair, (pair === known ? 1 : 0) - (pairs[pair] ?? 0) / total, rate)
    }
  }

  #chance(at: number): number {
    return (this.#forward[at] ?? 0) * (this.#backward[at] ?? 0)
  }

  #stepTransition(at: number, slope: number, rate: number): void {
    if ((this.transitions[at] ?? 0) < -10) return
    const square = (this.#transitionSquares[at] ?? 0) + slope * slope
    this.#transitionSquares[at] = square
    this.transitions[at] = (this.transitions[at] ?? 0) + (rate * slope) / Math.sqrt(square + 1)
  }
}
