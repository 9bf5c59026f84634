import { isIP, isIPv6 } from 'node:net'
import { findMatches } from '../find-matches.ts'
import type { Finding, Recognizer } from '../recognizer.ts'

// No digit and no dotted number before or after: 1.2.3.4.5 is a version, not an address and a rest.
const v4 = /(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\d|\.\d)/g
const v6 = /(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:\d{0,3}(?:\.\d{1,3}){3})?(?![\w:])/gi
/**
 * What leads up to a version of four parts, in change logs and in browsers' user agents: `v1.2.3.4`, `rv:1.9.0.19`,
 * `Firefox/3.0.0.1`, `version=1.2.3.4`, `~~6.1.1.0`. A host name before a slash is not written like a product.
 */
const versionBefore =
  /(?:(?<![a-z])v|\brv:|~|\b[Vv]ersions?["']?[ :=]{0,3}["']?|(?<![\w-])(?:[A-Z][A-Za-z]*[a-z]|[A-Z]{2,5})\/)$/
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
      'release v1.2.3.4',
      '00:1a:2b:3c:4d:5e',
      '0:0:0:0:0:0:0:0:2181',
    ],
  },
  find({ text }) {
    const findings: Finding[] = []
    if (text.includes('.')) {
      const accept = (match: string, index: number) => isAddress(match) && !isVersion(text, index)
      findings.push(...findMatches(text, { entity: 'IP', pattern: v4, score: 0.9, accept }))
    }
    if (text.includes(':')) {
      findings.push(...findMatches(text, { entity: 'IP', pattern: v6, score: 0.9, accept: isWrittenIpv6 }))
    }
    return findings
  },
}

/** Reverse DNS names pad with zeros, which `isIP` refuses. */
function isAddress(match: string): boolean {
  return isIP(match.replace(/\b0+(?=\d)/g, '')) === 4
}

function isVersion(text: string, index: number): boolean {
  return versionBefore.test(text.slice(Math.max(0, index - longestIntroduction), index))
}

/** `::` alone, and names of code such as `ace::bad`, are addresses too, but in text they are something else. */
function isWrittenIpv6(match: string): boolean {
  return (/\d/.test(match) || match.split(':').filter(Boolean).length > 2) && isIPv6(match)
}
