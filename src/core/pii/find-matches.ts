import type { Entity, Finding } from './recognizer.ts'

/** Every match of a global pattern that `accept` takes, as a finding. */
export function findMatches(
  text: string,
  what: { entity: Entity; pattern: RegExp; score: number; accept?: (match: string, index: number) => boolean },
): Finding[] {
  const findings: Finding[] = []
  for (const match of text.matchAll(what.pattern)) {
    const [found] = match
    if (what.accept && !what.accept(found, match.index)) continue
    findings.push({ start: match.index, end: match.index + found.length, entity: what.entity, score: what.score })
  }
  return findings
}

/** Whether the words that lead up to `index` say what stands there. `word` should end in `$`. */
export function isIntroduced(text: string, index: number, word: RegExp): boolean {
  return word.test(text.slice(Math.max(0, index - maxIntroduction), index))
}

const maxIntroduction = 40
