/**
 * A number above 0 and below 1 that looks like chance and is always the same for the same words: a job that is decided
 * upon twice is drawn the same way. FNV-1a, with the last mixing step of MurmurHash3 so that near names lie far apart.
 */
export function drawFor(seed: string, name: string): number {
  let hash = 0x811c9dc5
  for (const text of [seed, '\0', name]) {
    for (let index = 0; index < text.length; index++) {
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
    }
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  hash ^= hash >>> 16
  return ((hash >>> 0) + 0.5) / 0x1_0000_0000
}

/**
 * A place in a weighted shuffle, the lowest first: with weights 95 and 5, the first one comes first for 95 of 100 seeds.
 * A weight of 0 comes last.
 */
export function weightedPlace(seed: string, name: string, weight: number): number {
  return weight === 0 ? Number.POSITIVE_INFINITY : -Math.log(drawFor(seed, name)) / weight
}
