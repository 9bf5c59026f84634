import { isState, usStates } from '../addresses/us-states.ts'
import type { Finding, Recognizer } from '../recognizer.ts'
import { joinWidest } from '../widest.ts'
import { wordSet } from '../word-set.ts'

const postcodeWords = wordSet([
  ...[
    'zip',
    'zip code',
    'zipcode',
    'zip-code',
    'zip_code',
    'zip+4',
    'postcode',
    'post code',
    'postal code',
    'postalcode',
  ],
  ...['postal_code', 'post_code', 'plz', 'postleitzahl', 'code postal', 'cp', 'c.p.', 'código postal', 'codigo postal'],
  ...['cap', 'codice postale', 'cep', 'código-postal', 'postnummer', 'postnr', 'postinumero', 'kod pocztowy', 'psč'],
  ...['irányítószám', 'cod poștal', 'pin code', 'pincode', 'eircode', 'индекс', 'почтовый индекс'],
])
/** What follows the word: at least three digits, letters and one blank or dash between, as all countries write them. */
const announced =
  /["']?(?:[ :=#]{0,3}|[ ]?(?:is|ist|est|es|è|é|:) ?)["']?((?:[A-Z]{1,2}-)?(?=[A-Z\d -]{0,6}\d)[A-Z\d]{2,5}(?:[ -]?\d{3,4}(?!\w)|[ -][A-Z\d]{2,4}(?!\w))?)(?![\w@.-]\w)/y
const british =
  /(?<![A-Za-z\d])(?:GIR 0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d[\dA-Z]?|\d[A-HJKPSTUW]) \d[ABD-HJLNP-UW-Z]{2})(?![A-Za-z\d])/y
const canadian = /(?<![A-Za-z\d])[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] \d[ABCEGHJ-NPRSTV-Z]\d(?![A-Za-z\d])/y
const dutch =
  /(?<![\w.-])[1-9]\d{3} (?!(?:MB|GB|KB|TB|MS|HZ|AM|PM|AD|BC|EU|UK|US|ID|IP|OK|KM|KG|ML|IN|ON|TO|AT)\b)[A-Z]{2}(?= +[A-Z][a-z]|,? ?NL\b)/y
const afterState = /^,? (\d{5}(?:-\d{4})?)(?![\w-])/
/** A country's letter, five digits, a town: `D-10115 Berlin`. */
const european = /(?<=(?<![\w])(?:D|DE|F|FR|E|ES|I|IT|A|AT|CH|B|BE|L|S|SE|DK)-)\d{4,5}(?= \p{Lu})/uy

export const postcode: Recognizer = {
  entity: 'POSTCODE',
  examples: {
    finds: [
      'My zip code is ⟦90010-1700⟧',
      'ZIP: ⟦7412 SL⟧',
      'PLZ ⟦10115⟧ Berlin',
      'London ⟦SW1A 1AA⟧.',
      'Toronto ⟦M5V 2T6⟧',
      'Springfield, IL ⟦62701⟧.',
      'Port Kirk, Maine ⟦60260⟧',
      'D-⟦10115⟧ Berlin',
      'in ⟦1012 AB⟧ Amsterdam',
      '"postal_code": "⟦28046⟧"',
    ],
    ignores: [
      'zip file',
      'cp a b',
      '2048 MB used',
      'error 62701',
      'OR 97201',
      'error IN 10000',
      'cap 12',
      'IN 4',
      'A1 2BC',
    ],
  },
  find(scan) {
    const { text } = scan
    const findings: Finding[] = []
    const note = (start: number, end: number, score: number) => findings.push({ start, end, entity: 'POSTCODE', score })
    for (const end of scan.hits(postcodeWords).ends) {
      announced.lastIndex = end
      const code = announced.exec(text)?.[1]
      if (code && code.replace(/\D/g, '').length >= 3)
        note(announced.lastIndex - code.length, announced.lastIndex, 0.75)
      else if (code && /[A-Z]/.test(code)) note(announced.lastIndex - code.length, announced.lastIndex, 0.6)
    }
    for (const { start, end } of scan.codes) {
      const length = end - start
      if (length > 4 || length < 2 || text.charCodeAt(end) !== 32) continue
      for (const pattern of length === 3 ? [british, canadian] : [british]) {
        pattern.lastIndex = start
        if (pattern.test(text)) note(start, pattern.lastIndex, 0.8)
      }
    }
    for (const length of [4, 5]) {
      for (const { start } of scan.digitGroups(length)) {
        const pattern = text.charCodeAt(start - 1) === 0x2d ? european : length === 4 ? dutch : null
        if (!pattern) continue
        pattern.lastIndex = start
        if (pattern.test(text)) note(start, pattern.lastIndex, 0.65)
      }
    }
    const states = scan.hits(usStates)
    for (const [index, end] of states.ends.entries()) {
      const code = afterState.exec(text.slice(end, end + 14))
      if (code?.[1] && isState(text, { start: states.starts[index] ?? end, end }))
        note(end + code[0].length - code[1].length, end + code[0].length, 0.7)
    }
    return joinWidest(findings)
  },
}
