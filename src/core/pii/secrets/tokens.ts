import type { Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'

// JSON Web Tokens (RFC 7519): header and payload start with `{"` in base64url, so the payload is looked for, and the
// header behind it. A header alone is told by what nearly all begin with: `{"alg":`, `{"typ":`, `{"kid":`, `{"enc":`.
const payloads = wordSet(['.eyj'], { whole: false })
const payload = /(?<=(?<before>eyJ[\w-]{5,2000}))\.eyJ[\w-]{4,8000}(?:\.[\w-]{0,1400}){0,3}/y
const headers = wordSet(['eyjhbgci', 'eyjhbgc', 'eyj0exai', 'eyjrawqi', 'eyjlbmmi'], { whole: false })
const header = /eyJ(?:hbGc|0eXA|raWQ|lbmM)[\w-]{0,2000}(?:\.[\w-]{0,2000}){0,4}(?:\.{2})?/y

/** JSON Web Tokens, whole or cut off. */
export function findJsonWebTokens(scan: Scan): Finding[] {
  const { text } = scan
  const findings: Finding[] = []
  let done = 0
  for (const at of scan.hits(payloads).starts) {
    payload.lastIndex = at
    const match = at < done ? null : payload.exec(text)
    if (!match) continue
    done = payload.lastIndex
    findings.push({ start: at - (match.groups?.before?.length ?? 0), end: done, entity: 'SECRET', score: 0.98 })
  }
  let cut = 0
  for (const at of scan.hits(headers).starts) {
    header.lastIndex = at
    if (at < cut || !header.test(text)) continue
    cut = header.lastIndex
    findings.push({ start: at, end: cut, entity: 'SECRET', score: 0.9 })
  }
  return findings
}
