import { isIPv6 } from 'node:net'
import type { Finding, Recognizer } from '../recognizer.ts'
import { joinWidest } from '../widest.ts'

// No digit and no dotted number before or after: 1.2.3.4.5 is a version, not an address and a rest.
const v4 = /(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\d|\.\d)/y
const v6 = /(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:\d{0,3}(?:\.\d{1,3}){3})?(?![\w:])/iy
/**
 * What leads up to a version of four parts, in change logs and in browsers' user agents: `v1.2.3.4`, `rv:1.9.0.19`,
 * `Firefox/3.0.0.1`, `version=1.2.3.4`, `~~6.1.1.0`. A host name before a slash is not written like a product.
 */
const versionBefore =
  /(?:(?<![a-z])v|\brv:|~|\b(?:[Vv]ersions?|[Rr]elease|[Bb]uild|[Ff]irmware|[Vv]er\.?)["']?[ :=]{0,3}["']?|(?<![\w-])(?:[A-Z][A-Za-z]*[a-z]|[A-Z]{2,5})\/)$/
/** What packages and files have after their version: `4.3.2.1-5.el6`, `1.2.3.4.jar`. */
const versionAfter = /-\d{1,4}\.(?:el|fc|amzn|deb|ubuntu)|\.(?:jar|rpm|deb|tgz|tar|so|dll|whl|zip|el\d|fc\d)\b/iy
const longestIntroduction = 24

export const ipAddress: Recognizer = {
  entity: 'IP',
  examples: {
    finds: [
      '10.0.0.7',
      'from 203.0.113.9:443',
      '[2001:db8::8a2e:370:7334]:443',
      'fe80::1%eth0 up',
      '::ffff:203.0.113.9',
      'src: /10.250.19.102:54106',
      'node-7.example.com/10.10.34.11:8020',
      'dsl-059.45.101.203.example.net',
      'at 198.51.100.4.',
    ],
    ignores: [
      '1.2.3.4.5',
      '256.1.1.1',
      '10:15:43',
      'std::vector',
      'ace::bad',
      '12.34.56',
      ':: separator',
      'Firefox/3.0.0.1',
      'openssl-1.0.2.1-5.el6.x86_64',
      'release 10.0.0.1',
      'lib-1.2.3.4.jar',
      'release v1.2.3.4',
      '00:1a:2b:3c:4d:5e',
      '0:0:0:0:0:0:0:0:2181',
    ],
  },
  find({ text }) {
    const findings: Finding[] = []
    const note = (start: number, found: string) =>
      findings.push({ start, end: start + found.length, entity: 'IP', score: 0.9 })
    for (let dot = text.indexOf('.'); dot !== -1; dot = text.indexOf('.', dot + 1)) {
      if (!isDigit(text.charCodeAt(dot + 1)) || !isDigit(text.charCodeAt(dot - 1))) continue
      const start = startOfRun(text, dot, isDigit)
      v4.lastIndex = start
      const found = dot - start > 3 ? undefined : v4.exec(text)?.[0]
      if (found && isAddress(found) && !isVersion(text, start, start + found.length)) note(start, found)
      dot = endOfRun(text, dot, isDigitOrDot) - 1
    }
    for (let colon = text.indexOf(':'); colon !== -1; colon = text.indexOf(':', colon + 1)) {
      const end = endOfRun(text, colon, isHexOrColon)
      if (mayBeV6(text, colon, end)) {
        const start = startOfRun(text, colon, isHex)
        v6.lastIndex = start
        const found = v6.exec(text)?.[0]
        if (found && isWrittenIpv6(found)) note(start, found)
      }
      colon = end - 1
    }
    // An address of version 6 may end in one of version 4.
    return joinWidest(findings)
  },
}

/** Times have colons, too, and are everywhere in logs: an address has seven of them, or two that touch. */
function mayBeV6(text: string, from: number, to: number): boolean {
  let colons = 0
  for (let index = from; index < to; index += 1) {
    if (text.charCodeAt(index) !== colonUnit) continue
    if (text.charCodeAt(index + 1) === colonUnit) return true
    colons += 1
  }
  return colons >= 6
}

function startOfRun(text: string, from: number, belongs: (unit: number) => boolean): number {
  let start = from
  while (start > 0 && from - start < 5 && belongs(text.charCodeAt(start - 1))) start -= 1
  return start
}

function endOfRun(text: string, from: number, belongs: (unit: number) => boolean): number {
  let end = from + 1
  while (belongs(text.charCodeAt(end))) end += 1
  return end
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57
}

function isDigitOrDot(unit: number): boolean {
  return isDigit(unit) || unit === 0x2e
}

function isHex(unit: number): boolean {
  return isDigit(unit) || (unit >= 97 && unit <= 102) || (unit >= 65 && unit <= 70)
}

function isHexOrColon(unit: number): boolean {
  return isHex(unit) || unit === colonUnit
}

const colonUnit = 0x3a

/** Zeros in front are let pass: reverse DNS names pad with them. */
function isAddress(found: string): boolean {
  return found.split('.').every((part) => Number(part) <= 255)
}

function isVersion(text: string, start: number, end: number): boolean {
  versionAfter.lastIndex = end
  return versionAfter.test(text) || versionBefore.test(text.slice(Math.max(0, start - longestIntroduction), start))
}

/** `::` alone, and names of code such as `ace::bad`, are addresses too, but in text they are something else. */
function isWrittenIpv6(match: string): boolean {
  return (/\d/.test(match) || match.split(':').filter(Boolean).length > 2) && isIPv6(match)
}
