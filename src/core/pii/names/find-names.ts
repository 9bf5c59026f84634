import type { Entity, Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { Block } from './block.ts'
import { cue } from './cues.ts'
import { LabelChances } from './label-chances.ts'
import { english, german } from './languages.ts'
import { capitalTendency, fact, nameFacts } from './lexicon.ts'
import { labelCount, loadModel, type Model } from './model.ts'
import { hasPair, technical, technicalKindOf } from './technical-lines.ts'
import { newlineToken, signToken, tokenize, wordToken } from './tokens.ts'
import { Vocabulary } from './vocabulary.ts'
import { type Word, writing } from './words.ts'

export const nameEntities = ['PERSON', 'LOCATION', 'ORG'] as const satisfies readonly Entity[]

/** From which chance on a word counts as a part of a name. Below a half for persons: a name missed is a name sent out. */
const thresholds = { PERSON: 0.3, LOCATION: 0.4, ORG: 0.4 }

/** Asked of single words that may as well be just words, outside of English: see `#leastChance`. */
const likelyName = 0.7
const surelyName = 0.85
/** By how much a person wins over a place or a company, which most profiles leave in the text. */
const personBonus = 1.33

/** Texts are labelled in stretches of about so many units, cut at line ends. */
const blockUnits = 4000
/** So short that it need not have little words that tell its language. */
const shortBlock = 50

/** Finds names with one model; `findNames` does with the one that is shipped. */
export class NameFinder {
  readonly #vocabulary: Vocabulary
  readonly #chances: LabelChances
  readonly #block = new Block()

  constructor(model: Model) {
    this.#vocabulary = new Vocabulary(model.lexicon)
    this.#chances = new LabelChances(model, this.#vocabulary)
  }

  find(text: string): Finding[] {
    const findings: Finding[] = []
    for (let start = 0; start < text.length; ) {
      const end = endOfBlock(text, start)
      this.#findIn(text, start, end, findings)
      start = end
    }
    return findings
  }

  #findIn(text: string, start: number, end: number, findings: Finding[]): void {
    const block = this.#block
    block.clear()
    const marked = this.#tokenizeLines(text, start, end)
    block.describe(text, this.#vocabulary)
    for (const { from, to } of marked) block.markTechnical(from, to)
    this.#chances.compute(block)
    for (let index = 0; index < block.length; ) index = this.#readName(index, findings)
  }

  /** Returns which tokens are of technical lines. Those without anything like a name are left out. */
  #tokenizeLines(text: string, start: number, end: number): { from: number; to: number }[] {
    const { tokens } = this.#block
    const marked: { from: number; to: number }[] = []
    const { lines, isTechnical } = readLines(text, start, end)
    for (const { from, to, kind } of lines) {
      if (kind === technical.no || (kind === technical.dense && !isTechnical)) tokenize(text, from, to, tokens)
      else if (this.#mayHoldName(text, from, to)) {
        const first = tokens.count
        tokenize(text, from, to, tokens)
        marked.push({ from: first, to: tokens.count })
      } else tokens.push(to - 1, to, newlineToken)
    }
    return marked
  }

  #mayHoldName(text: string, start: number, end: number): boolean {
    return hasPair(text, start, end, (first, second) => {
      const left = this.#vocabulary.wordAt(text, first.start, first.end, wordToken)
      const right = this.#vocabulary.wordAt(text, second.start, second.end, wordToken)
      return left.cue === cue.title || (isPersonWord(left) && isPersonWord(right))
    })
  }

  /** Adds the name that starts at a word, if one does; returns the word after it. */
  #readName(index: number, findings: Finding[]): number {
    const entity = this.#entityAt(index)
    if (entity === undefined) return index + 1
    let end = index + 1
    while (end < this.#block.length && this.#entityAt(end) === entity && !this.#startsName(end, entity)) end += 1
    this.#addName(index, end, entity, findings)
    return end
  }

  #entityAt(index: number): number | undefined {
    const { chances } = this.#chances
    const at = index * labelCount
    if ((chances[at] ?? 1) > 0.8) return undefined
    const style = this.#block.words[index]?.writing ?? writing.sign
    if (style === writing.newline || style === writing.opaque) return undefined
    if (style === writing.small && !this.#mayBeSmallName(index)) return undefined
    let best: number | undefined
    let bestChance = 0
    for (const [entity, name] of nameEntities.entries()) {
      const chance = (chances[at + 1 + entity * 2] ?? 0) + (chances[at + 2 + entity * 2] ?? 0)
      // Where it may as well be a person, it is masked as one.
      const weighed = name === 'PERSON' ? chance * personBonus : chance
      if (chance < thresholds[name] || weighed <= bestChance) continue
      best = entity
      bestChance = weighed
    }
    return best
  }

  /**
   * Names in small letters are found in English, as chats have them. Elsewhere an unknown word in small letters is mostly
   * just that.
   */
  #mayBeSmallName(index: number): boolean {
    const word = this.#block.words[index]
    const place = this.#block.places[index]
    if (!word || !place) return false
    if (place.language === english || (place.language === 0 && this.#block.length < shortBlock)) return true
    return word.cue === cue.particle || ((word.facts & nameFacts) !== 0 && capitalTendency(word.facts) >= 5)
  }

  #startsName(index: number, entity: number): boolean {
    const { chances } = this.#chances
    const at = index * labelCount + 1 + entity * 2
    return (chances[at] ?? 0) > 0.5 && (chances[at] ?? 0) > (chances[at + 1] ?? 0)
  }

  /** From which chance on a single word outside of English is a name: there, words without a meaning for us abound. */
  #leastChance(index: number): number {
    const word = this.#block.words[index]
    const place = this.#block.places[index]
    if (!word || !place || place.language <= english) return 0
    const isKnown = (word.facts & personFacts) !== 0
    if (place.sentenceStart > 0 && (place.isAlsoSmall || !isKnown)) return surelyName
    if (place.language !== german || isKnown) return 0
    // German nouns have a capital wherever they stand; the lexicon has those of every day.
    return capitalTendency(word.facts) === 0 ? likelyName : surelyName
  }

  /** Whether a stretch is sure to be a name without a sentence around it: by its words, a title, or the field it is in. */
  #isWellKnown(first: number, last: number, chance: number): boolean {
    const { words, places } = this.#block
    const own = words
      .slice(first, last + 1)
      .filter((word) => word.writing !== writing.sign && (word.writing !== writing.small || word.cue !== cue.particle))
    if (words[first - 1]?.cue === cue.title || words[first - 2]?.cue === cue.title) return own.every(isPersonWord)
    if (own.length < 2) return false
    if (places[first]?.fieldCue === cue.nameField) return own.every(isPersonWord)
    if (!own.every(isPersonWord)) return false
    return chance > 0.95 || own.some(({ facts }) => (facts & personFacts) !== 0)
  }

  /** A title alone is nobody; names of accounts may have digits, names of persons don't. */
  #isNoPerson(first: number, last: number): boolean {
    const { words } = this.#block
    const own = words.slice(first, last + 1)
    if (own.every((word) => word.cue === cue.title && (word.facts & personFacts) === 0)) return true
    if (words[first]?.small === '@' || words[first - 1]?.small === '@') return false
    return own.some(({ small }) => small.includes('0'))
  }

  #isAt(index: number): boolean {
    return this.#block.words[index]?.small === '@'
  }

  #addName(from: number, to: number, entity: number, findings: Finding[]): void {
    const { tokens } = this.#block
    let first = from
    let last = to - 1
    // The sign of an account is a part of its name.
    while (first <= last && tokens.kinds[first] === signToken && !this.#isAt(first)) first += 1
    while (last > first && tokens.kinds[last] === signToken) last -= 1
    const name = nameEntities[entity]
    if (first > last || !name || (name === 'PERSON' && this.#isNoPerson(first, last))) return
    let best = 0
    for (let index = first; index <= last; index += 1)
      best = Math.max(best, 1 - (this.#chances.chances[index * labelCount] ?? 1))
    if (this.#block.places[first]?.isTechnical && (name !== 'PERSON' || !this.#isWellKnown(first, last, best))) return
    if (name === 'PERSON' && first === last && best < this.#leastChance(first)) return
    findings.push({
      start: tokens.starts[first] ?? 0,
      end: tokens.ends[last] ?? 0,
      entity: name,
      score: 0.4 + 0.55 * best,
    })
  }
}

interface Line {
  readonly from: number
  readonly to: number
  readonly kind: number
}

/** The lines of a block, and whether most of it is technical. */
function readLines(text: string, start: number, end: number): { lines: Line[]; isTechnical: boolean } {
  const lines: Line[] = []
  let units = 0
  for (let from = start; from < end; ) {
    let to = from + 1
    while (to < end && text.charCodeAt(to - 1) !== newlineUnit) to += 1
    const kind = technicalKindOf(text, from, to)
    if (kind !== technical.no) units += to - from
    lines.push({ from, to, kind })
    from = to
  }
  return { lines, isTechnical: units > (end - start) * 0.6 }
}

/** Whether a word can be a part of a person's name: known as one, or no everyday word. */
function isPersonWord(word: Word): boolean {
  if (!hasNameWriting(word)) return false
  return (word.facts & personFacts) !== 0 || capitalTendency(word.facts) === 0 || capitalTendency(word.facts) >= 6
}

function hasNameWriting({ writing: style }: Word): boolean {
  return style === writing.capital || style === writing.capitals || style === writing.other
}

const personFacts = fact.firstName | fact.lastName

/** Looks back for a line end, then for a space; never further than half a block, or texts without any would take for ever. */
function endOfBlock(text: string, start: number): number {
  const most = start + blockUnits
  if (text.length <= most) return text.length
  let blank = most
  for (let index = most; index > start + blockUnits / 2; index -= 1) {
    const unit = text.charCodeAt(index - 1)
    if (unit === newlineUnit) return index
    if (unit === spaceUnit && blank === most) blank = index
  }
  return blank
}

const newlineUnit = 10
const spaceUnit = 32

let shipped: NameFinder | null = null

/** Names of persons, places and organisations, in order. The model is read when the first text is looked at. */
export function findNames(scan: Scan): Finding[] {
  shipped ??= new NameFinder(loadModel())
  return shipped.find(scan.text)
}
