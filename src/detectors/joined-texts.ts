import type { TextPiece } from '../core/pii/detector.ts'
import type { Finding } from '../core/pii/recognizer.ts'

/** A text for one call of a remote detector, and what it was made of. */
export interface JoinedText {
  readonly text: string
  readonly parts: readonly Part[]
}

interface Part {
  readonly piece: number
  /** Where the part stands in the joined text. */
  readonly start: number
  readonly end: number
  /** Where it starts in its piece. */
  readonly offset: number
}

/** Enough that a call is mostly work, and little enough that none takes long. */
const longest = 20_000
/** Longer than any finding: what stands across a cut is whole in one of the two parts. */
const overlap = 400
/** A sentence does not go on over it. */
const gap = '\n\n'

/**
 * Joins short pieces and cuts long ones, so that the number of calls goes with the amount of text. The name of a field is
 * written before its value: it helps to tell what it is.
 */
export function joinTexts(pieces: readonly TextPiece[]): JoinedText[] {
  const joined: JoinedText[] = []
  let text = ''
  let parts: Part[] = []
  const flush = () => {
    if (parts.length > 0) joined.push({ text, parts })
    text = ''
    parts = []
  }
  for (const [piece, { name, text: whole }] of pieces.entries()) {
    if (whole.trim() === '') continue
    const lead = name === '' ? '' : `${name}: `
    for (const { offset, slice } of cut(whole)) {
      if (text !== '' && text.length + gap.length + lead.length + slice.length > longest) flush()
      if (text !== '') text += gap
      text += lead
      parts.push({ piece, start: text.length, end: text.length + slice.length, offset })
      text += slice
    }
  }
  flush()
  return joined
}

/** At blanks, where there are any, and never inside a surrogate pair. */
function cut(whole: string): { offset: number; slice: string }[] {
  const slices: { offset: number; slice: string }[] = []
  let from = 0
  while (whole.length - from > longest) {
    const blank = whole.lastIndexOf(' ', from + longest)
    let end = blank > from + longest / 2 ? blank : from + longest
    if (isLowSurrogate(whole.charCodeAt(end))) end -= 1
    slices.push({ offset: from, slice: whole.slice(from, end) })
    from = end - overlap
    if (isLowSurrogate(whole.charCodeAt(from))) from -= 1
  }
  slices.push({ offset: from, slice: whole.slice(from) })
  return slices
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}

/** Adds the findings of a joined text to those of its pieces. One that spans several pieces is cut at their ends. */
export function spreadFindings({ parts }: JoinedText, findings: readonly Finding[], byPiece: Finding[][]): void {
  for (const finding of findings) {
    for (const { piece, start, end, offset } of parts) {
      if (finding.start >= end || finding.end <= start) continue
      byPiece[piece]?.push({
        ...finding,
        start: Math.max(finding.start, start) - start + offset,
        end: Math.min(finding.end, end) - start + offset,
      })
    }
  }
}
