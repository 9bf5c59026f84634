/**
 * How a value of a JSON text is treated. `text`: what it says may be personal data, numbers too. `label`: the same, but
 * numbers are the protocol's. `keep`: the protocol needs the word, or each of a list, as it is; an object in its place is
 * text. `opaque`: the same, with all that is in it. `word`: text in which the protocol allows no angle
 * brackets. `tokens`: the same as `label`, but
 * numbers are words of a model's vocabulary, which no detector reads. `json`: JSON in a string. `image`, `audio`, `file`: a link to one, or one in base64. A shape: by field.
 */
export type Treatment =
  | 'text'
  | 'label'
  | 'keep'
  | 'opaque'
  | 'word'
  | 'tokens'
  | 'json'
  | 'image'
  | 'audio'
  | 'file'
  | Shape

/** An object, or each object of a list. */
export interface Shape {
  readonly fields: Readonly<Record<string, Treatment>>
  /** Fields that are named nowhere, `text` unless it is said: personal data can hide in fields of tomorrow too. */
  readonly others?: Treatment
  /** Keys that are named nowhere, `text` unless it is said. */
  readonly keys?: 'word'
  /** Where a string or number stands in place of the object, `text` unless it is said. */
  readonly literal?: Treatment
}

/** A string, a number or a key, and the key that it stands under, `''` if none. */
export interface Leaf {
  readonly kind: 'string' | 'number' | 'key'
  /** Where it stands in the JSON text, quotes included. */
  readonly start: number
  readonly end: number
  /** Decoded; a number as it is written. */
  readonly text: string
  readonly name: string
  readonly treatment: Treatment
}

/** A field of the outermost object, from its key to the end of its value. */
export interface Member {
  readonly name: string
  readonly start: number
  readonly end: number
}

/** An object or a list that has not ended yet. */
interface Frame {
  readonly isObject: boolean
  /** Of the object, or of everything in the list. */
  readonly treatment: Treatment
  /** What it stands under itself, as all in a list does. */
  readonly name: string
  /** Of the field that is being read, null before its key. */
  key: string | null
  keyStart: number
}

/**
 * Visits strings, numbers and keys of a JSON text in the order in which they are written. Works on the text, so nothing
 * is lost of what it does not understand; depth costs memory, not stack. Returns the fields of the outermost object.
 * Without a visitor no string but keys is decoded. Expects valid JSON. @throws SyntaxError where a string has no end or
 * brackets do not match: half a text was not seen.
 */
export function walkJson(json: string, root: Treatment, visit: ((leaf: Leaf) => void) | null): Member[] {
  const members: Member[] = []
  const frames: Frame[] = []
  let frame: Frame = { isObject: false, treatment: root, name: '', key: null, keyStart: 0 }
  const endField = (end: number) => {
    if (frames.length === 1 && frame.key !== null) members.push({ name: frame.key, start: frame.keyStart, end })
    frame.key = null
  }
  for (let at = 0; at < json.length; ) {
    const unit = json.charCodeAt(at)
    if (unit === quote) {
      const end = endOfString(json, at)
      if (end === null) throw new SyntaxError('a string has no end')
      if (frame.isObject && frame.key === null) {
        const text = decodeString(json, at, end)
        frame.key = text
        frame.keyStart = at
        const treatment = ofKey(frame.treatment, text)
        if (treatment) visit?.({ kind: 'key', start: at, end, text, name: '', treatment })
      } else visit?.({ kind: 'string', start: at, end, text: decodeString(json, at, end), ...placeOf(frame) })
      at = end
    } else if (unit === openBrace || unit === openBracket) {
      const { name, treatment } = ofValue(frame)
      frames.push(frame)
      frame = { isObject: unit === openBrace, treatment, name, key: null, keyStart: 0 }
      at += 1
    } else if (unit === comma) {
      endField(at)
      at += 1
    } else if (unit === closeBrace || unit === closeBracket) {
      endField(at)
      const outer = frames.pop()
      if (!outer || frame.isObject !== (unit === closeBrace)) throw new SyntaxError('brackets do not match')
      frame = outer
      at += 1
    } else if (unit === minus || (unit >= zero && unit <= nine)) {
      const end = endOfNumber(json, at)
      visit?.({ kind: 'number', start: at, end, text: json.slice(at, end), ...placeOf(frame) })
      at = end
    } else at += 1
  }
  if (frames.length > 0) throw new SyntaxError('brackets do not match')
  return members
}

/** How the value that comes next is treated, and what it stands under. */
function ofValue({ isObject, treatment, name, key }: Frame): { name: string; treatment: Treatment } {
  if (!isObject) return { name, treatment }
  const field = key ?? ''
  if (typeof treatment !== 'object') return { name: field, treatment: treatment === 'opaque' ? 'opaque' : 'text' }
  const own = Object.hasOwn(treatment.fields, field) ? treatment.fields[field] : treatment.others
  return { name: field, treatment: own ?? 'text' }
}

function placeOf(frame: Frame): { name: string; treatment: Treatment } {
  const { name, treatment } = ofValue(frame)
  return { name, treatment: typeof treatment === 'object' ? (treatment.literal ?? 'text') : treatment }
}

/** How a key is treated; null where it is the protocol's. */
function ofKey(treatment: Treatment, key: string): Treatment | null {
  if (typeof treatment === 'object') return Object.hasOwn(treatment.fields, key) ? null : (treatment.keys ?? 'text')
  return treatment === 'opaque' ? 'opaque' : 'text'
}

/** The offset after the closing quote, the first that has an even number of backslashes before it; null without one. */
export function endOfString(json: string, start: number): number | null {
  for (let at = json.indexOf('"', start + 1); at !== -1; at = json.indexOf('"', at + 1)) {
    let backslashes = 0
    while (json.charCodeAt(at - 1 - backslashes) === backslash) backslashes += 1
    if (backslashes % 2 === 0) return at + 1
  }
  return null
}

function decodeString(json: string, start: number, end: number): string {
  const inner = json.slice(start + 1, end - 1)
  return inner.includes('\\') ? (JSON.parse(json.slice(start, end)) as string) : inner
}

function endOfNumber(json: string, start: number): number {
  let end = start + 1
  while (isOfNumber(json.charCodeAt(end))) end += 1
  return end
}

function isOfNumber(unit: number): boolean {
  return (
    (unit >= zero && unit <= nine) || unit === 0x2e || unit === 0x65 || unit === 0x45 || unit === 0x2b || unit === minus
  )
}

const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const zero = 0x30
const nine = 0x39
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
