import type { Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'

const label = '(?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?'
/** PEM (RFC 7468), OpenPGP (RFC 9580), and SSH2 (RFC 4716), whose lines have four dashes and a blank. */
const blockStart = new RegExp(`-{4,5} ?BEGIN ${label} ?-{4,5}`, 'y')
const blockEnd = new RegExp(`-{4,5} ?END ${label} ?-{4,5}`, 'y')
const blockStarts = wordSet(['-----begin ', '---- begin '], { whole: false })
const blockEnds = wordSet(['-----end ', '---- end '], { whole: false })
/** An RSA key of 16,384 bits takes 12,700 signs; keys of OpenPGP come with subkeys. */
const longestBlock = 32_768
/** What follows the start of a block whose end was cut off: lines of base64. */
const blockLine = /[\s"'+,|>]{0,6}(?:\\[nr]){0,4}["'+,|>]{0,2}[A-Za-z0-9+/=]{16,128}/y

const puttyStarts = wordSet(['putty-user-key-file-'], { whole: false })
const puttyStart = /putty-user-key-file-[23]: .{1,64}/iy
const puttyLine = /(?:\r?\n|(?:\\r)?\\n)(?:[A-Za-z-]{4,24}: [^\n\r\\]{0,200}|[A-Za-z0-9+/=]{1,76})/y
const mostLines = 400

/** Private keys in blocks of text. */
export function findPrivateKeys(scan: Scan): Finding[] {
  return [...findBlocks(scan), ...findPuttyFiles(scan)]
}

function findBlocks(scan: Scan): Finding[] {
  const { text } = scan
  const starts = scan.hits(blockStarts).starts.filter((at) => endOfMatch(text, blockStart, at) !== null)
  if (starts.length === 0) return []
  const ends = scan.hits(blockEnds).starts.flatMap((at) => endOfMatch(text, blockEnd, at) ?? [])
  const findings: Finding[] = []
  let ended = 0
  let nextEnd = 0
  for (const start of starts) {
    if (start < ended) continue
    while (nextEnd < ends.length && (ends[nextEnd] ?? 0) <= start) nextEnd += 1
    const end = ends[nextEnd]
    const linesFrom = endOfMatch(text, blockStart, start) ?? start
    ended = end !== undefined && end - start <= longestBlock ? end : endOfLines(text, blockLine, linesFrom)
    findings.push({ start, end: ended, entity: 'SECRET', score: 1 })
  }
  return findings
}

function findPuttyFiles(scan: Scan): Finding[] {
  const findings: Finding[] = []
  let done = 0
  for (const start of scan.hits(puttyStarts).starts) {
    const linesFrom = start < done ? null : endOfMatch(scan.text, puttyStart, start)
    if (linesFrom === null) continue
    const end = endOfLines(scan.text, puttyLine, linesFrom)
    findings.push({ start, end, entity: 'SECRET', score: 1 })
    done = end
  }
  return findings
}

/** Where the last of the lines ends that follow each other from `from` on: public and private ones, and their names. */
function endOfLines(text: string, line: RegExp, from: number): number {
  let end = from
  for (let count = 0; count < mostLines; count += 1) {
    const next = endOfMatch(text, line, end)
    if (next === null) break
    end = next
  }
  return end
}

function endOfMatch(text: string, pattern: RegExp, at: number): number | null {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : null
}
