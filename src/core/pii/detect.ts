import { findInBlobs } from './encoded-blobs.ts'
import type { Entity } from './entities.ts'
import { normalize, toOriginal } from './normalize.ts'
import type { Finding } from './recognizer.ts'
import { recognizers, taggers } from './registry.ts'
import type { Scan } from './scan.ts'

/** Which entities to look for; all of them if nothing is said. */
type Wanted = ReadonlySet<Entity> | null

/** Everything that is found in a text, in order and without overlaps; offsets are those of the text as it was given. */
export function detect(text: string, wanted: Wanted = null): Finding[] {
  return isShortWord(text) ? [] : detectWithin(text, wanted, 0)
}

/**
 * What is found in a value that has a name, such as a field of a form. The name counts as words before the value:
 * `4155552671` is a phone number under `phone` and perhaps nothing elsewhere.
 */
export function detectNamed(name: string, value: string, wanted: Wanted = null): Finding[] {
  if (name === '' || value.length > longestNamedValue) return detect(value, wanted)
  if (isShortWord(value) && !tellsOfWords.test(name)) return []
  const lead = leadOf(name)
  return detectWithin(lead + value, wanted, 0).flatMap((finding) =>
    finding.end <= lead.length
      ? []
      : [{ ...finding, start: Math.max(0, finding.start - lead.length), end: finding.end - lead.length }],
  )
}

/** Longer ones speak for themselves. */
const longestNamedValue = 80
/** A name is read again with each value of a list, so a name without end would make reading quadratic. */
const longestName = 40
/** Bodies are full of keys and values such as `user` and `max_tokens`. A name has capitals, a password a name before it. */
const shortWord = /^[a-z_]{0,14}$/
/** Names of fields whose value may be any word. */
const tellsOfWords = /pass|pwd|secret|token|key|credential|user|login|account|name|nick|author|owner|phrase|pin/i

function isShortWord(text: string): boolean {
  return text.length <= 14 && shortWord.test(text)
}

/** `dateOfBirth` and `date_of_birth` are also read as the words that they are made of. */
function leadOf(name: string): string {
  const short = name.slice(-longestName)
  const words = short.replace(/(?<=[a-z0-9])(?=[A-Z])/g, ' ').replace(/[_.-]+/g, ' ')
  return words === short ? `${short}: ` : `${short} ${words}: `
}

/** A text in base64 may hold a text in base64. */
const deepest = 2

function detectWithin(original: string, wanted: Wanted, depth: number): Finding[] {
  const { scan, layers } = normalize(original)
  const findings = findAll(scan, wanted)
  if (depth < deepest) {
    for (const finding of findInBlobs(scan.text, (decoded) => detectWithin(decoded, wanted, depth + 1)))
      findings.push(finding)
  }
  const joined = joinOverlaps(findings)
  return layers.length === 0 ? joined : toOriginal(original, layers, joined)
}

/**
 * What is not wanted goes before overlaps are joined: a finding that is wanted must not lose its name to one that is
 * not.
 */
function findAll(scan: Scan, wanted: Wanted): Finding[] {
  const findings: Finding[] = []
  for (const recognizer of recognizers) {
    if (wanted && !wanted.has(recognizer.entity)) continue
    // One by one: a log may hold more addresses than a call takes arguments.
    for (const finding of recognizer.find(scan)) findings.push(finding)
  }
  for (const tagger of taggers) {
    if (wanted && !tagger.entities.some((entity) => wanted.has(entity))) continue
    for (const finding of tagger.find(scan)) if (!wanted || wanted.has(finding.entity)) findings.push(finding)
  }
  return findings
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
