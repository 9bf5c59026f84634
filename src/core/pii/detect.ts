import type { Finding } from './recognizer.ts'
import { recognizers } from './registry.ts'

/** Everything that the recognizers find in a text, in order and without overlaps. */
export function detect(text: string): Finding[] {
  return joinOverlaps(recognizers.flatMap((recognizer) => recognizer.find(text)))
}

/**
 * Makes one finding of those that overlap, over their whole range, named after the surest and then the longest. None is
 * ever dropped: dropping the shorter of two would leave its tail in the text, and an address that ends in a digit once
 * hid the card number after it.
 */
function joinOverlaps(findings: readonly Finding[]): Finding[] {
  const joined: Finding[] = []
  let best: Finding | null = null
  for (const finding of [...findings].sort((left, right) => left.start - right.start || right.end - left.end)) {
    const last = joined.at(-1)
    if (!last || !best || finding.start >= last.end) {
      joined.push(finding)
      best = finding
      continue
    }
    if (isSurer(finding, best)) best = finding
    const { entity, score } = best
    joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, finding.end), entity, score }
  }
  return joined
}

function isSurer(left: Finding, right: Finding): boolean {
  if (left.score !== right.score) return left.score > right.score
  return left.end - left.start > right.end - right.start
}
