import { type Edit, Layer } from './layers.ts'
import { findEscapes } from './normalize-escapes.ts'
import { findLookalikes, findMisreadDigits } from './normalize-lookalikes.ts'
import { findOddSigns } from './normalize-signs.ts'
import { findSpelledAddresses } from './normalize-spelled.ts'
import type { Finding } from './recognizer.ts'
import { Scan } from './scan.ts'

/** A text as the recognizers read it, and the way back to where its signs stand in the original. */
export interface NormalizedText {
  readonly scan: Scan
  /** Outermost first: the first is over the original, each other over the text of the one before. */
  readonly layers: readonly Layer[]
}

/**
 * Takes away what hides a value from a pattern and not from a reader: escapes, signs that are not seen or look like
 * others, addresses that are spelled out. A text without any of them costs a look.
 */
export function normalize(original: string): NormalizedText {
  const layers: Layer[] = []
  let text = original
  const add = (edits: readonly Edit[]): boolean => {
    if (edits.length === 0) return false
    const layer = new Layer(text, edits)
    layers.push(layer)
    text = layer.text
    return true
  }
  // Escapes twice: what one decoder leaves may be another's escape.
  if (add(findEscapes(text))) add(findEscapes(text))
  add(findOddSigns(text))
  add(findLookalikes(text))
  let scan = new Scan(text)
  if (add(findMisreadDigits(scan))) scan = new Scan(text)
  if (add(findSpelledAddresses(scan))) scan = new Scan(text)
  return { scan, layers }
}

/** Entities whose values hold escapes as a part of them: they go on to the end of the word as it is written. */
const goOnPastEscapes: ReadonlySet<string> = new Set(['URL', 'SECRET', 'PASSWORD', 'USERNAME'])
const restOfWord = /[^\s"'<>&;,)\]}]{0,512}/y

/** Findings in the normalized text, as findings in the original. In order and without overlaps before, and after. */
export function toOriginal(original: string, layers: readonly Layer[], findings: readonly Finding[]): Finding[] {
  let last = 0
  return findings.flatMap((finding) => {
    let stretch = { start: finding.start, end: finding.end }
    for (const layer of layers.toReversed()) stretch = layer.toOriginal(stretch)
    if (goOnPastEscapes.has(finding.entity) && original.charCodeAt(stretch.end) === percent) {
      restOfWord.lastIndex = stretch.end
      restOfWord.test(original)
      stretch = { start: stretch.start, end: Math.max(stretch.end, restOfWord.lastIndex) }
    }
    const start = Math.max(last, stretch.start)
    if (start >= stretch.end) return []
    last = stretch.end
    return [{ ...finding, start, end: stretch.end }]
  })
}

const percent = 0x25
