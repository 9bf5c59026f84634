import type { Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'
import { isPlaceholder } from './randomness.ts'

const userOptions = wordSet([' -u', '--user', '--proxy-user', ' -a '], { whole: false })
const userValue =
  /(?:=|[ \t]{0,4})(?:"(?<double>[^"\n]{3,200})"|'(?<single>[^'\n]{3,200})'|(?<bare>[^\s"':]{0,100}:(?:"[^"\n]{1,100}"|'[^'\n]{1,100}'|[^\s"']{1,100})))/y
const tools = /\b(?:curl|wget|https?|httpie|xh)\b/
/** How far back the command may start: options come in any order, over several lines. */
const longestCommand = 800
const stopWords = /^(?:["']?)(?:password|passwd|pass|token|secret|pwd|key|x+|api_token)(?:["']?)$/i

/** `curl -u user:password`. */
export function findCommandUsers(scan: Scan): Finding[] {
  const { text } = scan
  const findings: Finding[] = []
  for (const from of scan.hits(userOptions).ends) {
    userValue.lastIndex = from
    const { double, single, bare } = userValue.exec(text)?.groups ?? {}
    const value = double ?? single ?? bare
    if (value === undefined) continue
    const colon = value.indexOf(':')
    const password = value.slice(colon + 1)
    if (
      colon < 0 ||
      password.length < 3 ||
      stopWords.test(password) ||
      /[$]\{?[A-Za-z(\d]|\{\{|\[[A-Z]+\]/.test(value)
    ) {
      if (!/^[^$]{1,60}:[^${}[\]]{2,60}\$\d/.test(value)) continue
    }
    if (isPlaceholder(password) || !tools.test(text.slice(Math.max(0, from - longestCommand), from))) continue
    const end = userValue.lastIndex - (bare === undefined ? 1 : 0)
    findings.push({ start: end - value.length, end, entity: 'SECRET', score: 0.97 })
  }
  return findings
}
