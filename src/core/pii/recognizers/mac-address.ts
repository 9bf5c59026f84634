import type { Finding, Recognizer } from '../recognizer.ts'
import { joinWidest } from '../widest.ts'
import { wordSet } from '../word-set.ts'

// Six groups of two, or the three groups of four of Cisco's equipment. More groups are a serial number, fewer a time.
const pairs = /(?<![\da-z]|[\da-f]{2}[:-])[\da-f]{2}([:-])(?:[\da-f]{2}\1){4}[\da-f]{2}(?![\da-z_]|[:-][\da-f]{2})/iy
const fours = /(?<![\w.])[\da-f]{4}\.[\da-f]{4}\.[\da-f]{4}(?![\w]|\.\w)/iy
const bare = /[\s:="'(]{1,4}([\da-f]{12})(?![\w])/iy
const macWords = wordSet(['mac', 'hwaddr', 'ether', 'bssid', 'mac address', 'mac-adresse', 'mac_address', 'macaddress'])

export const macAddress: Recognizer = {
  entity: 'MAC',
  examples: {
    finds: [
      '(MAC: ⟦97:4b:d7:2e:cd:fd⟧)',
      'on ⟦00-1A-2B-3C-4D-5E⟧.',
      'arp ⟦001a.2b3c.4d5e⟧ up',
      'hwaddr=⟦001a2b3c4d5e⟧',
      'x ⟦00:00:00:00:00:0A⟧-7',
    ],
    ignores: [
      '10:15:43',
      '00:1a:2b:3c:4d:5e:6f:70:81:92:a3:b4',
      'fe80:1a:2b:3c:4d:5e',
      '001a2b3c4d5e',
      '1234.5678.9012.3456',
      'machine 123456789012',
    ],
  },
  find(scan) {
    const { text } = scan
    const findings: Finding[] = []
    const note = (pattern: RegExp, start: number) => {
      pattern.lastIndex = start
      if (pattern.test(text)) findings.push({ start, end: pattern.lastIndex, entity: 'MAC', score: 0.9 })
    }
    for (const sign of [':', '-']) {
      const unit = sign.charCodeAt(0)
      for (let at = text.indexOf(sign, 2); at !== -1; at = text.indexOf(sign, at + 1)) {
        if (text.charCodeAt(at + 3) === unit && text.charCodeAt(at + 6) === unit) note(pairs, at - 2)
      }
    }
    for (let at = text.indexOf('.', 4); at !== -1; at = text.indexOf('.', at + 1)) {
      if (text[at + 5] === '.') note(fours, at - 4)
    }
    for (const end of scan.hits(macWords).ends) {
      bare.lastIndex = end
      const code = bare.exec(text)?.[1]
      if (code) findings.push({ start: bare.lastIndex - code.length, end: bare.lastIndex, entity: 'MAC', score: 0.75 })
    }
    return joinWidest(findings)
  },
}
