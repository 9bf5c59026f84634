import type { Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'
import { ReadingLimit } from './assigned-value.ts'
import { isPlaceholder, looksGenerated, looksVaried } from './randomness.ts'

const authorization = wordSet(['authorization', 'http_authorization', 'x-authorization'])
/** RFC 9110, 11.6.2: a scheme, and a token or parameters. */
const credentials =
  /["'`\])\\]{0,3}[ \t]{0,4}(?:[:=>,]){1,2}[ \t]{0,4}\\?["'`]?(?:(?<scheme>[A-Za-z][\w-]{2,24})[ \t]{1,4})?(?<key>[^\s"'`\\<>;]{6,8000})/y
/** Schemes whose parameters are all over the rest of the line. */
const parameters = /^(?:digest|oauth|hawk|aws4-hmac-sha256|signature|mac)$/i
const restOfLine = /[^\n'\\]{8,2000}/y

const bearers = wordSet(['bearer'])
const bearer = / {1,4}(?<key>(?=[A-Za-z._~+/-]{0,200}\d)[\w.~+/-]{20,8000}={0,2})/y
const basics = wordSet(['basic'])
const basic = / {1,2}(?<key>[A-Za-z0-9+/]{8,512}={0,2})/y

const cookies = wordSet(['cookie', 'set-cookie', 'cookies', 'http_cookie'])
const cookieSign = /["'`\])\\]{0,3}[ \t]{0,4}[:=>,]{1,2}[ \t]{0,4}\\?["'`]?/y
const cookie = /[ \t]{0,4}(?<name>[\w.%-]{1,80})=(?<value>[^;\s"'`,]{0,4096})(?:; ?|$)?/y
const cookieAttribute = /^(?:path|domain|expires|max-age|samesite|version|comment|priority|secure|httponly)$/i
const mostCookies = 100

/** What the headers of a request or an answer carry to open doors: `Authorization`, `Cookie`, `Set-Cookie`. */
export function findInHeaders(scan: Scan): Finding[] {
  return [...findAuthorizations(scan), ...findSchemes(scan), ...findCookies(scan)]
}

const toFinding = (start: number, end: number, score: number): Finding => ({ start, end, entity: 'SECRET', score })

function findAuthorizations(scan: Scan): Finding[] {
  const { text } = scan
  const findings: Finding[] = []
  for (const from of scan.hits(authorization).ends) {
    credentials.lastIndex = from
    const { scheme = '', key } = credentials.exec(text)?.groups ?? {}
    if (key === undefined) continue
    const end = credentials.lastIndex
    const start = end - key.length
    if (isPlaceholder(key)) continue
    if (parameters.test(scheme)) {
      restOfLine.lastIndex = start
      if (restOfLine.test(text)) findings.push(toFinding(start, restOfLine.lastIndex, 0.85))
    } else if (scheme === '' ? looksGenerated(key) : looksVaried(key)) findings.push(toFinding(start, end, 0.95))
  }
  return findings
}

function findSchemes(scan: Scan): Finding[] {
  const { text } = scan
  const findings: Finding[] = []
  for (const from of scan.hits(bearers).ends) {
    bearer.lastIndex = from
    const key = bearer.exec(text)?.groups?.key
    if (key === undefined || isPlaceholder(key)) continue
    findings.push(toFinding(bearer.lastIndex - key.length, bearer.lastIndex, 0.98))
  }
  for (const from of scan.hits(basics).ends) {
    basic.lastIndex = from
    const key = basic.exec(text)?.groups?.key
    // RFC 7617: a name, a colon and a password in base64.
    if (
      key === undefined ||
      !/^[\x20-\x39\x3b-\x7e]+:[\x20-\x7e]+$/.test(Buffer.from(key, 'base64').toString('latin1'))
    )
      continue
    findings.push(toFinding(basic.lastIndex - key.length, basic.lastIndex, 0.95))
  }
  return findings
}

function findCookies(scan: Scan): Finding[] {
  const { text } = scan
  const findings: Finding[] = []
  const limit = new ReadingLimit()
  for (const from of scan.hits(cookies).ends) {
    cookieSign.lastIndex = from
    if (!limit.allows(from) || !cookieSign.test(text)) continue
    let at = cookieSign.lastIndex
    for (let count = 0; count < mostCookies; count += 1) {
      cookie.lastIndex = at
      const match = cookie.exec(text)
      if (!match) break
      at = cookie.lastIndex
      const { name = '', value = '' } = match.groups ?? {}
      const start = match.index + match[0].indexOf('=') + 1
      if (value.length >= 6 && !cookieAttribute.test(name) && !isPlaceholder(value))
        findings.push(toFinding(start, start + value.length, 0.85))
      if (!match[0].endsWith(';') && !match[0].endsWith('; ')) break
    }
    limit.note(at)
  }
  return findings
}
