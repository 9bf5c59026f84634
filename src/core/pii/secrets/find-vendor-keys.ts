import type { Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'
import { type AssignedValue, ReadingLimit, readAssigned, readValue } from './assigned-value.ts'
import { bitsPerSign, isPlaceholder } from './randomness.ts'
import { vendors } from './vendors.ts'

const shapes = new Map(vendors.map(([name, shape]) => [name, new RegExp(`^(?:${shape.source})$`, 'i')]))
const names = wordSet([...shapes.keys()], { whole: false })
/** What is left of the name of a variable, up to the sign. */
const restOfName =
  /[\w.-]{0,40}(?: (?:api|client|app|access|auth|secret|personal|cloud|user|bot)[\w-]{0,20}){0,3}(?: ?(?:id|key|token|secret)\b){0,2}/iy

/** Keys that only the name of their issuer tells from any other code. */
export function findVendorKeys(scan: Scan): Finding[] {
  const { text } = scan
  const { starts, ends } = scan.hits(names)
  const findings: Finding[] = []
  const limit = new ReadingLimit()
  for (const [index, start] of starts.entries()) {
    if (!limit.allows(start)) continue
    const end = ends[index] ?? start
    const name = text.slice(start, end)
    const shape = isWritten(name) ? shapes.get(name.toLowerCase()) : undefined
    const assigned = shape ? readAfter(text, end) : null
    if (assigned) limit.note(assigned.end)
    if (!assigned || !shape?.test(assigned.value) || !isKey(assigned.value)) continue
    findings.push({ start: assigned.start, end: assigned.end, entity: 'SECRET', score: 0.95 })
  }
  return findings
}

/** `okta`, `Okta` or `OKTA`; a name across two words, as in `bookTable`, is none. */
function isWritten(name: string): boolean {
  const rest = name.slice(1)
  return rest === rest.toLowerCase() || name === name.toUpperCase()
}

function readAfter(text: string, from: number): AssignedValue | null {
  restOfName.lastIndex = from
  restOfName.test(text)
  const end = restOfName.lastIndex
  const assigned = readAssigned(text, end)
  if (assigned) return assigned
  return text[end] === ' ' ? readValue(text, end + 1) : null
}

function isKey(value: string): boolean {
  if (isPlaceholder(value) || !/\d/.test(value)) return false
  return bitsPerSign(value) >= (value.length < 20 ? 2.2 : 3)
}
