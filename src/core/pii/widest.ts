import type { Finding } from './recognizer.ts'

/**
 * Makes one finding of those of one recognizer that overlap: a value is found by its form and again by the word before
 * it. In order, each over all that its parts covered, with the surest one's score.
 */
export function joinWidest(findings: readonly Finding[]): Finding[] {
  const joined: Finding[] = []
  for (const finding of [...findings].sort((left, right) => left.start - right.start || right.end - left.end)) {
    const last = joined.at(-1)
    if (!last || finding.start >= last.end) joined.push(finding)
    else {
      const end = Math.max(last.end, finding.end)
      joined[joined.length - 1] = { ...last, end, score: Math.max(last.score, finding.score) }
    }
  }
  return joined
}
