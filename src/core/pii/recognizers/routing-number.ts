import { findAnnounced } from '../announced.ts'
import { isRoutingNumber } from '../check-digits.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { wordSet } from '../word-set.ts'

const words = wordSet([
  ...[
    'routing',
    'routing number',
    'routing no',
    'routing_number',
    'routingnumber',
    'aba',
    'aba number',
    'aba routing',
    'rtn',
  ],
  ...['transit number', 'bank routing', 'fedwire', 'ach routing'],
])
const american = { entity: 'ROUTING', words, value: /\d{9}(?![\w-]|[.,:/]\d)/y, minDigits: 9, score: 0.85 } as const
const other = {
  entity: 'ROUTING',
  words: wordSet([
    ...[
      'sort code',
      'sort-code',
      'sort_code',
      'sortcode',
      'bsb',
      'bsb number',
      'ifsc',
      'ifsc code',
      'blz',
      'bankleitzahl',
    ],
    ...[
      'branch code',
      'transit no',
      'institution number',
      'bank code',
      'code banque',
      'code guichet',
      'clearing number',
    ],
  ]),
  value:
    /(?:\d{2}([- ])\d{2}\1\d{2}|\d{3}[- ]\d{3}(?: ?\d{2})?|[A-Z]{4}0[A-Z\d]{6}|\d{5}-\d{3}|\d{4,8})(?![\w-]|[.,:/]\d)/y,
  minDigits: 4,
  mayLookLikeDate: true,
  score: 0.8,
} as const
/** How far from the word a number with right check digits is taken. */
const reach = 60

export const routingNumber: Recognizer = {
  entity: 'ROUTING',
  examples: {
    finds: [
      'routing: ⟦621006206⟧. IBAN',
      '(routing: ⟦521014935⟧)',
      'ABA ⟦021000021⟧',
      'sort code ⟦12-34-56⟧',
      'BLZ: ⟦37040044⟧',
      'IFSC ⟦HDFC0001234⟧',
      'the routing number of the bank in Boston, ⟦021000021⟧',
    ],
    ignores: [
      '021000021',
      'routing table has 512 entries',
      'routing to 123456789012',
      'routing the 123456789th packet',
    ],
  },
  find(scan) {
    const findings: Finding[] = [...findAnnounced(scan, american), ...findAnnounced(scan, other)]
    if (!scan.has(words)) return findings
    for (const { start, end } of scan.digitGroups(9)) {
      const isWhole = !/[\w.-]/.test(scan.text.charAt(start - 1)) && !/[\w-]/.test(scan.text.charAt(end))
      if (isWhole && isRoutingNumber(scan.text.slice(start, end)) && scan.isAfter(words, start, reach))
        findings.push({ start, end, entity: 'ROUTING', score: 0.8 })
    }
    return findings
  },
}
