import type { Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'
import { ReadingLimit } from './assigned-value.ts'
import { type Kind, kinds } from './kinds.ts'
import { isPlaceholder, looksVaried } from './randomness.ts'

const byMark = new Map<string, Kind[]>()
for (const kind of kinds) {
  const mark = kind.mark.toLowerCase()
  byMark.set(mark, [...(byMark.get(mark) ?? []), kind])
}
const marks = wordSet([...byMark.keys()], { whole: false })

/** Keys that say by a mark of their issuer what they are. */
export function findKinds(scan: Scan): Finding[] {
  const { text } = scan
  const { starts, ends } = scan.hits(marks)
  const findings: Finding[] = []
  const limit = new ReadingLimit()
  let done = 0
  for (const [index, start] of starts.entries()) {
    if (start < done || !limit.allows(start)) continue
    for (const kind of byMark.get(text.slice(start, ends[index]).toLowerCase()) ?? []) {
      const finding = matchKind(text, start, kind, limit)
      if (!finding) {
        done = Math.max(done, kind.pattern.lastIndex - overlapOfReadings)
        continue
      }
      findings.push(finding)
      done = finding.end
      break
    }
  }
  return [...findings, ...findCodes(scan)]
}

/** What was read once and is no key is not read again from every mark in it, but near its end another may start. */
const overlapOfReadings = 300

function matchKind(
  text: string,
  at: number,
  { mark, pattern, anyBody, keyOnly }: Kind,
  limit: ReadingLimit,
): Finding | null {
  pattern.lastIndex = 0
  if (!pattern.ignoreCase && !text.startsWith(mark, at)) return null
  pattern.lastIndex = at
  const match = pattern.exec(text)
  if (!match) return null
  const end = pattern.lastIndex
  limit.note(end)
  const { key, before = '' } = match.groups ?? {}
  const value = before + (key ?? match[0].slice(before === '' ? mark.length : 0))
  if (isPlaceholder(value) || !(anyBody || looksVaried(value))) return null
  return { start: keyOnly ? end - value.length : at - before.length, end, entity: 'SECRET', score: 0.98 }
}

/** Keys of one run of letters and digits whose mark is too short to be looked for: their length is known. */
const codeShapes: ReadonlyMap<number, { shape: RegExp; rest?: RegExp }> = new Map([
  // Twilio: SID of a key and of an account.
  [34, { shape: /^(?:SK|AC)[0-9a-f]{32}$/ }],
  // Airtable: the id of a personal token, and what follows it.
  [17, { shape: /^pat[A-Za-z0-9]{14}$/, rest: /\.[a-f0-9]{64}/y }],
])

function findCodes({ text, codes }: Scan): Finding[] {
  const findings: Finding[] = []
  for (const { start, end } of codes) {
    const kind = codeShapes.get(end - start)
    if (!kind?.shape.test(text.slice(start, end))) continue
    if (!kind.rest) {
      findings.push({ start, end, entity: 'SECRET', score: 0.9 })
      continue
    }
    kind.rest.lastIndex = end
    if (kind.rest.test(text)) findings.push({ start, end: kind.rest.lastIndex, entity: 'SECRET', score: 0.95 })
  }
  return findings
}
