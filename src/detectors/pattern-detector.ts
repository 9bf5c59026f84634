import { RE2JS } from 're2js'
import type { LocalDetector } from '../core/pii/builtin-detector.ts'
import { joinOverlaps } from '../core/pii/detect.ts'
import type { TextPiece } from '../core/pii/detector.ts'
import type { Entity } from '../core/pii/entities.ts'
import { normalize, toOriginal } from '../core/pii/normalize.ts'
import type { Finding } from '../core/pii/recognizer.ts'
import { DeniedWords } from './denied-words.ts'
import { foldCase } from './fold-case.ts'

export interface OwnPattern {
  readonly entity: Entity
  /** A regular expression in RE2 syntax: it can't backtrack, so it can't hang. */
  readonly pattern: string
  /** Words of which one must stand within 40 characters of a match, or be the field's name; none: anywhere. */
  readonly context?: readonly string[]
  /** 0 to 1; 0.9 if it is not said. Where findings overlap, the surest gives the name. */
  readonly score?: number
}

export interface OwnWords {
  readonly entity: Entity
  /** In any case, as whole words. */
  readonly words: readonly string[]
}

/**
 * Finds what an operator's own patterns and words say. Texts are read as they are and, where they hide something, as
 * recognizers read them: without signs that are not seen, escapes resolved. @throws Error where a pattern is no RE2.
 */
export function createPatternDetector(options: {
  patterns: readonly OwnPattern[]
  deny: readonly OwnWords[]
}): LocalDetector {
  const patterns = options.patterns.map((each) => new CompiledPattern(each))
  const denied = new DeniedWords(options.deny)
  const findIn = (text: string, name: string): Finding[] => {
    const folded = foldCase(text)
    return [...patterns.flatMap((pattern) => pattern.find(text, folded, name)), ...denied.find(folded)]
  }
  return {
    name: 'patterns',
    detect: (pieces: readonly TextPiece[]) =>
      pieces.map(({ name, text }) => {
        const findings = findIn(text, foldCase(name))
        const { scan, layers } = normalize(text)
        if (layers.length === 0) return joinOverlaps(findings)
        const disguised = toOriginal(text, layers, joinOverlaps(findIn(scan.text, foldCase(name))))
        return joinOverlaps(findings.concat(disguised))
      }),
  }
}

const contextDistance = 40
const usualScore = 0.9

class CompiledPattern {
  readonly #pattern: RE2JS
  readonly #entity: Entity
  readonly #score: number
  readonly #context: readonly string[]

  constructor({ entity, pattern, context = [], score = usualScore }: OwnPattern) {
    this.#pattern = RE2JS.compile(pattern)
    this.#entity = entity
    this.#score = score
    this.#context = context.map(foldCase)
  }

  find(text: string, folded: string, name: string): Finding[] {
    if (this.#context.length > 0 && !this.#hasContext(folded, name)) return []
    const findings: Finding[] = []
    const matcher = this.#pattern.matcher(text)
    while (matcher.find()) {
      const finding = { start: matcher.start(), end: matcher.end(), entity: this.#entity, score: this.#score }
      if (finding.end > finding.start && this.#isInContext(folded, name, finding)) findings.push(finding)
    }
    return findings
  }

  #isInContext(folded: string, name: string, { start, end }: Finding): boolean {
    if (this.#context.length === 0) return true
    const before = folded.slice(Math.max(0, start - contextDistance), start)
    const after = folded.slice(end, end + contextDistance)
    return this.#hasContext(`${before}\n${after}`, name)
  }

  #hasContext(folded: string, name: string): boolean {
    return this.#context.some((word) => folded.includes(word) || name.includes(word))
  }
}
