import { capitals, letters, smalls } from '../letters.ts'
import type { Scan } from '../scan.ts'
import { hitsOf } from './hits-of.ts'
import { capitalWord } from './name-words.ts'
import type { Street } from './street-forms.ts'
import { boxWords, militaryPost } from './street-words.ts'

const boxNumber = /[ .:#]{0,3}(?:n[ºo.]\.? ?)?\d{1,6}(?: ?\d{2,4}){0,2}(?!\d)/y
const military = new RegExp(
  String.raw`(?:(?:PSC|Unit|CMR) \d{1,5},? Box \d{1,5}|US[A-Z]{1,3} [${letters}' -]{2,30})[\s,]{1,3}$`,
  'i',
)
const militaryCode = /,? A[AEP],? \d{5}(?:-\d{4})?/iy

const nameBeforeCode = new RegExp(
  String.raw`(?<![${letters}\d])${capitalWord}(?: (?:${capitalWord}|[${smalls}]{1,4}(?= [${capitals}]))){0,4}(?:, ?| )(?:n[º°] ?)?(?:\d{1,4}(?:[ -]?[A-Za-z\d]{1,3})?|[sS] ?/ ?[nN])([.,]? ?(?:- ?)?(?:[A-Z]{1,2}-)?)$`,
)
const longestLead = 76

/** Addresses that the post knows without a street: boxes, its offices abroad, and a name with number, postcode and town. */
export function findPostal(scan: Scan): Street[] {
  return [...findBoxes(scan), ...findBeforeCode(scan)]
}

function* findBoxes(scan: Scan): Generator<Street> {
  const { text } = scan
  for (const { start, end } of hitsOf(scan, boxWords)) {
    boxNumber.lastIndex = end
    if (boxNumber.test(text)) yield { start, end: boxNumber.lastIndex, score: 0.75 }
  }
  for (const { start, end } of hitsOf(scan, militaryPost)) {
    militaryCode.lastIndex = end
    if (!militaryCode.test(text)) continue
    const lead = military.exec(text.slice(Math.max(0, start - 50), start))?.[0] ?? ''
    yield { start: start - lead.length, end: militaryCode.lastIndex, score: 0.85 }
  }
}

/** `Unter den Linden 5, 10117 Berlin`: no word says street, but number, postcode and town together do. */
function* findBeforeCode(scan: Scan): Generator<Street> {
  const { text } = scan
  for (const { start, end } of scan.digitGroups(5)) {
    if (text.charCodeAt(start - 1) !== space && text.charCodeAt(start - 1) !== dash) continue
    if (!/^[.,]? (?:- )?\p{Lu}[\p{L} ]/u.test(text.slice(end, end + 6))) continue
    const lead = nameBeforeCode.exec(text.slice(Math.max(0, start - longestLead), start))
    if (lead) yield { start: start - lead[0].length, end: start - (lead[1]?.length ?? 0), score: 0.65 }
  }
}

const space = 0x20
const dash = 0x2d
