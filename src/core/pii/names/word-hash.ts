/** Hashes of words and of features. Training and use must agree on every bit, so both call these. */

/** FNV-1a over UTF-16 units, then mixed: the low bits choose a slot. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return finish(hash)
}

/** One feature: the number of its template and two values. */
export function hashPair(template: number, left: number, right: number): number {
  let hash = Math.imul(left ^ Math.imul(template + 1, 0x9e3779b1), 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash + right, 0xc2b2ae35)
  return finish(hash)
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** What tells entries of a table apart that start to look at the same slot; never 0, which marks an empty slot. */
export function fingerprintOf(hash: number): number {
  return (hash >>> 17) + 1
}
