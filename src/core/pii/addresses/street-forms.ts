import { capitals, letters } from '../letters.ts'
import type { Scan } from '../scan.ts'
import { hitsOf } from './hits-of.ts'
import { capitalWord } from './name-words.ts'
import * as words from './street-words.ts'

/** A street with its house number, or a box: the part of an address that others hang on. */
export interface Street {
  readonly start: number
  readonly end: number
  readonly score: number
}

const name = String.raw`[${letters}\d'’.-]{1,25}`
const capitalised = String.raw`(?:[${capitals}][${letters}'’.-]{0,24}|\d{1,3}(?:st|nd|rd|th)|[NSEW]{1,2}\.?|of|the|de|la)`
const houseNumber = String.raw`(?<![\w.,:/#-])(?:(?:Flat|Apartment|Apt\.?|Unit|Suite|Room|Floor) \w{1,5},? )?\d{1,6}[A-Za-z]?(?:-\d{1,5})?(?: \d{1,5}[A-Za-z]?)?,? `
const beforePlainSuffix = new RegExp(`${houseNumber}(?:${name} ){0,3}[${letters}][${letters}'’.-]{0,24} $`)
/** "3 men crossed the road" has no name of a road in it. */
const smallWords =
  /(?:^| )(?:a|an|the|on|in|of|to|at|by|for|and|or|this|that|per|from|with|is|was|men|people|cars|miles?|lanes?|lane|way|km)(?= |$)/
const afterSmallName = /(?=$|[,\n]|,? (?:apt|suite|ste|unit|\d|[A-Z]))/y
const beforeOtherSuffix = new RegExp(`${houseNumber}(?:${capitalised} ){1,4}$`)
const suffixEnd = /\.?(?: (?:North|South|East|West|[NSEW]{1,2})\b\.?)?(?! \d{1,2}[:/])/y
const longestName = 76

