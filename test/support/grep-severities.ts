import { countWithGrep } from '../../examples/demo/grep-counts.ts'
import { severityPatterns } from '../../src/sandbox/severity.ts'

/** Lines of a log by the most severe class that each has a word of, as grep counts them. */
export async function countSeverities(file: string): Promise<Record<string, number>> {
  const totals = (await countWithGrep([file])).slice(1).map(({ total }) => total)
  // grep counts each class with those above it.
  const names = Object.keys(severityPatterns)
  return Object.fromEntries(names.map((name, index) => [name, (totals[index] ?? 0) - (totals[index - 1] ?? 0)]))
}
