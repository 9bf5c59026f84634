import type { Run, Scan } from '../scan.ts'
import type { WordSet } from '../word-set.ts'

/** Where the words of a set stand, one by one. */
export function* hitsOf(scan: Scan, set: WordSet): Generator<Run> {
  const { starts, ends } = scan.hits(set)
  for (const [index, start] of starts.entries()) yield { start, end: ends[index] ?? start }
}