/** `s/n` is an address without a number; `#`, `nº` and their like lead to one. */
const numberAfter = String.raw`(?:(?:nº|n°|n\.º|núm\.?|num\.?|número|numero|no\.|nr\.?|n\.o?|n|#|d\.|д\.|дом|№)[ .]?)?(?:km\.? ?\d{1,3}(?:[.,]\d{1,3})?|\d{1,5}(?:[ -]?(?:bis|ter|[A-Za-z](?![${letters}])))?(?:[-/]\d{1,4}(?!\d)|/[A-Z](?![${letters}]))?|[sS] ?[/.] ?[nN]\b\.?)`
const nameWord = String.raw`(?:[${letters}ªº'’·´-]{1,25}|[${letters}]{1,4}\.)`
const smallWord = `(?:de|del|la|las|los|el|do|da|dos|das|di|della|en|y|e|i|[dl]['’][${letters}]{1,20}|d['’]en|le)`
const numberPart = String.raw`(?: ?, ?| |, ?| ?- ?|\. )(?:${numberAfter})(?![\d:%]|[.,]\d)`
const afterType = new RegExp(String.raw`[.:]{0,2} ?(?:\d{1,2} de )?(?:${nameWord} ){0,6}${nameWord}${numberPart}`, 'iy')
const capitalAfterType = new RegExp(
  String.raw`\.?(?: |(?<=[.º/\\])|(?<=[cC]/\.))(?:(?:${smallWord}|\d{1,2} de) ){0,3}(?:(?:${smallWord}|${capitalWord}) ){0,5}${capitalWord}${numberPart}`,
  'y',
)
/** Streets with numbers for names, in Latin America: `Carrera 43A calle 9`, `Calle 45 # 12-34`. */
const numberedAfterType =
  /\.? ?\d{1,3}[A-Za-z]?(?: (?:bis|sur|norte|este|oeste))?(?:,? ?(?:#|nº|n°|no\.?|con|calle|cl\.?|carrera|cra\.?|-) ?\d{1,3}[A-Za-z]?){1,2}(?: ?- ?\d{1,3})?(?!\d)/iy
const beforeFrenchType = /(?<![\w.,:/#-])\d{1,5}(?: ?(?:bis|ter|quater|[A-Da-d]))?(?: \d{1,5})?,? $/
const frenchName = new RegExp(
  String.raw`(?: (?:de|des|du|la|le|les|l'|d'|aux|au|et|en|sur|sous|saint|sainte|général|docteur|\d{1,2}(?= [${letters}]))(?![${letters}])| (?:[dl]['’])?[${capitals}][${letters}'’.-]{0,24}| [dl]['’][${letters}-]{1,24}){1,7}`,
  'y',
)

const compoundLead = new RegExp(
  String.raw`(?:(?<![\w.,:/-])\d{1,6} )?(?:[${capitals}][${letters}.'’-]{0,24} ){0,3}[${letters}.'’-]{0,30}$`,
)
const compoundNumber = new RegExp(
  String.raw`\.?,? (?:\d{1,4}(?: ?[A-Za-z](?![${letters}]))?(?: ?[-/+] ?\d{1,4}[A-Za-z]?)?)(?![\d:%]|[.,]\d| ?(?:%|km|m|cm|mm|kg|Jahre|Uhr|Mio|Prozent|procent|år|kr)(?![${letters}]))`,
  'y',
)
const article = /^(?:der|die|das|den|dem|ein|eine|einen|im|am|zum|auf|in|de|het|the|el|la|det|den|en)\s$/i
/** All streets, in no order; the same may come twice. */
export function findStreets(scan: Scan): Street[] {
  return [...findWithSuffix(scan), ...findWithType(scan), ...findFrench(scan), ...findCompounds(scan)]
}

/** `450 Maple Ln`, `12 North Baker Street`. */
function* findWithSuffix(scan: Scan): Generator<Street> {
  const { text } = scan
  for (const set of [words.plainSuffixes, words.otherSuffixes]) {
    const pattern = set === words.plainSuffixes ? beforePlainSuffix : beforeOtherSuffix
    for (const { start, end } of hitsOf(scan, set)) {
      if (text.charCodeAt(start - 1) !== space || !isLetterOrDigit(text, start - 2)) continue
      const lead = pattern.exec(text.slice(Math.max(0, start - longestName), start))
      if (!lead || (set === words.otherSuffixes && !isUpper(text, start))) continue
      if (set === words.plainSuffixes && !isStreetName(text, lead[0], end)) continue
      suffixEnd.lastIndex = end
      if (!suffixEnd.test(text)) continue
      yield { start: start - lead[0].length, end: suffixEnd.lastIndex, score: 0.8 }
    }
  }
}

/** A name in small letters counts when something of an address follows. */
function isStreetName(text: string, lead: string, suffixEnd: number): boolean {
  if (smallWords.test(lead)) return false
  afterSmallName.lastIndex = suffixEnd
  return lead !== lead.toLowerCase() || afterSmallName.test(text)
}

/** `Calle Mayor 3`, `C/ Mayor, s/n`, `Via Roma 5`, `ul. Długa 7`. */
function* findWithType(scan: Scan): Generator<Street> {
  const { text } = scan
  for (const { start, end } of hitsOf(scan, words.streetSign)) {
    // A path, or `c/o`.
    if (/[\p{L}\d/.]/u.test(text[start - 1] ?? '') || !signedName.test(text.slice(end, end + 12))) continue
    yield* streetFrom(text, start, end, [afterType])
  }
  for (const { start, end } of hitsOf(scan, words.iberianTypes)) {
    // A sentence may end with the word in full; only an abbreviation has a dot inside an address.
    if (/^\. /.test(text.slice(end, end + 2)) && end - start > 5) continue
    yield* streetFrom(text, start, end, [numberedAfterType, afterType])
  }
  for (const { start, end } of hitsOf(scan, words.shortIberianTypes)) {
    yield* streetFrom(text, start, end, [numberedAfterType, capitalAfterType])
  }
  for (const { start, end } of hitsOf(scan, words.otherTypes)) {
    if (isUpperOrDotted(text, start, end)) yield* streetFrom(text, start, end, [capitalAfterType])
  }
}

const signedName = new RegExp(
  String.raw`^\.?\s?(?:(?:de|del|la|las|los|el|do|da|dos|sta\.?|d['’]|l['’]) ?){0,3}[${capitals}\d]`,
)

function* streetFrom(text: string, start: number, end: number, patterns: readonly RegExp[]): Generator<Street> {
  for (const pattern of patterns) {
    pattern.lastIndex = end
    if (!pattern.test(text)) continue
    yield { start, end: pattern.lastIndex, score: 0.75 }
    return
  }
}

/** `12 bis, rue de la Paix`. */
function* findFrench(scan: Scan): Generator<Street> {
  const { text } = scan
  for (const { start, end } of hitsOf(scan, words.frenchTypes)) {
    const lead = beforeFrenchType.exec(text.slice(Math.max(0, start - 20), start))
    if (!lead) continue
    frenchName.lastIndex = end
    if (frenchName.test(text)) yield { start: start - lead[0].length, end: frenchName.lastIndex, score: 0.75 }
  }
}

/** `Hauptstraße 12a`, `Lange Straße 5`, `Populierenstraat 374`, `Storgatan 3`. */
function* findCompounds(scan: Scan): Generator<Street> {
  const { text } = scan
  for (const { start, end } of hitsOf(scan, words.compoundEnds)) {
    const unit = text.charCodeAt(end)
    if (unit !== space && unit !== comma && unit !== dot) continue
    compoundNumber.lastIndex = end
    if (!compoundNumber.test(text)) continue
    const lead = compoundLead.exec(text.slice(Math.max(0, start - longestName), start))?.[0] ?? ''
    const word = /[\p{L}\p{M}.'’-]*$/u.exec(lead)?.[0] ?? ''
    if (
      words.notStreets.test(word + text.slice(start, end)) &&
      !/\p{Lu}/u.test(lead.slice(0, -word.length || undefined))
    )
      continue
    if (!/\p{Lu}/u.test(lead) && !isUpper(text, start)) continue
    if ((lead === '' && !isUpper(text, start)) || article.test(lead)) continue
    yield { start: start - lead.length, end: compoundNumber.lastIndex, score: 0.75 }
  }
}

function isUpper(text: string, index: number): boolean {
  const sign = text[index] ?? ''
  return sign !== sign.toLowerCase()
}

/** `Via`, `VIA` and `ul.`; not `via`, which is a preposition. */
function isUpperOrDotted(text: string, start: number, end: number): boolean {
  return (
    isUpper(text, start) ||
    text[end - 1] === '.' ||
    /^(?:ulica|улица|проспект|jalan|viale|piazza|piazzale|vicolo)$/.test(text.slice(start, end))
  )
}

function isLetterOrDigit(text: string, index: number): boolean {
  return /[\p{L}\p{M}\d.)'’]/u.test(text[index] ?? '')
}

const space = 0x20
const comma = 0x2c
const dot = 0x2e
