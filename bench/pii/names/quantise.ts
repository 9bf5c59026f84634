import { FeatureWeights, labelCount, type Model, weightedLabels } from '../../../src/core/pii/names/model.ts'
import { fingerprintOf } from '../../../src/core/pii/names/word-hash.ts'
import { type CrfWeights, tableSize } from './crf.ts'

/** How full the table of weights gets: the fuller, the longer each look takes. */
const filling = 0.85

/** The features that weigh most, as many as fit, heaviest first. */
export function chooseFeatures({ weights }: CrfWeights, slots: number): number[] {
  const sizes = new Float32Array(tableSize)
  const used: number[] = []
  for (let feature = 0; feature < tableSize; feature += 1) {
    for (let label = 0; label < weightedLabels; label += 1) {
      sizes[feature] = Math.max(sizes[feature] ?? 0, Math.abs(weights[feature * weightedLabels + label] ?? 0))
    }
    if ((sizes[feature] ?? 0) > 0.02) used.push(feature)
  }
  used.sort((left, right) => (sizes[right] ?? 0) - (sizes[left] ?? 0))
  return used.slice(0, Math.floor(slots * filling))
}

/** Keeps the features that weigh most, in eight bits a weight. */
export function quantise(crf: CrfWeights, slots: number, hashes: Uint32Array): Pick<Model, 'transitions' | 'weights'> {
  const kept = chooseFeatures(crf, slots)
  const sizeOf = (feature: number) =>
    crf.weights
      .subarray(feature * weightedLabels, (feature + 1) * weightedLabels)
      .reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 0)
  // The few weights beyond are cut: they would cost the others their precision.
  const scale = sizeOf(kept[Math.floor(kept.length / 500)] ?? 0) / 127
  const fingerprints = new Uint16Array(slots)
  const values = new Int8Array(slots * weightedLabels)
  // The heaviest come first, so most of them are found at their first slot.
  for (const feature of kept) {
    const hash = hashes[feature] ?? 0
    let slot = hash & (slots - 1)
    while (fingerprints[slot] !== 0) slot = (slot + 1) & (slots - 1)
    fingerprints[slot] = fingerprintOf(hash)
    for (let label = 0; label < weightedLabels; label += 1) {
      const value = Math.round((crf.weights[feature * weightedLabels + label] ?? 0) / scale)
      values[slot * weightedLabels + label] = Math.max(-127, Math.min(127, value))
    }
  }
  return {
    transitions: crf.transitions.slice(0, (labelCount + 1) * labelCount),
    weights: new FeatureWeights(fingerprints, values, scale),
  }
}
