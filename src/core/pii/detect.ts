import { fold } from './fold.ts'
import type { Finding } from './recognizer.ts'
import { recognizers } from './registry.ts'
import { Scan } from './scan.ts'

/** Everything that the recognizers find in a text, in order and without overlaps. */
export function detect(text: string): Finding[] {
  if (shortWord.test(text)) return []
  const folded = fold(text)
  if (!folded) return joinOverlaps(findAll(text))
  const { offsets } = folded
  const findings = findAll(folded.text).map((finding) => ({
    ...finding,
    start: offsets[finding.start] ?? 0,
    end: (offsets[finding.end - 1] ?? 0) + 1,
  }))
  return joinOverlaps(findings)
}

/** No finding is this short and without a digit or a sign; bodies are full of such keys and values. */
const shortWord = /^[A-Za-z_ -]{0,14}$/

/**
 * What is found in a value that has a name, such as a field of a form. The name counts as words before the value:
 * `4155552671` is a phone number under `phone` and perhaps nothing elsewhere.
 */
export function detectNamed(name: string, value: string): Finding[] {
  if (name === '' || value.length > longestNamedValue || shortWord.test(value)) return detect(value)
  const lead = `${name.slice(-longestName)}: `
  return detect(lead + value).flatMap((finding) =>
    finding.end <= lead.length
      ? []
      : [{ ...finding, start: Math.max(0, finding.start - lead.length), end: finding.end - lead.length }],
  )
}

/** Longer ones speak for themselves. */
const longestNamedValue = 80
/** A name is read again with each value of a list, so a name without end would make reading quadratic. */
const longestName = 40

function findAll(text: string): Finding[] {
  const scan = new Scan(text)
  return recognizers.flatMap((recognizer) => recognizer.find(scan))
}

/**
 * Makes one finding of those that overlap, over their whole range, named after the surest and then the longest. None is
 * ever dropped: dropping the shorter of two would leave its tail in the text, and an address that ends in a digit once
 * hid the card number after it.
 */
export function joinOverlaps(findings: readonly Finding[]): Finding[] {
  if (findings.length < 2) return [...findings]
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
