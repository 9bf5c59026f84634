import { isUtf8 } from 'node:buffer'
import type { Finding } from './recognizer.ts'

/** A run of base64 in a text, and what it says. */
interface Blob {
  readonly start: number
  readonly end: number
  readonly decoded: string
}

/** Shorter ones hold no value that could be told from chance. */
const shortestBlob = 16
/** Longer ones are pictures and files; whether those may pass is a matter of policy. */
const longestBlob = 65_536 * 1.5
/** Mail and PEM break base64 into lines of 76 or 64 signs. */
const shortestLine = 60

/** Finds in texts that are written in base64 (RFC 4648, both alphabets), and blames the whole run for what it holds. */
export function findInBlobs(text: string, detectDecoded: (decoded: string) => readonly Finding[]): Finding[] {
  const findings: Finding[] = []
  for (const { start, end, decoded } of findBlobs(text)) {
    let best: Finding | null = null
    for (const finding of detectDecoded(decoded)) if (!best || finding.score > best.score) best = finding
    if (best) findings.push({ start, end, entity: best.entity, score: best.score })
  }
  return findings
}

/**
 * Looks at every sixteenth sign: a run that long has one of them, and most texts have blanks and dots so often that few
 * places need a second look.
 */
function findBlobs(text: string): Blob[] {
  const blobs: Blob[] = []
  let at = shortestBlob - 1
  let done = 0
  while (at < text.length) {
    if (!isBase64(text.charCodeAt(at))) {
      at += shortestBlob
      continue
    }
    let start = at
    while (start > done && isBase64(text.charCodeAt(start - 1))) start -= 1
    let end = at + 1
    while (isBase64(text.charCodeAt(end))) end += 1
    done = end
    at = end + shortestBlob
    if (end - start < shortestBlob || !looksEncoded(text, start)) continue
    const blob = readBlob(text, start, end)
    if (!blob) continue
    blobs.push(blob)
    done = blob.end
    at = done + shortestBlob
  }
  return blobs
}

/** The longest reading that makes sense: with the lines that follow and the last, shorter one; without that; alone. */
function readBlob(text: string, start: number, end: number): Blob | null {
  const ends = [end]
  const length = end - start
  for (let next = nextLine(text, end); next > 0 && length >= shortestLine && length % 4 === 0; ) {
    let lineEnd = next
    while (isBase64(text.charCodeAt(lineEnd)) && lineEnd - next < length) lineEnd += 1
    ends.push(lineEnd)
    next = lineEnd - next === length ? nextLine(text, lineEnd) : 0
  }
  for (const each of new Set([ends.at(-1), ends.at(-2), end])) {
    if (each === undefined || each - start > longestBlob) continue
    const decoded = decode(text.slice(start, each))
    if (decoded !== null) return { start, end: endOfPadding(text, each), decoded }
  }
  return null
}

/** Where the line after a line end starts, 0 if there is no line end. */
function nextLine(text: string, end: number): number {
  if (text.charAt(end) === '\n') return end + 1
  return text.startsWith('\r\n', end) ? end + 2 : 0
}

function endOfPadding(text: string, end: number): number {
  let padded = end
  while (padded < end + 2 && text.charAt(padded) === '=') padded += 1
  return padded
}

/** Whether the first 12 signs decode to the start of a text in UTF-8: of others one in a hundred does. */
function looksEncoded(text: string, start: number): boolean {
  let following = 0
  for (let index = start; index < start + 12; index += 4) {
    const bits =
      (valueAt(text, index) << 18) |
      (valueAt(text, index + 1) << 12) |
      (valueAt(text, index + 2) << 6) |
      valueAt(text, index + 3)
    for (let shift = 16; shift >= 0; shift -= 8) {
      following = nextFollowing((bits >> shift) & 0xff, following)
      if (following < 0) return false
    }
  }
  return true
}

/** How many more bytes the letter that a byte is part of has; -1 where no text has such a byte. */
function nextFollowing(byte: number, following: number): number {
  if (following > 0) return byte >= 0x80 && byte < 0xc0 ? following - 1 : -1
  if (byte < 0x80) return isTextByte(byte) ? 0 : -1
  if (byte < 0xc2 || byte > 0xf4) return -1
  return byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3
}

function valueAt(text: string, index: number): number {
  return (values[text.charCodeAt(index)] ?? 0) & 0x3f
}

function decode(run: string): string | null {
  const bytes = Buffer.from(run, 'base64')
  return isText(bytes) && isUtf8(bytes) ? bytes.toString('utf8') : null
}

/** No control signs but line ends and tabs. */
function isText(bytes: Uint8Array): boolean {
  return bytes.every(isTextByte)
}

function isTextByte(byte: number): boolean {
  return byte >= 0x20 ? byte !== 0x7f : byte === 9 || byte === 10 || byte === 13
}

function isBase64(unit: number): boolean {
  return (values[unit] ?? 0) !== 0
}

/** The value of each sign of base64 and 64 more; 0 for what is none. Both alphabets. */
const values = new Uint8Array(128)
for (const [index, sign] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  values[sign.charCodeAt(0)] = 64 + index
}
values['-'.charCodeAt(0)] = 64 + 62
values['_'.charCodeAt(0)] = 64 + 63
