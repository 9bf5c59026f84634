/**
 * Cuts a text into words, signs and line ends. Nothing is lost but spaces; offsets are UTF-16 units. A value that other
 * recognizers know by its form, such as a URL or an e-mail address, is one token.
 */

export const wordToken = 1
export const signToken = 2
export const newlineToken = 3
/** URLs, e-mail addresses, and whatever is too long to be a name. */
export const opaqueToken = 4

export class Tokens {
  count = 0
  starts = new Int32Array(256)
  ends = new Int32Array(256)
  kinds = new Uint8Array(256)

  push(start: number, end: number, kind: number): void {
    if (this.count === this.starts.length) this.#grow()
    this.starts[this.count] = start
    this.ends[this.count] = end
    this.kinds[this.count] = kind
    this.count += 1
  }

  #grow(): void {
    const size = this.count * 2
    const grown = [new Int32Array(size), new Int32Array(size), new Uint8Array(size)] as const
    grown[0].set(this.starts)
    grown[1].set(this.ends)
    grown[2].set(this.kinds)
    this.starts = grown[0]
    this.ends = grown[1]
    this.kinds = grown[2]
  }
}

const longestWord = 40
/** How far back the part of an address before its `@` is looked for: 64 signs are allowed there. */
const mostLocalTokens = 32

const space = 0
const letter = 1
const digit = 2
const sign = 3
const newline = 4
/** Scripts without spaces between words. A change from or to one of them ends a word. */
const ideograph = 5

let table: Uint8Array | null = null

/** What kind each UTF-16 unit is. Made when the first text is read, because it takes some milliseconds. */
function unitKinds(): Uint8Array {
  if (table) return table
  const made = new Uint8Array(0x10000).fill(sign)
  for (let unit = 0; unit < 0x10000; unit += 1) {
    if (unit >= 0x3040 && unit < 0xa000) made[unit] = ideograph
    else if (unit >= 0xac00 && unit < 0xd7b0) made[unit] = letter
    else if (unit >= 0xd800 && unit < 0xe000) made[unit] = sign
    else if (isWordUnit.test(String.fromCharCode(unit))) made[unit] = letter
    else if (isSpaceUnit.test(String.fromCharCode(unit))) made[unit] = space
  }
  made.fill(sign, 0, 128)
  made.fill(space, 0, 33)
  made.fill(digit, 48, 58)
  made.fill(letter, 65, 91)
  made.fill(letter, 97, 123)
  made[95] = letter
  made[10] = newline
  table = made
  return made
}

const isWordUnit = /[\p{L}\p{M}\p{N}]/u
const isSpaceUnit = /[\s\p{Cf}]/u

/** Appends the tokens of a stretch of text. Each unit is looked at a bounded number of times. */
export function tokenize(text: string, from: number, to: number, tokens: Tokens): void {
  const kinds = unitKinds()
  let index = from
  while (index < to) {
    const kind = kinds[text.charCodeAt(index)] ?? sign
    if (kind === space) {
      index += 1
    } else if (kind === newline) {
      tokens.push(index, index + 1, newlineToken)
      index += 1
    } else if (kind === sign) {
      index = readSign(text, index, to, tokens)
    } else {
      const start = index
      if (kind === ideograph) while (index < to && kinds[text.charCodeAt(index)] === ideograph) index += 1
      else while (index < to && isPartOfWord(kinds[text.charCodeAt(index)] ?? sign)) index += 1
      tokens.push(start, index, index - start > longestWord ? opaqueToken : wordToken)
    }
  }
}

function isPartOfWord(kind: number): boolean {
  return kind === letter || kind === digit
}

const at = 64
const colon = 58
const slash = 47

function readSign(text: string, index: number, to: number, tokens: Tokens): number {
  const unit = text.charCodeAt(index)
  if (unit === at && isAddressUnit(text.charCodeAt(index - 1)) && isAddressUnit(text.charCodeAt(index + 1))) {
    return readAddress(text, index, to, tokens)
  }
  if (unit === colon && text.charCodeAt(index + 1) === slash && text.charCodeAt(index + 2) === slash) {
    return readUrl(text, index, to, tokens)
  }
  const isPair = unit >= 0xd800 && unit < 0xdc00 && index + 1 < to
  tokens.push(index, index + (isPair ? 2 : 1), signToken)
  return index + (isPair ? 2 : 1)
}

/** Takes back the tokens that the local part was cut into. */
function readAddress(text: string, index: number, to: number, tokens: Tokens): number {
  let start = index
  for (let taken = 0; taken < mostLocalTokens && tokens.count > 0; taken += 1) {
    const last = tokens.count - 1
    const begin = tokens.starts[last] ?? 0
    if (tokens.ends[last] !== start || !isAddressUnit(text.charCodeAt(begin))) break
    start = begin
    tokens.count -= 1
  }
  let end = index + 1
  while (end < to && isAddressUnit(text.charCodeAt(end))) end += 1
  // A full stop or a dash after an address is not a part of it.
  while (end > index + 1 && !isLetterOrDigit(text.charCodeAt(end - 1))) end -= 1
  tokens.push(start, end, opaqueToken)
  return end
}

/** The scheme is the token before; a URL ends at a space, a quote or a bracket. */
function readUrl(text: string, index: number, to: number, tokens: Tokens): number {
  const last = tokens.count - 1
  let start = index
  if (last >= 0 && tokens.ends[last] === index && tokens.kinds[last] === wordToken) {
    start = tokens.starts[last] ?? index
    tokens.count -= 1
  }
  let end = index + 3
  while (end < to && !endsUrl(text.charCodeAt(end))) end += 1
  tokens.push(start, end, opaqueToken)
  return end
}

function endsUrl(unit: number): boolean {
  return unit <= 32 || unit === 34 || unit === 39 || unit === 60 || unit === 62 || unit === 41 || unit === 93
}

function isAddressUnit(unit: number): boolean {
  return isLetterOrDigit(unit) || unit === 46 || unit === 45 || unit === 43
}

function isLetterOrDigit(unit: number): boolean {
  return (
    (unit >= 48 && unit < 58) ||
    (unit >= 65 && unit < 91) ||
    (unit >= 97 && unit < 123) ||
    unit === 95 ||
    (unit >= 0xc0 && unit < 0x2000)
  )
}
