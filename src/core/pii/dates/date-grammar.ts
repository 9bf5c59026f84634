import { letters } from '../letters.ts'
import type { Scan } from '../scan.ts'
import { monthAlternatives, monthNames } from './month-names.ts'

/** A stretch of text that is a date, with the time of day after it if there is one. */
export interface DateStretch {
  readonly start: number
  readonly end: number
}

// ISO 8601 and RFC 3339 after the date, and the clock of letters: `T10:22:00Z`, ` 10:15`, `, 3:05 pm`, `:10:11:12 +0100`.
const timeOfDay =
  /(?:[T:]|,? (?:(?:at|à|um|om|kl\.?|alle|às|a las) )?)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[AaPp]\.?[Mm]\b\.?)?(?: ?(?:Z\b|UTC|GMT|[+-]\d{2}:?\d{2}\b))?/y
const yearFirst =
  /\d{4}(?:([-./])(?:0?[1-9]|1[0-2])\1(?:3[01]|[12]\d|0?[1-9])(?!\d)| ?[年년] ?\d{1,2} ?[月월] ?\d{1,2} ?[日일])/y
/** Three digits are a slip of the pen: `23/010/1990`. A blank after the dot is how Czechs and Germans write. */
const beforeYear = /(?<!\d[.,:/-]?)(\d{1,2})( ?[-./] ?)(\d{1,3})\2$/
const monthBeforeYear = /(?<!\d[.,:/-]?)(?:0?[1-9]|1[0-2]) ?\/ ?$/
const twoDigitYear = /(?<!\d[.,:/-]?)(\d{1,2})([-./])(\d{1,2})\2$/
const longestNumeric = 14

