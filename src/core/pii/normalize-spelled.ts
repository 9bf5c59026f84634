import type { Edit } from './layers.ts'
import type { Scan } from './scan.ts'
import { wordSet } from './word-set.ts'

/** What people write for the two signs of an address, in the languages that are looked for. */
const atWords = ['at', 'ät', 'arroba', 'arobase', 'chiocciola', 'klammeraffe', 'apenstaartje']
const dotWords = ['dot', 'punkt', 'punto', 'ponto', 'point', 'period']
const signWords = wordSet([...atWords.filter((word) => word !== 'at'), ...dotWords])
const bracketedAt = wordSet(
  ['(at)', '[at]', '{at}', '<at>', '( at )', '[ at ]', '{ at }', '(@)', '[@]', '_at_', '-at-'],
  {
    whole: false,
  },
)

const bracketed = (words: readonly string[], sign: string) =>
  String.raw`[([{<_-] ?(?:${words.join('|')}|${sign}) ?[)\]}>_-]`
const dot = String.raw`(?: {0,2}${bracketed(dotWords, String.raw`\.`)} {0,2}| {1,2}(?:${dotWords.join('|')}) {1,2}|\.)`
const label = String.raw`[\p{L}\p{N}](?:[\p{L}\p{N}_+-]{0,40}[\p{L}\p{N}])?`
const parts = `${label}(?:${dot}${label}){0,3}`
/** Sticky, tried where the sign between the two halves may stand: the local part is read backwards from there. */
const address = new RegExp(
  String.raw`(?<=(?<![\p{L}\p{N}._+-])(?<local>${parts})(?<blank> {0,2}))(?<at>${bracketed(atWords, '@')}|(?<= )(?:${atWords.join('|')})(?= )|@) {0,2}(?<domain>${parts}${dot}[a-z]{2,12})(?![\p{L}\p{N}])`,
  'iuy',
)
const dots = new RegExp(dot, 'giu')
const spelledDot = new RegExp(`(?<![a-z])(?:${dotWords.join('|')})(?![a-z])`, 'i')
/** `look at the dot com years`: an article is no host. */
const noHost = /^(?:the|a|an|this|that|our|your|my|his|her|their|its|der|die|das|el|la|le|les)(?![\p{L}\p{N}])/iu
/** How far before a spelled dot the sign of its address can stand. */
const longestLabel = 64

/** E-mail addresses whose `@` or dots are words: `ada (at) example [dot] com`, `ada at example dot com`. */
export function findSpelledAddresses(scan: Scan): Edit[] {
  if (!scan.has(signWords) && !scan.has(bracketedAt)) return []
  const edits: Edit[] = []
  let done = 0
  for (const place of [...placesOfSigns(scan)].sort((left, right) => left - right)) {
    if (place < done) continue
    address.lastIndex = place
    const match = address.exec(scan.text)
    if (!match) continue
    const found = editsOf(match, place)
    const [first] = found
    if (!first || first.start < done) continue
    edits.push(...found)
    done = address.lastIndex
  }
  return edits
}

/** Where the sign of an address may stand: where it is spelled out, and before dots that are. */
function placesOfSigns(scan: Scan): Set<number> {
  const { text } = scan
  const words = scan.hits(signWords).starts
  const places = new Set([...scan.hits(bracketedAt).starts, ...words, ...words.map((start) => start - 1)])
  for (const start of words) {
    // The text is cut before it is searched: looking back through all of it for every word would be quadratic.
    const from = Math.max(0, start - longestLabel)
    const before = text.slice(from, start)
    for (const sign of [before.toLowerCase().lastIndexOf(' at ') + 1, before.lastIndexOf('@')]) {
      if (sign > 0) places.add(from + sign)
    }
  }
  return places
}

function editsOf(match: RegExpExecArray, place: number): Edit[] {
  const { local = '', blank = '', at = '', domain = '' } = match.groups ?? {}
  const isBareWord = /^\p{L}+$/u.test(at)
  if (isBareWord && (noHost.test(domain) || !spelledDot.test(domain))) return []
  const domainStart = place + match[0].length - domain.length
  const localEnd = place - blank.length
  const edits = dotsOf(local, localEnd - local.length)
  if (domainStart - localEnd > 1) edits.push({ start: localEnd, end: domainStart, text: '@' })
  edits.push(...dotsOf(domain, domainStart))
  return edits
}

function dotsOf(part: string, start: number): Edit[] {
  return [...part.matchAll(dots)]
    .filter(({ 0: found }) => found !== '.')
    .map(({ 0: found, index }) => ({ start: start + index, end: start + index + found.length, text: '.' }))
}
