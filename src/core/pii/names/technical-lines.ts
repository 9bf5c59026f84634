/**
 * Lines that a machine wrote: logs, tables of numbers, code. Capitals say little in them, so they are passed over unless
 * two words that can be names stand side by side, and only well-known names count.
 */

/** A line shows what it is within so many signs. */
const looksAt = 240
const shortest = 20
const stampUnits = 20
/** A date with a time has so many digits within its first signs; a date alone, as diaries have it, has eight. */
const stampDigits = 10
/** `Jun 14 15:16:01` */
const namedStampDigits = 6

export const technical = {
  no: 0,
  /** As many signs and digits as code and tables have: technical if what is around it is so too. */
  dense: 1,
  /** Starts with a time stamp, an address or a number. */
  stamped: 2,
} as const

export function technicalKindOf(text: string, start: number, end: number): number {
  const to = Math.min(end, start + looksAt)
  if (to - start < shortest) return technical.no
  let digits = 0
  let signs = 0
  let spaces = 0
  for (let index = start; index < to; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit <= 32) spaces += 1
    else if (unit >= 48 && unit < 58) digits += 1
    else if (unit < 128 && codeSigns[unit] === 1 && text.charCodeAt(index - 1) !== unit) signs += 1
    if (index - start === stampUnits && digits >= namedStampDigits && isStamp(text, start, digits))
      return technical.stamped
  }
  const written = to - start - spaces
  return signs > written * 0.2 || digits + signs > written * 0.4 ? technical.dense : technical.no
}

/** It starts with a digit, a sign, a word in capitals, or a day or month: a name before a date does not make a log. */
function isStamp(text: string, start: number, digits: number): boolean {
  const lead = text.slice(start, start + 5)
  return (
    startsWithMonth.test(lead) ||
    startsWithAddress.test(text.slice(start, start + 16)) ||
    (digits >= stampDigits && /^(?:[^\p{L}]|[A-Z]{2})/u.test(lead))
  )
}

const startsWithAddress = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3} /
const startsWithMonth = /^\[?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)[ ,]/

/** A row of the same sign is a ruler and counts once. Signs that code and logs are full of and sentences are not; `@` and `#` belong to chats. */
const codeSigns = new Uint8Array(128)
for (const sign of '(){}[];=<>_/\\|*&$%^~`+:"') codeSigns[sign.charCodeAt(0)] = 1

/**
 * Calls back with each pair of words that both start with a capital (or have none in their script) and have a space
 * between them, until it is told `true`.
 */
export function hasPair(
  text: string,
  start: number,
  end: number,
  isPair: (first: { start: number; end: number }, second: { start: number; end: number }) => boolean,
): boolean {
  let before = { start: -1, end: -1 }
  /** Where the word before ends, or a short word after it: `de`, `van`. */
  let reach = -1
  for (let index = start; index < end; ) {
    const from = index
    if (!isWordUnit(text.charCodeAt(index))) {
      index += 1
      continue
    }
    while (index < end && isWordUnit(text.charCodeAt(index))) index += 1
    const follows = reach === from - 1 && text.charCodeAt(from - 1) === 32
    if (!isNameStart(text.charCodeAt(from))) {
      reach = follows && index - from <= longestParticle ? index : -1
      continue
    }
    const word = { start: from, end: index }
    if (follows && isPair(before, word)) return true
    before = word
    reach = index
  }
  return false
}

const longestParticle = 3

function isNameStart(unit: number): boolean {
  return (unit >= 65 && unit < 91) || unit >= 0xc0
}

function isWordUnit(unit: number): boolean {
  return (
    (unit >= 65 && unit < 91) || (unit >= 97 && unit < 123) || unit >= 0xc0 || (unit >= 48 && unit < 58) || unit === 95
  )
}
