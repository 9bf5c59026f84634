import { capitals, letters } from '../letters.ts'
import type { Scan } from '../scan.ts'
import { endOfAddress, endOfAddressAfterUnit } from './address-tail.ts'
import type { Street } from './street-forms.ts'
import { addressLabels, addressLeads, unitWords } from './street-words.ts'
import { isState, usStates } from './us-states.ts'

/** The rest of a field: up to what starts the next one. */
const fieldValue = /["']?[ ]?(?:[:=>]|\)?:)[ >]{0,4}\n?[ >?|]{0,6}["']?([^\n|"<>;\t=]{5,90})/y
/** A field without anything like a street and a number is no address: `address: 0x7f`, `Location: Berlin`. */
const streetLike = new RegExp(
  String.raw`(?:^|[\s,])\d{1,6}[A-Za-z]?,? (?:[${letters}'’.-]{1,12} ){0,2}[${letters}]{3,}|[${letters}]{3,}[${letters}'’.ºª/ -]{0,40}[ ,.]{1,3}(?:(?:nº|n°|núm\.?|no\.?|n\.|#) ?)?(?:\d{1,5}(?![\d:])|s ?/ ?n\b)`,
  'i',
)
const streetTyped = new RegExp(
  String.raw`^(?:calle|c/|avda|avenida|plaza|paseo|carrer|rua|rúa|rue|via|viale|piazza) ?\.? ?[${capitals}]`,
  'i',
)
const notAddress = /@|:\/\/|0x|\d{1,3}(?:\.\d{1,3}){3}|[{}()[\]$]|\d:\d|[a-z]_[a-z]|\w=\w|\\/
/** A sentence or the next field ends a value that has no line of its own. */
const valueEnd = new RegExp(
  String.raw`[.,]? (?=(?:tel|tfno|teléfono|phone|fax|e-?mail|correo|ssn|dob|mrn|company|localidad|cp)\b)|(?<=[${letters}\d)]{4}|\d)\.(?= [${capitals}][${letters}]{2,}|$|\.| $)|,? [${letters}]{3,15}: `,
  'i',
)

/** A number, then words: what follows `lives at`. */
const afterLead = new RegExp(
  String.raw`:?[ \n]{1,3}(?:the corner of )?((?:\d{1,6}[A-Za-z]?(?: \d{1,5})?,? [${letters}\d][${letters}\d'’./-]{0,24}(?: [${letters}\d][${letters}\d'’./-]{0,24}){0,5}|(?:[${capitals}][${letters}'’.-]{1,24} ){1,4}\d{1,5}[A-Za-z]?))(?![${letters}\d])`,
  'y',
)
const cornerOf = 'the corner of '
const corner = new RegExp(
  String.raw`(?: and |, and )((?:\d{1,5} )?[${capitals}][${letters}'’.-]{1,24}(?: [${capitals}][${letters}'’.-]{1,24}){0,3}(?: \d{1,5})?)`,
  'y',
)

const unitNumber = new RegExp(String.raw`\.? ?#?\d{1,5}[A-Za-z]?(?![${letters}\d])`, 'y')
/** The last word before an address, or a sign that ends what came before. */
const leadEnd =
  /^.*(?:[:;?!|"<>]|(?:^|\s)(?:at|to|is|in|with|from|on|are|lives|of|and|address|en|à|a|bei|it's)(?=\s))\s*/isu
const streetAndNumber = new RegExp(
  String.raw`^(?:\d{1,6}[A-Za-z]?,? (?:.{0,60}[${letters}])|[${letters}][${letters}\d .,'’/-]{2,60} \d{1,6}|(?:C/|P\.O).*\d)`,
  'i',
)

const zipAfterState = /,? \d{5}(?:-\d{4})?(?![\w-])/y
const streetBeforeState = new RegExp(
  String.raw`(?<![\w.,:/#-])\d{1,6} [${letters}][${letters}'’.-]{0,24}(?: [${letters}][${letters}'’.-]{0,24}){0,4}(?:, [${capitals}][${letters}'’.-]{0,24}(?: [${capitals}][${letters}'’.-]{0,24}){0,3}){1,2},? $`,
)

/** Addresses that are known by what stands around them: a field's name, `lives at`, a flat's number, a state and ZIP code. */
export function findAnnounced(scan: Scan): Street[] {
  return [...findFields(scan), ...findAfterLeads(scan), ...findAroundUnits(scan), ...findBeforeZip(scan)]
}

function* findFields(scan: Scan): Generator<Street> {
  const { text } = scan
  for (const labelEnd of scan.hits(addressLabels).ends) {
    fieldValue.lastIndex = labelEnd
    const whole = fieldValue.exec(text)?.[1]
    if (whole === undefined) continue
    const start = fieldValue.lastIndex - whole.length
    const value = whole.slice(0, valueEnd.exec(whole)?.index ?? whole.length).replace(/[\s.,']+$/, '')
    if (notAddress.test(value) || !(streetLike.test(value) || streetTyped.test(value))) continue
    yield { start, end: endOfAddress(text, start + value.length), score: 0.65 }
  }
}

function* findAfterLeads(scan: Scan): Generator<Street> {
  const { text } = scan
  for (const wordEnd of scan.hits(addressLeads).ends) {
    afterLead.lastIndex = wordEnd
    const value = afterLead.exec(text)?.[1]
    if (value === undefined || !/\p{Lu}|^\d+ .*\d/u.test(value)) continue
    const start = afterLead.lastIndex - value.length
    let end = endOfAddress(text, start + value.trimEnd().length)
    corner.lastIndex = end
    const isCorner = text.slice(Math.max(0, start - cornerOf.length), start).toLowerCase() === cornerOf
    if (isCorner && corner.test(text)) end = corner.lastIndex
    yield { start: isCorner ? start - cornerOf.length : start, end, score: 0.65 }
  }
}

function* findAroundUnits(scan: Scan): Generator<Street> {
  const { text } = scan
  const { starts, ends } = scan.hits(unitWords)
  let covered = 0
  for (const [index, unitStart] of starts.entries()) {
    if (unitStart < covered) continue
    unitNumber.lastIndex = ends[index] ?? unitStart
    if (!unitNumber.test(text)) continue
    const unitEnd = unitNumber.lastIndex
    const start = startOfStreetBefore(text, unitStart)
    if (start === -1) continue
    covered = endOfAddressAfterUnit(text, unitEnd)
    yield { start, end: covered, score: 0.7 }
  }
}

/** The street stands before the flat on its line, or is the line above. -1 when there is none. */
function startOfStreetBefore(text: string, unitStart: number): number {
  const from = Math.max(0, unitStart - 100)
  const lines = text.slice(from, unitStart).split('\n')
  let line = lines.at(-1) ?? ''
  let end = unitStart
  if (/^[ >?|*,-]*$/.test(line)) {
    end = unitStart - line.length - 1
    line = lines.at(-2) ?? ''
  }
  const lead = leadEnd.exec(line)?.[0] ?? ''
  const marks = /^[ >?|*-]*/.exec(line.slice(lead.length))?.[0] ?? ''
  const street = line.slice(lead.length + marks.length)
  if (street.length > 80 || !streetAndNumber.test(street)) return -1
  return end - street.length
}

function* findBeforeZip(scan: Scan): Generator<Street> {
  const { text } = scan
  const { starts, ends } = scan.hits(usStates)
  for (const [index, stateStart] of starts.entries()) {
    zipAfterState.lastIndex = ends[index] ?? stateStart
    if (!zipAfterState.test(text) || !isState(text, { start: stateStart, end: ends[index] ?? stateStart })) continue
    const street = streetBeforeState.exec(text.slice(Math.max(0, stateStart - 90), stateStart))
    if (street) yield { start: stateStart - street[0].length, end: zipAfterState.lastIndex, score: 0.75 }
  }
}
