/** Finds the time in a log line: the formats that logs are commonly written in, one row each. */

export interface Timestamp {
  /** As the log writes it; numbers since 1970 become ISO 8601 in UTC. */
  readonly text: string
  /** Milliseconds since 1970. A format without a year or a zone counts as 2000 and UTC: good for differences only. */
  readonly ms: number
  /** Where it stands in the line, `end` exclusive. */
  readonly start: number
  readonly end: number
}

type Field = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'fraction' | 'zone'

interface Format {
  readonly pattern: RegExp
  /** What the pattern's groups are, in their order. */
  readonly fields: readonly Field[]
}

const monthNames = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const month = `(${monthNames.join('|')})`
const clock = String.raw`(\d{2}):(\d{2}):(\d{2})`
const dateAndClock = ['year', 'month', 'day', 'hour', 'minute', 'second'] as const

const formats: readonly Format[] = [
  {
    // 2005-06-09 06:07:01 · 2005-06-09T06:07:01.123+02:00 · 2016/09/28 04:30:30,455
    pattern: new RegExp(
      String.raw`(?<![\d.])(\d{4})[-/](\d{2})[-/](\d{2})[T ]${clock}(?:[.,](\d{1,9}))?(?:\s?(Z|[+-]\d{2}:?\d{2})(?!\w))?`,
    ),
    fields: [...dateAndClock, 'fraction', 'zone'],
  },
  {
    // 2005-06-03-15.42.50.675872
    pattern: /(?<![\d.])(\d{4})-(\d{2})-(\d{2})-(\d{2})\.(\d{2})\.(\d{2})(?:\.(\d{1,9}))?/,
    fields: [...dateAndClock, 'fraction'],
  },
  {
    // 20171223-22:15:29:606
    pattern: /(?<!\d)(\d{4})(\d{2})(\d{2})[-T ](\d{1,2}):(\d{1,2}):(\d{1,2})(?:[:.,](\d{1,9}))?/,
    fields: [...dateAndClock, 'fraction'],
  },
  {
    // 20171223T221529Z
    pattern: /(?<!\d)(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(Z)?(?!\w)/,
    fields: [...dateAndClock, 'zone'],
  },
  // 081109 203615
  { pattern: /^(\d{2})(\d{2})(\d{2}) (\d{2})(\d{2})(\d{2})(?!\d)/, fields: dateAndClock },
  // 17/06/09 20:10:40
  { pattern: new RegExp(String.raw`^(\d{2})/(\d{2})/(\d{2}) ${clock}(?!\d)`), fields: dateAndClock },
  {
    // Sun Dec 04 04:47:44 2005 · Sun Dec 04 04:47:44.123456 2005
    pattern: new RegExp(
      String.raw`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${month} +(\d{1,2}) ${clock}(?:\.(\d{1,9}))?(?: [A-Z]{3,4})? (\d{4})(?!\d)`,
    ),
    fields: ['month', 'day', 'hour', 'minute', 'second', 'fraction', 'year'],
  },
  {
    // 17/May/2015:10:05:03 +0000
    pattern: new RegExp(String.raw`(?<!\d)(\d{2})/${month}/(\d{4}):${clock}(?: ([+-]\d{4}))?`),
    fields: ['day', 'month', 'year', 'hour', 'minute', 'second', 'zone'],
  },
  {
    // 21 Nov 2026 10:48:01.066
    pattern: new RegExp(String.raw`(?<!\d)(\d{1,2}) ${month} (\d{4}) ${clock}(?:[.,](\d{1,9}))?(?!\d)`),
    fields: ['day', 'month', 'year', 'hour', 'minute', 'second', 'fraction'],
  },
  {
    // Nov 21 09:18:01 · Nov  1 09:18:01
    pattern: new RegExp(String.raw`(?<![A-Za-z])${month} +(\d{1,2}) ${clock}(?:\.(\d{1,9}))?(?!\d)`),
    fields: ['month', 'day', 'hour', 'minute', 'second', 'fraction'],
  },
  {
    // 12-17 19:31:36.263
    pattern: new RegExp(String.raw`^(\d{2})-(\d{2}) ${clock}\.(\d{1,9})`),
    fields: ['month', 'day', 'hour', 'minute', 'second', 'fraction'],
  },
]

/** Seconds, seconds with a fraction, or milliseconds since 1970, between 2001 and 2033, at the start of a line. */
const epoch = /^(?:- )?\[?(1\d{9})(?:\.(\d{1,9})|(\d{3}))?(?![\d.])/

/** Times stand near the start of a line; further on they belong to the message. */
const headCharacters = 120

/**
 * Returns a function that finds the first timestamp near the start of a line, or null. It remembers the format and
 * place of the line before, since the lines of a log agree in both; so use one finder per log.
 */
export function createTimestampFinder(): (line: string) => Timestamp | null {
  let usual: Format | null = null
  let usualStart = -1
  return (line) => {
    const head = line.length > headCharacters ? line.slice(0, headCharacters) : line
    if (usual !== null) {
      const found = readFormat(usual, head)
      if (found !== null && found.start <= usualStart) return found
    }
    let earliest: Timestamp | null = null
    for (const format of formats) {
      const found = readFormat(format, head)
      if (found === null || (earliest !== null && found.start >= earliest.start)) continue
      earliest = found
      usual = format
      usualStart = found.start
    }
    return earliest ?? findEpoch(head)
  }
}

/** The time of a JSON log line: a number since 1970, or text in one of the formats. Its place in the line is not known. */
export function readTimeValue(value: unknown): Timestamp | null {
  if (typeof value === 'number') {
    // Loggers write milliseconds (pino) or seconds with a fraction (zap); nothing sensible lies between.
    const ms = value > 1e11 ? value : value * 1000
    return ms > 1e12 && ms < 2e12 ? { text: new Date(ms).toISOString(), ms, start: 0, end: 0 } : null
  }
  return typeof value === 'string' ? createTimestampFinder()(value) : null
}

function readFormat(format: Format, head: string): Timestamp | null {
  const match = format.pattern.exec(head)
  if (match === null) return null
  const values: Partial<Record<Field, string>> = {}
  for (const [index, field] of format.fields.entries()) {
    const value = match[index + 1]
    if (value !== undefined) values[field] = value
  }
  const ms = toMs(values)
  return ms === null ? null : { text: match[0], ms, start: match.index, end: match.index + match[0].length }
}

function findEpoch(head: string): Timestamp | null {
  const match = epoch.exec(head)
  if (match === null) return null
  const [whole, seconds = '', fraction = match[3] ?? '0'] = match
  const ms = Number(seconds) * 1000 + Math.floor(Number(`0.${fraction}`) * 1000)
  return { text: new Date(ms).toISOString(), ms, start: match.index, end: match.index + whole.length }
}

/** Null when the digits are no date: six digits and six digits may be anything. */
function toMs(values: Partial<Record<Field, string>>): number | null {
  const year = Number(values.year ?? 2000)
  const monthIndex = monthNames.indexOf(values.month ?? '')
  const monthNumber = monthIndex >= 0 ? monthIndex + 1 : Number(values.month)
  const [day, hour, minute, second] = [values.day, values.hour, values.minute, values.second].map(Number)
  if (day === undefined || hour === undefined || minute === undefined || second === undefined) return null
  const plausible = monthNumber >= 1 && monthNumber <= 12 && day >= 1 && day <= 31
  if (!plausible || hour > 23 || minute > 59 || second > 60) return null
  const fractionMs = Number(`0.${values.fraction ?? '0'}`) * 1000
  const localMs = Date.UTC(year < 100 ? 2000 + year : year, monthNumber - 1, day, hour, minute, second) + fractionMs
  return localMs - zoneOffsetMs(values.zone)
}

function zoneOffsetMs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0
  const digits = zone.replace(/\D/g, '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2, 4))
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}
