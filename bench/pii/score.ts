/**
 * What a detector is measured by. `hid`: the gold span is covered by masks, of whatever kind. `leaked`: the value still
 * stands somewhere in the masked text as it would be sent. Precision, recall and F are typed, and any overlap counts.
 */
import type { Finding } from '../../src/core/pii/recognizer.ts'
import type { LabelledText, Span } from './labelled-texts.ts'

export interface Tally {
  gold: number
  /** Gold spans that a finding of the same label touches. */
  hit: number
  hid: number
  /** Findings of this label. */
  found: number
  /** Findings of this label that touch a gold span of the same label. */
  right: number
  /** Findings that touch no gold span of any label. */
  outside: number
  /** Distinct gold values of each text that are long enough to count, and how many of them stand in the masked text. */
  values: number
  leaked: number
}

/** Gold that is neither hit nor miss when it is found: `127.0.0.1`, `root`. */
const optionalLabels: ReadonlySet<string> = new Set(['LOCAL_IP', 'SYSTEM_USER'])
const shortestValue = 4

export interface Mistake {
  readonly kind: 'miss' | 'false'
  readonly label: string
  readonly value: string
  readonly context: string
}

/** Adds up the results of the texts of one file. */
export class Score {
  readonly tallies = new Map<string, Tally>()
  readonly mistakes: Mistake[] = []
  bytes = 0
  seconds = 0
  /** UTF-16 units outside gold, and how many of them a mask covers. */
  plainUnits = 0
  extraMasked = 0
  /** Spans that agree in place, whatever their labels: intersection over union of at least 0.75. */
  readonly placed = { gold: 0, found: 0, agreed: 0 }
  readonly #commonWords: ReadonlySet<string>
  readonly #keepsMistakes: boolean

  constructor(commonWords: ReadonlySet<string>, options: { keepsMistakes: boolean }) {
    this.#commonWords = commonWords
    this.#keepsMistakes = options.keepsMistakes
  }

  add({ text, spans }: LabelledText, findings: readonly Finding[]): void {
    const gold = spans.filter(({ label }) => !optionalLabels.has(label))
    this.bytes += Buffer.byteLength(text)
    this.#addGold(text, gold, findings)
    this.#addFindings(text, spans, findings)
    this.#addLeaks(text, gold, findings)
    this.#addExtra(text, spans, findings)
    this.#addPlaced(gold, findings)
  }

  tallyOf(label: string): Tally {
    const known = this.tallies.get(label)
    if (known) return known
    const tally = { gold: 0, hit: 0, hid: 0, found: 0, right: 0, outside: 0, values: 0, leaked: 0 }
    this.tallies.set(label, tally)
    return tally
  }

  #addGold(text: string, gold: readonly Span[], findings: readonly Finding[]): void {
    for (const span of gold) {
      const tally = this.tallyOf(span.label)
      const isHit = findings.some((finding) => finding.entity === span.label && overlap(finding, span) > 0)
      const isHid = covered(span, findings) >= text.slice(span.start, span.end).trim().length
      tally.gold += 1
      if (isHit) tally.hit += 1
      if (isHid) tally.hid += 1
      if (!isHit || !isHid) this.#note('miss', span.label, text, span)
    }
  }

  #addFindings(text: string, spans: readonly Span[], findings: readonly Finding[]): void {
    for (const finding of findings) {
      const touched = spans.filter((span) => overlap(finding, span) > 0)
      const isRight = touched.some(({ label }) => label === finding.entity)
      if (!isRight && touched.some(({ label }) => optionalLabels.has(label))) continue
      const tally = this.tallyOf(finding.entity)
      tally.found += 1
      if (isRight) tally.right += 1
      else this.#note('false', finding.entity, text, finding)
      if (touched.length === 0) tally.outside += 1
    }
  }

  #addLeaks(text: string, gold: readonly Span[], findings: readonly Finding[]): void {
    const sent = JSON.stringify(mask(text, findings))
    const seen = new Set<string>()
    for (const { start, end, label } of gold) {
      const value = text.slice(start, end).trim()
      if (value.length < shortestValue || seen.has(value) || this.#commonWords.has(value.toLowerCase())) continue
      seen.add(value)
      const tally = this.tallyOf(label)
      tally.values += 1
      if (sent.includes(JSON.stringify(value).slice(1, -1))) tally.leaked += 1
    }
  }

  #addExtra(text: string, spans: readonly Span[], findings: readonly Finding[]): void {
    const inGold = union(spans).reduce((sum, { start, end }) => sum + end - start, 0)
    this.plainUnits += text.length - inGold
    const all = union(spans)
    for (const finding of union(findings)) {
      this.extraMasked += finding.end - finding.start - all.reduce((sum, span) => sum + overlap(finding, span), 0)
    }
  }

  #addPlaced(gold: readonly Span[], findings: readonly Finding[]): void {
    this.placed.gold += gold.length
    this.placed.found += findings.length
    for (const span of gold) {
      const agrees = (finding: Finding) => {
        const shared = overlap(span, finding)
        return shared / (span.end - span.start + finding.end - finding.start - shared) >= 0.75
      }
      if (findings.some(agrees)) this.placed.agreed += 1
    }
  }

  #note(kind: Mistake['kind'], label: string, text: string, { start, end }: { start: number; end: number }): void {
    if (!this.#keepsMistakes) return
    const line = (piece: string) => piece.replaceAll('\n', '⏎')
    const before = line(text.slice(Math.max(0, start - 50), start))
    const value = line(text.slice(start, end))
    this.mistakes.push({ kind, label, value, context: `${before}⟦${value}⟧${line(text.slice(end, end + 40))}` })
  }
}

interface Stretch {
  readonly start: number
  readonly end: number
}

function overlap(left: Stretch, right: Stretch): number {
  return Math.max(0, Math.min(left.end, right.end) - Math.max(left.start, right.start))
}

function covered(span: Stretch, findings: readonly Finding[]): number {
  return findings.reduce((sum, finding) => sum + overlap(finding, span), 0)
}

function union(stretches: readonly Stretch[]): Stretch[] {
  const joined: Stretch[] = []
  for (const { start, end } of [...stretches].sort((left, right) => left.start - right.start)) {
    const last = joined.at(-1)
    if (last && start <= last.end) joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, end) }
    else joined.push({ start, end })
  }
  return joined
}

function mask(text: string, findings: readonly Finding[]): string {
  let masked = ''
  let from = 0
  for (const [index, { start, end, entity }] of findings.entries()) {
    masked += `${text.slice(from, start)}<${entity}_${index + 1}>`
    from = end
  }
  return masked + text.slice(from)
}

/**
 * Words that the texts write in small letters outside of gold: no list of words is needed to know that `will` is one. A
 * gold value that is such a word cannot be told from it when it is looked for.
 */
export function commonWordsOf(texts: readonly LabelledText[]): Set<string> {
  const words = new Set<string>()
  for (const { text, spans } of texts) {
    let from = 0
    for (const { start, end } of [...union(spans), { start: text.length, end: text.length }]) {
      for (const word of text.slice(from, start).match(/(?<![\p{L}\p{N}._@-])\p{Ll}{4,30}(?![\p{L}\p{N}_@])/gu) ?? []) {
        words.add(word)
      }
      from = end
    }
  }
  return words
}
