import type { Edit } from './layers.ts'
import type { Scan } from './scan.ts'

/** Letters of other scripts that look like Latin ones (Unicode Technical Standard 39, the ones that fonts draw alike). */
const lookalikes = new Map<string, string>()
for (const [plain, others] of [
  ...[
    ['A', 'АΑ'],
    ['B', 'ВΒ'],
    ['C', 'СϹ'],
    ['E', 'ЕΕ'],
    ['H', 'НΗ'],
    ['I', 'ІΙӀ'],
    ['J', 'Ј'],
    ['K', 'КΚ'],
  ],
  ...[
    ['M', 'МΜ'],
    ['N', 'Ν'],
    ['O', 'ОΟՕ'],
    ['P', 'РΡ'],
    ['Q', 'Ԛ'],
    ['S', 'ЅՏ'],
    ['T', 'ТΤ'],
    ['U', 'Ս'],
    ['V', 'Ѵ'],
  ],
  ...[
    ['W', 'Ԝ'],
    ['X', 'ХΧ'],
    ['Y', 'УΥ'],
    ['Z', 'Ζ'],
    ['a', 'аα'],
    ['b', 'Ь'],
    ['c', 'сϲ'],
    ['d', 'ԁ'],
    ['e', 'еεє'],
  ],
  ...[
    ['g', 'ց'],
    ['h', 'һհ'],
    ['i', 'іι'],
    ['j', 'јϳ'],
    ['k', 'кκ'],
    ['l', 'ӏ'],
    ['m', 'м'],
    ['n', 'пηո'],
    ['o', 'оοօσ'],
  ],
  ...[
    ['p', 'рρ'],
    ['q', 'ԛ'],
    ['r', 'г'],
    ['s', 'ѕ'],
    ['t', 'тτ'],
    ['u', 'υս'],
    ['v', 'ѵν'],
    ['w', 'ԝω'],
    ['x', 'хχ'],
  ],
  ...[['y', 'уγ']],
] as const) {
  for (const other of others) lookalikes.set(other, plain)
}

const foreign = /[\u0370-\u058f]/
const token = /[\w.@+%\u00c0-\u058f-]{2,256}/g
const word = /[A-Za-z\u00c0-\u058f]{2,64}/g
const latin = /[A-Za-z]/

/**
 * Letters of other scripts inside words that are Latin otherwise, with the letter that a reader sees. A word of one
 * script is what it is, and so is one with a letter that looks like no other.
 */
export function findLookalikes(text: string): Edit[] {
  if (!foreign.test(text)) return []
  const edits: Edit[] = []
  for (const { 0: found, index } of text.matchAll(token)) {
    if (!latin.test(found) || !foreign.test(found)) continue
    // An address is one word: none of its labels is in another script by chance.
    if (found.includes('@')) edits.push(...foldWord(found, index))
    else for (const { 0: part, index: at } of found.matchAll(word)) edits.push(...foldWord(part, index + at))
  }
  return edits
}

function foldWord(found: string, at: number): Edit[] {
  if (!latin.test(found)) return []
  const edits: Edit[] = []
  for (let index = 0; index < found.length; index += 1) {
    const sign = found.charAt(index)
    if (!foreign.test(sign)) continue
    const plain = lookalikes.get(sign)
    if (plain === undefined) return []
    edits.push({ start: at + index, end: at + index + 1, text: plain })
  }
  return edits
}

const digitLookalikes: Readonly<Record<string, string>> = { O: '0', o: '0', l: '1', I: '1', Z: '2', S: '5', B: '8' }
/** Three groups, as scanners of paper read them. */
const scannedGroups = /(?<![\w-])[\dOolIZSB]{3}([-. ])[\dOolIZSB]{2,3}\1[\dOolIZSB]{4}(?![\w-])/y
/** How much of such a number stands before its first, second, or third group. */
const leads = [0, 4, 7, 8]

/** Letters that a scanner took digits for, in numbers of the form `123-45-6789` and `415-555-2671`. */
export function findMisreadDigits(scan: Scan): Edit[] {
  const { text } = scan
  const edits: Edit[] = []
  let done = 0
  for (const { start, end } of scan.codes) {
    if (end - start > 4 || end - start < 2 || start < done || !readsAsDigits(text, start, end)) continue
    for (const lead of leads) {
      const from = start - lead
      if (from < done) continue
      scannedGroups.lastIndex = from
      const found = scannedGroups.exec(text)?.[0]
      if (found === undefined || found.length - found.replace(/\d/g, '').length < 5) continue
      for (let index = 0; index < found.length; index += 1) {
        const digit = digitLookalikes[found.charAt(index)]
        if (digit !== undefined) edits.push({ start: from + index, end: from + index + 1, text: digit })
      }
      done = from + found.length
      break
    }
  }
  return edits
}

function readsAsDigits(text: string, start: number, end: number): boolean {
  for (let index = start; index < end; index += 1) if (isDigitLike[text.charCodeAt(index)] !== 1) return false
  return true
}

const isDigitLike = new Uint8Array(128)
for (const sign of '0123456789OolIZSB') isDigitLike[sign.charCodeAt(0)] = 1
