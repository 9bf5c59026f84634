/**
 * Turns offsets that count Unicode code points, as Python does, into UTF-16 offsets of the same text. Ask in any order;
 * offsets past the end are those of the end.
 */
export function createOffsetConverter(text: string): (codePoints: number) => number {
  const pairs = findPairs(text)
  if (pairs.length === 0) return (codePoints) => Math.min(codePoints, text.length)
  return (codePoints) => Math.min(codePoints + countBefore(pairs, codePoints), text.length)
}

/** Where surrogate pairs stand, in code points. */
function findPairs(text: string): number[] {
  const pairs: number[] = []
  for (const { index } of text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) pairs.push(index - pairs.length)
  return pairs
}

function countBefore(sorted: readonly number[], limit: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) < limit) low = middle + 1
    else high = middle
  }
  return low
}
