import type { Edit } from './layers.ts'

// Without the `u` flag, so that surrogate pairs are written out: an engine reads single units faster.
/** Zero-width signs, direction marks, soft hyphens, variation selectors, tags: nothing of them is seen. */
const unseen =
  '[\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0]|\\udb40[\\udc00-\\uddef]'
/** Blanks, dashes and stops of typesetters, full-width forms, the digits of other scripts. */
const forms =
  '[\\u00a0\\u2000-\\u200a\\u202f\\u205f\\u3000\\u2010-\\u2015\\u2019\\u2024\\u2043\\u2212\\u02bc\\u3002\\ufe50-\\ufe6b\\uff01-\\uff61]'
const digitsOfScripts =
  '[\\u0660-\\u0669\\u06f0-\\u06f9\\u07c0-\\u07c9\\u0966-\\u096f\\u09e6-\\u09ef\\u0a66-\\u0a6f\\u0ae6-\\u0aef\\u0b66-\\u0b6f\\u0be6-\\u0bef\\u0c66-\\u0c6f\\u0ce6-\\u0cef\\u0d66-\\u0d6f\\u0e50-\\u0e59\\u0ed0-\\u0ed9\\u0f20-\\u0f29\\u1040-\\u1049\\u17e0-\\u17e9\\u1810-\\u1819]'
/** Letters and digits as mathematicians, lists and chat names write them. */
const fancy =
  '[\\u2070\\u2074-\\u2079\\u2080-\\u2089\\u2102-\\u2134\\u2460-\\u2468\\u24b6-\\u24ea]|\\ud835[\\udc00-\\udfff]|\\ud83c[\\udd30-\\udd49\\udd50-\\udd69\\udd70-\\udd89]'
/** A letter and its accents apart. */
const decomposed = '[A-Za-z\\u00c0-\\u052f][\\u0300-\\u036f]{1,4}'
const foldable = new RegExp([unseen, forms, digitsOfScripts, fancy, decomposed].join('|'), 'g')
const notAscii = /[\u0080-\uffff]/

/**
 * Signs that hide a value from a pattern and not from a reader, each with the plain sign that it is read as. What takes
 * their place is one sign or none, so that words stay where they are.
 */
export function findOddSigns(text: string): Edit[] {
  if (!notAscii.test(text)) return []
  const edits: Edit[] = []
  for (const { 0: found, index } of text.matchAll(foldable)) {
    const meaning = readSign(found, text, index)
    if (meaning !== found) edits.push({ start: index, end: index + found.length, text: meaning })
  }
  return edits
}

function readSign(found: string, text: string, index: number): string {
  const unit = found.charCodeAt(0)
  if (unit >= 0x2000 && unit <= 0x200a) return ' '
  if (unit === 0xa0 || unit === 0x202f || unit === 0x205f || unit === 0x3000) return ' '
  // A long dash between words sets off a thought; between digits it joins groups.
  if (unit === 0x2014 || unit === 0x2015) return isDigitAt(text, index - 1) && isDigitAt(text, index + 1) ? '-' : found
  if ((unit >= 0x2010 && unit <= 0x2013) || unit === 0x2043 || unit === 0x2212) return '-'
  if (unit === 0x2019 || unit === 0x02bc) return "'"
  if (unit === 0x3002 || unit === 0xff61 || unit === 0x2024) return '.'
  const digit = digitValue(unit)
  if (digit !== null) return digit
  if (found.length > 1 && unit < 0x530) return found.normalize('NFC')
  return compatible(found)
}

/** The forms that Unicode holds to be the same sign in another dress; nothing where that is more than a sign or two. */
function compatible(found: string): string {
  const unit = found.charCodeAt(0)
  if (unit === 0xdb40 || isUnseen.test(found)) return ''
  if (unit === 0xd83c) return String.fromCharCode(0x41 + ((found.charCodeAt(1) - 0xdd30) % 0x20))
  const plain = found.normalize('NFKC')
  return /^[\x20-\x7e]{1,2}$/.test(plain) ? plain : found
}
const isUnseen = new RegExp(`^(?:${unseen})$`)

/** Decimal digits come in runs of ten, most of them from a code that ends in 0 or 6. */
function digitValue(unit: number): string | null {
  if (unit < 0x660 || unit > 0x1819) return null
  for (const first of firstDigits) if (unit >= first && unit < first + 10) return String(unit - first)
  return null
}
const firstDigits = [
  ...[0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20],
  ...[0x1040, 0x17e0, 0x1810],
]

function isDigitAt(text: string, index: number): boolean {
  const unit = text.charCodeAt(index)
  return unit >= 0x30 && unit <= 0x39
}
