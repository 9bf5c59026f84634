import { readFileSync } from 'node:fs'
import { Lexicon } from './lexicon.ts'
import { fingerprintOf } from './word-hash.ts'

/** What a word is in a text; a name of several words is a `begin` and `inside`s. */
export const labels = ['O', 'B-PERSON', 'I-PERSON', 'B-LOCATION', 'I-LOCATION', 'B-ORG', 'I-ORG'] as const
export const labelCount = labels.length
/** `O` has no weights: only the distance to it matters. */
export const weightedLabels = labelCount - 1

/** A trained model, as `bench/pii/train-names.ts` writes it. */
export interface Model {
  readonly lexicon: Lexicon
  /** From a label (row) to the next (column), and from the start of a text (last row). */
  readonly transitions: Float32Array
  readonly weights: FeatureWeights
}

/** Weights of features by their hashes, eight bits each: open addressing, a fingerprint beside each row. */
export class FeatureWeights {
  readonly fingerprints: Uint16Array
  readonly values: Int8Array
  /** What one unit of a value is worth. */
  readonly scale: number
  readonly #mask: number

  constructor(fingerprints: Uint16Array, values: Int8Array, scale: number) {
    this.fingerprints = fingerprints
    this.values = values
    this.scale = scale
    this.#mask = fingerprints.length - 1
  }

  /** Adds a feature's weights, in units of `scale`, to the sums of the labels from `at` on. */
  addTo(sums: Float32Array, at: number, hash: number): void {
    const fingerprint = fingerprintOf(hash)
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const found = this.fingerprints[slot] ?? 0
      if (found === 0) return
      if (found !== fingerprint) continue
      const row = slot * weightedLabels
      for (let label = 0; label < weightedLabels; label += 1) {
        sums[at + label] = (sums[at + label] ?? 0) + (this.values[row + label] ?? 0)
      }
      return
    }
  }
}

const magic = 0x534c4e31
const headerWords = 4
const transitionCount = (labelCount + 1) * labelCount

/** The model as bytes: a header, the transitions, the lexicon, the fingerprints, the values. Little endian. */
export function writeModel({ lexicon, transitions, weights }: Model): Uint8Array {
  const header = new Uint32Array([magic, lexicon.entries.length, weights.fingerprints.length, 0])
  new Float32Array(header.buffer)[3] = weights.scale
  const parts = [header, transitions, lexicon.entries, weights.fingerprints, weights.values]
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at)
    at += part.byteLength
  }
  return bytes
}

/** Throws if the bytes are no model of this version: masking without it would let every name through. */
export function readModel(bytes: Uint8Array): Model {
  // A copy, because a view needs its start at a multiple of four.
  const buffer = Uint8Array.from(bytes).buffer
  if (buffer.byteLength < headerWords * 4) throw new Error('The names model is cut off.')
  const header = new Uint32Array(buffer, 0, headerWords)
  const [found, lexiconSize = 0, weightSize = 0] = header
  const scale = new Float32Array(buffer, 12, 1)[0] ?? 0
  const transitionsAt = headerWords * 4
  const lexiconAt = transitionsAt + transitionCount * 4
  const fingerprintsAt = lexiconAt + lexiconSize * 4
  const valuesAt = fingerprintsAt + weightSize * 2
  if (found !== magic || buffer.byteLength !== valuesAt + weightSize * weightedLabels) {
    throw new Error('The names model does not fit this version.')
  }
  return {
    lexicon: new Lexicon(new Uint32Array(buffer, lexiconAt, lexiconSize)),
    transitions: new Float32Array(buffer, transitionsAt, transitionCount),
    weights: new FeatureWeights(
      new Uint16Array(buffer, fingerprintsAt, weightSize),
      new Int8Array(buffer, valuesAt, weightSize * weightedLabels),
      scale,
    ),
  }
}

let loaded: Model | null = null

/** The model beside this module; read when the first text is looked at, then kept. */
export function loadModel(): Model {
  loaded ??= readModel(readFileSync(new URL('./model.bin', import.meta.url)))
  return loaded
}
