import { isIPv6 } from 'node:net'
import { findMatches } from '../find-matches.ts'
import type { Finding, Recognizer } from '../recognizer.ts'

const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
// No digit or dotted number before or after: 1.2.3.4.5 is a version, not an address and a rest.
const v4 = new RegExp(`(?<![\\d.])${octet}(?:\\.${octet}){3}(?!\\d|\\.\\d)`, 'g')
/** An IPv6 address has two colons with at most four hexadecimal digits between them. */
const twoColons = /:[0-9a-f]{0,4}:/i
const v6 = /(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:(?:\.\d{1,3}){3})?(?![\w:])/gi

export const ipAddress: Recognizer = {
  entity: 'IP_ADDRESS',
  examples: {
    finds: ['10.0.0.7', 'from 203.0.113.9:443', '[2001:db8::8a2e:370:7334]', 'fe80::1 up', '::ffff:203.0.113.9'],
    ignores: ['1.2.3.4.5', '256.1.1.1', '10:15:43', 'std::vector', 'a::b::c', '12.34.56', ':: separator'],
  },
  find(text) {
    const findings: Finding[] = []
    if (text.includes('.')) findings.push(...findMatches(text, { entity: 'IP_ADDRESS', pattern: v4, score: 0.9 }))
    if (twoColons.test(text)) {
      // `::` alone is an address too, but in text it is punctuation.
      const accept = (match: string) => match.length > 3 && isIPv6(match)
      findings.push(...findMatches(text, { entity: 'IP_ADDRESS', pattern: v6, score: 0.9, accept }))
    }
    return findings
  },
}
