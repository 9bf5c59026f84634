import { isIPv4 } from 'node:net'
import type { Scan } from '../scan.ts'

/** A stretch that is written as a phone number. */
export interface PhoneStretch {
  readonly start: number
  readonly end: number
}

// The form alone is a sign. North American: three groups. Others: an area code in parentheses, Spanish groups, or a
// trunk zero and groups.
const northAmericanLead =
  /(?<![\w.-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]$|(?<![\w.-])\d{3}-\d{3}-$/
const areaInParentheses = /(?<![\w)])\(0?[1-9]\d{0,3}\)[ -]?\d{2,5}(?:[ ./-]\d{2,4}){1,3}(?!\d)/y
const spanish = /(?<!\w|[\d.,:/-] ?)[6-9]\d{2} \d{2} \d{2} \d{2}(?! ?\d)/y
const trunkZero =
  /(?<![\w.,:/-])0[1-9]\d{0,3}(?:(?<=\d{3})[ /-]\d{5,8}|(?<=06)[ -]\d{8}|([ .-])\d{2,4}(?:\1\d{2,4}){1,3})(?!\d|[:./-]\d)/y
/** Dates have separators too, and so have addresses of four numbers. */
const dateLike = /^\(?(?:\d{4}([-./])\d{1,2}\1\d{1,2}(?!\d)|\d{1,2}([-./])\d{1,2}\2(?:\d{4}(?!\d)|\d{2}(?!\d|\2)))/
const fourNumbers = /^\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)/
/** Versions start with groups of one digit: `7.0.3`. */
const versionLike = /^\d{1,2}\.\d[./]/
/** `012-52-7174` is a number of social security. */
const socialSecurity = /^\d{3}-\d{2}-\d{4}$/

/** Whether something is a date, a version or an address of a network that is written with the separators of a phone number. */
export function isLookalike(found: string): boolean {
  return dateLike.test(found) || versionLike.test(found) || isIPv4(fourNumbers.exec(found)?.[0] ?? '')
}

/** Numbers in the national forms that can be told without a word before them. */
export function findNational(scan: Scan): PhoneStretch[] {
  const { text } = scan
  const stretches: PhoneStretch[] = []
  const note = (pattern: RegExp, start: number) => {
    pattern.lastIndex = start
    const found = pattern.exec(text)?.[0]
    if (found && !isLookalike(found) && !socialSecurity.test(found))
      stretches.push({ start, end: start + found.length })
  }
  for (const { start, end } of scan.digitGroups(4)) {
    if (!isSeparator(text.charCodeAt(start - 1)) || !isDigit(text.charCodeAt(start - 2))) continue
    const lead = northAmericanLead.exec(text.slice(Math.max(0, start - 18), start))
    if (lead) stretches.push({ start: start - lead[0].length, end })
  }
  for (let at = text.indexOf('('); at !== -1; at = text.indexOf('(', at + 1)) {
    if (isDigit(text.charCodeAt(at + 1))) note(areaInParentheses, at)
  }
  for (const { start, end } of scan.digitGroups(3)) {
    if (text.charCodeAt(start) >= six && text.charCodeAt(end) === space) note(spanish, start)
  }
  for (const length of [2, 3, 4, 5]) {
    for (const { start, end } of scan.digitGroups(length)) {
      if (text.charCodeAt(start) === zero && isSeparator(text.charCodeAt(end))) note(trunkZero, start)
    }
  }
  return stretches
}

/** Where an international number may start, in order: at each `+`, and at `00` with a country after it. */
export function findInternationalStarts(scan: Scan): number[] {
  const { text } = scan
  const starts: number[] = []
  for (let at = text.indexOf('+'); at !== -1; at = text.indexOf('+', at + 1)) starts.push(at)
  for (const length of [3, 4, 5]) {
    for (const { start } of scan.digitGroups(length)) {
      if (text.charCodeAt(start) === zero && text.charCodeAt(start + 1) === zero) starts.push(start)
    }
  }
  return starts.sort((left, right) => left - right)
}

function isSeparator(unit: number): boolean {
  return unit === space || (unit >= 0x2d && unit <= 0x2f)
}

function isDigit(unit: number): boolean {
  return unit >= zero && unit <= 0x39
}

const space = 0x20
const zero = 0x30
const six = 0x36
