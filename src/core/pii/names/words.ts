import { cueOf } from './cues.ts'
import { littleWordOf } from './languages.ts'
import { capitalTendency, type Lexicon, nameFacts, smallFrequency } from './lexicon.ts'
import { newlineToken, opaqueToken, signToken } from './tokens.ts'
import { hashText } from './word-hash.ts'

/** How a word is written. */
export const writing = {
  small: 0,
  capital: 1,
  capitals: 2,
  mixed: 3,
  number: 4,
  sign: 5,
  /** A script without capitals. */
  other: 6,
  opaque: 7,
  newline: 8,
} as const

/** What is known of a word wherever it stands. */
export interface Word {
  /** In small letters, digits as 0. */
  readonly hash: number
  readonly small: string
  readonly writing: number
  readonly shape: number
  /** Of its last three letters. */
  readonly ending: number
  readonly languages: readonly number[]
  readonly facts: number
  readonly cue: number
  /** Names, tendency to a capital and writing in one number. */
  readonly kind: number
  /** The names that it can be a part of and its writing in one number. */
  readonly names: number
  /** A word or sign of every day that hardly ever belongs to a name: fewer features are made where it stands. */
  readonly isPlain: boolean
  /** Kept by who adds up weights: sums of what the word says about each place around it. */
  sums: Float32Array | null
}

export function describeWord(text: string, tokenKind: number, lexicon: Lexicon): Word {
  if (tokenKind === newlineToken) return specialWord('\n', writing.newline)
  if (tokenKind === opaqueToken) return specialWord('\t', writing.opaque)
  if (tokenKind === signToken) return specialWord(text, writing.sign)
  const small = text.toLowerCase().replace(/\p{Nd}/gu, '0')
  const style = writingOf(text)
  const facts = lexicon.factsOf(small)
  const known = facts & nameFacts
  const cueClass = cueOf(small)
  return {
    hash: hashText(small),
    small,
    writing: style,
    shape: hashText(shapeOf(text)),
    ending: hashText(small.slice(-3)),
    languages: littleWordOf(small),
    facts,
    cue: cueClass,
    kind: (known << 7) | (capitalTendency(facts) << 4) | style,
    names: (known << 4) | style,
    isPlain: (style === writing.small && known === 0 && smallFrequency(facts) >= 2) || style === writing.number,
    sums: null,
  }
}

function specialWord(text: string, style: number): Word {
  const hash = hashText(text)
  return {
    hash,
    small: text,
    writing: style,
    shape: hash,
    ending: hash,
    languages: [],
    facts: 0,
    cue: 0,
    kind: style,
    names: style,
    isPlain: true,
    sums: null,
  }
}

function writingOf(text: string): number {
  if (/^\p{Nd}+$/u.test(text)) return writing.number
  if (/^\p{Lu}[\p{Ll}\p{M}]*$/u.test(text)) return writing.capital
  if (/^[\p{Ll}\p{M}]+$/u.test(text)) return writing.small
  if (/^[\p{Lu}\p{M}]+$/u.test(text)) return writing.capitals
  if (/^[\p{Lo}\p{Lm}\p{M}]+$/u.test(text)) return writing.other
  return writing.mixed
}

/** `McDonald` is `XxXx`, `b2b` is `x0x`: runs of a kind count once. */
function shapeOf(text: string): string {
  const shape = text
    .replace(/\p{Lu}+/gu, 'X')
    .replace(/[\p{Ll}\p{M}]+/gu, 'x')
    .replace(/\p{Nd}+/gu, '0')
    .replace(/[\p{Lo}\p{Lm}]+/gu, 'o')
  return `${shape.slice(0, 6)}${text.length === 1 ? '1' : text.length < 4 ? '3' : ''}`
}