const ordinal = `(?:st|nd|rd|th|er|ère|[ºª°.])?`
const dayNumber = String.raw`(?:3[01]|[12]\d|0?[1-9])`
/** One day, or two that are joined: `3`, `3rd of`, `3 y 5 de`, `12.-14.`. */
const daysBefore = new RegExp(
  String.raw`(?<!\d[.,:/-]?)(?:${dayNumber}${ordinal} ?(?:-|/|y|e|et|a|al|and|to|bis|und|,) ?)?${dayNumber}${ordinal}[ /-]?(?:of |de |d'|del |di )?$`,
  'i',
)
const longestDays = 24
const dayAndYearAfter = new RegExp(
  String.raw`\.?[ ]?${dayNumber}${ordinal}(?![\d:./-])(?:(?:,| of| de)? ?(?:'\d{2}|(?:1[5-9]|20)\d{2})(?![\d:]))?`,
  'iy',
)
const yearAfter =
  /\.?(?:,? ?(?:de |del |d'|of )?(?:del )?(?:año )?|[ /-])(?:'\d{2}|(?:1[5-9]|20)\d{2}|(?<=[/-])\d{2})(?!\d)/iuy

/** Where a date that starts at `start` ends, its time of day included; -1 if there is none. For use after a word that announces one. */
export function endOfDateAt(text: string, start: number): number {
  for (const form of announcedForms) {
    form.lastIndex = start
    if (form.test(text)) return endWithTime(text, form.lastIndex)
  }
  return -1
}

const announcedForms = [
  yearFirst,
  /\d{1,2} ?([-./]) ?\d{1,3} ?\1 ?(?:\d{4}|\d{2})(?!\d)/y,
  new RegExp(
    String.raw`${dayNumber}${ordinal}[ /-]?(?:of |de |d'|del )?(?:${monthAlternatives})(?![${letters}])\.?[ ,/-]{0,2}(?:de |del |of )?(?:(?:1[5-9]|20)\d{2}|'?\d{2})(?!\d)`,
    'iy',
  ),
  new RegExp(
    String.raw`(?:${monthAlternatives})(?![${letters}])\.?[ /-]?${dayNumber}${ordinal}[ ,/-]{0,2}(?:(?:1[5-9]|20)\d{2}|'\d{2})(?!\d)`,
    'iy',
  ),
  new RegExp(String.raw`(?:${monthAlternatives})(?![${letters}])\.?,? (?:de |del |of )?(?:1[5-9]|20)\d{2}(?!\d)`, 'iy'),
  // Written without separators, which only a word before it makes a date.
  /(?:(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:3[01]|[12]\d|0[1-9])|(?:3[01]|[12]\d|0[1-9])(?:0[1-9]|1[0-2])(?:19|20)\d{2})(?!\d)/y,
]

/** Every date with a day or with month and year, written or in numbers. They may come twice and in any order. */
export function findDates(scan: Scan): DateStretch[] {
  return [...findNumericDates(scan), ...findWrittenDates(scan)]
}

function findNumericDates(scan: Scan): DateStretch[] {
  const { text } = scan
  const dates: DateStretch[] = []
  for (const group of scan.digitGroups(4)) {
    if (isSeparator(text.charCodeAt(group.end)) && !isWordUnit(text.charCodeAt(group.start - 1))) {
      yearFirst.lastIndex = group.start
      if (yearFirst.test(text)) dates.push({ start: group.start, end: endWithTime(text, yearFirst.lastIndex) })
    }
    if (!isYear(text, group.start)) continue
    const start = startOfDayBefore(text, group.start)
    if (start !== -1) dates.push({ start, end: endWithTime(text, group.end) })
  }
  for (const group of scan.digitGroups(2)) {
    if (!isSeparator(text.charCodeAt(group.start - 1)) || isSeparated(text, group.end)) continue
    const before = twoDigitYear.exec(text.slice(Math.max(0, group.start - 8), group.start))
    if (!before || !isDayAndMonth(before[1], before[3])) continue
    // `1.2.33` is a version; people write the dots with two digits.
    if (before[2] !== '/' && before[0].length < 6) continue
    dates.push({ start: group.start - before[0].length, end: endWithTime(text, group.end) })
  }
  return dates
}

function startOfDayBefore(text: string, yearStart: number): number {
  const unit = text.charCodeAt(yearStart - 1)
  if (!isSeparator(unit) && !(unit === space && isSeparator(text.charCodeAt(yearStart - 2)))) return -1
  const lead = text.slice(Math.max(0, yearStart - longestNumeric), yearStart)
  const full = beforeYear.exec(lead)
  if (full) return isNearlyDate(full[1], full[3]) ? yearStart - full[0].length : -1
  const month = monthBeforeYear.exec(lead)
  return month ? yearStart - month[0].length : -1
}

function findWrittenDates(scan: Scan): DateStretch[] {
  const { text } = scan
  const { starts, ends } = scan.hits(monthNames)
  const dates: DateStretch[] = []
  for (const [index, monthStart] of starts.entries()) {
    const monthEnd = ends[index] ?? monthStart
    const days = daysBefore.exec(text.slice(Math.max(0, monthStart - longestDays), monthStart))
    let end = monthEnd
    for (const after of days ? [yearAfter] : [dayAndYearAfter, yearAfter]) {
      after.lastIndex = monthEnd
      if (!after.test(text)) continue
      end = after.lastIndex
      break
    }
    if (days || end > monthEnd) dates.push({ start: monthStart - (days?.[0].length ?? 0), end: endWithTime(text, end) })
  }
  return dates
}

function endWithTime(text: string, end: number): number {
  timeOfDay.lastIndex = end
  return timeOfDay.test(text) ? timeOfDay.lastIndex : end
}

function isYear(text: string, start: number): boolean {
  const first = text.charCodeAt(start)
  const second = text.charCodeAt(start + 1)
  return (first === one && second >= eight) || (first === two && second === zero)
}

function isDayAndMonth(first = '', second = ''): boolean {
  const [low, high] = [Number(first), Number(second)].sort((left, right) => left - right)
  return low !== undefined && high !== undefined && low >= 1 && low <= 12 && high <= 31
}

/** The full year says what it is, so a month that was mistyped is let pass. */
function isNearlyDate(first = '', second = ''): boolean {
  return Number(first) <= 31 && Number(second) <= 31
}

/** Whether another group of digits goes on after a separator: a version or an address then, not a date. */
function isSeparated(text: string, end: number): boolean {
  const next = text.charCodeAt(end + 1)
  return isSeparator(text.charCodeAt(end)) && next >= zero && next <= nine
}

function isSeparator(unit: number): boolean {
  return unit === 0x2d || unit === 0x2e || unit === 0x2f || unit === 0x5e74 || unit === 0xb144
}

function isWordUnit(unit: number): boolean {
  return (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90) || unit === 0x5f || unit === 0x2e
}

const space = 0x20
const zero = 0x30
const one = 0x31
const two = 0x32
const eight = 0x38
const nine = 0x39
