import { cue } from './cues.ts'
import type { Place, Window } from './features.ts'
import { languageCount, mostLikely } from './languages.ts'
import { Tokens } from './tokens.ts'
import type { Vocabulary } from './vocabulary.ts'
import { type Word, writing } from './words.ts'

const smallMask = 0x3fff

/** A stretch of text that is labelled together: some hundred words, cut at a line end if there is one. */
export class Block {
  readonly tokens = new Tokens()
  readonly words: Word[] = []
  readonly places: MutablePlace[] = []
  /** Marks the words that the block has in small letters, by their hashes; the few that share a mark do no harm. */
  readonly #small = new Uint8Array(smallMask + 1)
  readonly #languages = new Uint16Array(languageCount)

  get length(): number {
    return this.tokens.count
  }

  clear(): void {
    this.tokens.count = 0
    this.words.length = 0
  }

  /** Makes words of the tokens and says where each stands. */
  describe(text: string, vocabulary: Vocabulary): void {
    const { tokens, words } = this
    const small = this.#small.fill(0)
    const languages = this.#languages.fill(0)
    for (let index = 0; index < tokens.count; index += 1) {
      const start = tokens.starts[index] ?? 0
      const word = vocabulary.wordAt(text, start, tokens.ends[index] ?? start, tokens.kinds[index] ?? 0)
      words.push(word)
      if (word.writing === writing.small) small[word.hash & smallMask] = 1
      for (let at = 0; at < word.languages.length; at += 1) {
        const language = word.languages[at] ?? 0
        languages[language] = (languages[language] ?? 0) + 1
      }
      if (this.places.length <= index) this.places.push(newPlace())
    }
    for (let start = 0; start < tokens.count; ) start = this.#placeLine(start, small, mostLikely(languages))
  }

  /** Notes that some tokens are of a line that a machine wrote. */
  markTechnical(from: number, to: number): void {
    for (let index = from; index < to; index += 1) {
      const place = this.places[index]
      if (place) place.isTechnical = true
    }
  }

  #placeLine(start: number, small: Uint8Array, language: number): number {
    const end = this.#endOfLine(start)
    const lineStyle = styleOf(this.words, start, end)
    let field = 0
    let fieldCue: number = cue.none
    let last: Word | undefined
    let before: Word | undefined
    for (let index = start; index < end; index += 1) {
      const word = this.words[index]
      const place = this.places[index]
      if (!word || !place) break
      place.lineStyle = lineStyle
      place.isTechnical = false
      place.language = language
      place.field = field
      place.fieldCue = fieldCue
      place.sentenceStart = before === undefined ? 2 : endsSentence(before.small) ? 1 : 0
      place.isAlsoSmall = word.writing !== writing.small && small[word.hash & smallMask] === 1
      if (word.writing === writing.sign && separators.has(word.small)) {
        field = last?.hash ?? 0
        fieldCue = last?.cue ?? cue.none
      } else if (word.writing !== writing.sign) last = word
      before = word
    }
    return end
  }

  #endOfLine(start: number): number {
    let end = start
    while (end < this.words.length && this.words[end]?.writing !== writing.newline) end += 1
    return Math.min(end + 1, this.words.length)
  }

  /** Fills in the words around a place; line ends stand in for what is before the start and after the end. */
  fillWindow(index: number, window: Window, edge: Word): void {
    const { words } = this
    window.before2 = words[index - 2] ?? edge
    window.before = words[index - 1] ?? edge
    window.word = words[index] ?? edge
    window.after = words[index + 1] ?? edge
    window.after2 = words[index + 2] ?? edge
  }
}

type MutablePlace = { -readonly [Key in keyof Place]: Place[Key] } & { isTechnical: boolean }

function newPlace(): MutablePlace {
  return { lineStyle: 0, field: 0, fieldCue: 0, sentenceStart: 0, isAlsoSmall: false, language: 0, isTechnical: false }
}

/** What stands between the name of a field and its value. */
const separators: ReadonlySet<string> = new Set([':', '|', '=', '：'])

function endsSentence(sign: string): boolean {
  return sign === '.' || sign === '!' || sign === '?'
}

/** 0: small letters only, 1: capitals only, 2: mixed, 3: most words with a capital, as in a headline. */
function styleOf(words: readonly Word[], start: number, end: number): number {
  let small = 0
  let capital = 0
  let capitals = 0
  for (let index = start; index < end; index += 1) {
    const style = words[index]?.writing
    if (style === writing.small) small += 1
    else if (style === writing.capital) capital += 1
    else if (style === writing.capitals) capitals += 1
  }
  if (capital + capitals === 0) return 0
  if (capitals > capital + small) return 1
  return capital + capitals > small * 2 ? 3 : 2
}
