/** A text as the recognizers read it, and the way back to where its signs stand in the original. */
interface FoldedText {
  readonly text: string
  /** The original offset of each UTF-16 unit of `text`. */
  readonly offsets: Uint32Array
}

const foldable =
  /[\u00a0\u00ad\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u180e\u2007\u2009\u200b-\u2015\u202a-\u202f\u2060-\u2064\u2212\ufeff\uff01-\uff5e]/

/**
 * Takes away what hides a value from a pattern and not from a reader: zero-width and direction marks, soft hyphens,
 * full-width forms, digits of other scripts, the blanks and dashes of typesetters. Null when there is nothing of that.
 */
export function fold(text: string): FoldedText | null {
  const first = text.search(foldable)
  if (first === -1) return null
  const units = new Uint16Array(text.length)
  const offsets = new Uint32Array(text.length)
  let length = 0
  for (let index = 0; index < text.length; index += 1) {
    const unit = foldUnit(text.charCodeAt(index))
    if (unit === 0) continue
    units[length] = unit
    offsets[length] = index
    length += 1
  }
  return { text: decode(units.subarray(0, length)), offsets: offsets.subarray(0, length) }
}

/** What a unit is read as; 0 when it is not read at all. */
function foldUnit(unit: number): number {
  if (unit < 0xa0) return unit
  if (unit === 0xa0 || unit === 0x2007 || unit === 0x2009 || unit === 0x202f) return space
  if (unit === 0xad || unit === 0x180e || unit === 0xfeff) return 0
  if ((unit >= 0x2010 && unit <= 0x2015) || unit === 0x2212) return dash
  if ((unit >= 0x200b && unit <= 0x200f) || (unit >= 0x202a && unit <= 0x202e)) return 0
  if (unit >= 0x2060 && unit <= 0x2064) return 0
  if (unit >= 0xff01 && unit <= 0xff5e) return unit - 0xff01 + 0x21
  for (const firstDigit of digitsOfScripts)
    if (unit >= firstDigit && unit < firstDigit + 10) return zero + unit - firstDigit
  return unit
}

const space = 0x20
const dash = 0x2d
const zero = 0x30
/** Arabic, Persian, Devanagari. */
const digitsOfScripts = [0x660, 0x6f0, 0x966]

/** In pieces, because a call takes only so many arguments. */
function decode(units: Uint16Array): string {
  let text = ''
  for (let from = 0; from < units.length; from += 8192)
    text += String.fromCharCode(...units.subarray(from, from + 8192))
  return text
}
