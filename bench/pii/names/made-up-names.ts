/** Fills the sentence frames with names. */
import type { LocaleNames, NameLists } from './name-lists.ts'
import type { Random } from './random.ts'
import { allFrames, type Frames, nameless } from './sentence-frames.ts'
import type { NameText, Span } from './training-texts.ts'

const labelOf: Readonly<Record<string, string | undefined>> = {
  P: 'PERSON',
  F: 'PERSON',
  L: 'PERSON',
  C: 'LOCATION',
  K: 'LOCATION',
  O: 'ORG',
  M: 'ORG',
}

/** Each frame so many times, each time with other names, two frames a text at times. */
export function makeUpTexts(lists: NameLists, random: Random, times: number): NameText[] {
  const texts: NameText[] = []
  for (let round = 0; round < times; round += 1) {
    for (const frames of allFrames) {
      for (const frame of frames.frames) {
        const other = random.chance(0.3) ? ` ${random.pick(frames.frames)}` : ''
        texts.push(fill(frame + other, frames, lists, random))
      }
    }
    for (const text of nameless) texts.push({ set: 'made-up', text, spans: [], key: text })
  }
  return texts
}

function fill(frame: string, frames: Frames, lists: NameLists, random: Random): NameText {
  const spans: Span[] = []
  let text = ''
  for (const [index, piece] of frame.split(/\{([PFLCKONMS])\}/).entries()) {
    if (index % 2 === 0) {
      text += piece
      continue
    }
    const value = valueFor(piece, frames, lists, random)
    const label = labelOf[piece]
    const last = spans.at(-1)
    // A first and a last name beside each other are one person.
    if (label === 'PERSON' && last?.label === 'PERSON' && /^ ?$/.test(text.slice(last.end))) {
      spans[spans.length - 1] = { ...last, end: text.length + value.length }
    } else if (label) spans.push({ start: text.length, end: text.length + value.length, label })
    text += value
  }
  return { set: 'made-up', text, spans, key: frame }
}

function valueFor(slot: string, frames: Frames, lists: NameLists, random: Random): string {
  if (slot === 'N')
    return frames.compounds && random.chance(0.4) ? compound(frames.nouns, random) : random.pick(frames.nouns)
  if (slot === 'O') return random.pick(frames.companies)
  if (slot === 'C') return random.pick(lists.cities)
  if (slot === 'K') return random.pick(lists.places)
  const start = random.chance(0.7) ? frames.locales[0] : random.pick(frames.locales)
  const near = lists.locales.filter(({ locale }) => locale.startsWith(start ?? 'en'))
  const locale = random.pick(near.length > 0 ? near : lists.locales)
  if (slot === 'M') return companyOf(locale, random)
  if (slot === 'S') return houseIn(locale, random)
  if (slot === 'F') return random.pick(locale.first)
  if (slot === 'L') return random.pick(locale.last)
  return `${random.pick(locale.first)} ${random.pick(locale.last)}`
}

function companyOf({ last }: LocaleNames, random: Random): string {
  const draw = random.next()
  if (draw < 0.35) return `${random.pick(last)}, ${random.pick(last)} and ${random.pick(last)}`
  if (draw < 0.55) return `${random.pick(last)}-${random.pick(last)}`
  return `${random.pick(last)} ${random.pick(['Inc', 'Ltd', 'LLC', 'PLC', 'Group', 'and Sons', '& Co', 'Holdings'])}`
}

function houseIn({ first, last }: LocaleNames, random: Random): string {
  const name = random.pick(random.chance(0.3) ? first : last)
  const number = 1 + Math.floor(random.next() * 9000)
  const kind = random.pick(streetKinds)
  return random.chance(0.8) ? `${number} ${name} ${kind}` : `${name} ${kind} ${number}`
}

const streetKinds =
  'Street St Road Rd Avenue Ave Lane Drive Dr Court Place Square Hill Park Bridge Heights Crossing Meadow Point Trail Walk Way'.split(
    ' ',
  )

/** German makes words of words: `Wirtschaftsbericht`. */
function compound(nouns: readonly string[], random: Random): string {
  const first = random.pick(nouns)
  const joint = /(?:ung|heit|keit|schaft|ion|tät)$/.test(first) ? 's' : first.endsWith('e') ? 'n' : ''
  return first + joint + random.pick(nouns).toLowerCase()
}
