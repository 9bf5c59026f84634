import type { NameFinder } from '../../../src/core/pii/names/find-names.ts'
import type { NameText } from './training-texts.ts'

interface Counts {
  gold: number
  hit: number
  hidden: number
  found: number
  right: number
}

/** Per set and entity: typed, any overlap counts, as in `npm run eval:pii`. */
export function scoreNames(finder: NameFinder, texts: readonly NameText[]): Map<string, Map<string, Counts>> {
  const scores = new Map<string, Map<string, Counts>>()
  for (const { set, text, spans } of texts) {
    const findings = finder.find(text)
    const counts = scores.get(set) ?? new Map<string, Counts>()
    scores.set(set, counts)
    const count = (entity: string): Counts => {
      const known = counts.get(entity) ?? { gold: 0, hit: 0, hidden: 0, found: 0, right: 0 }
      counts.set(entity, known)
      return known
    }
    for (const span of spans) {
      const tally = count(span.label)
      const touching = findings.filter((finding) => finding.start < span.end && finding.end > span.start)
      tally.gold += 1
      if (touching.some(({ entity }) => entity === span.label)) tally.hit += 1
      if (touching.some((finding) => finding.start <= span.start && finding.end >= span.end)) tally.hidden += 1
    }
    for (const finding of findings) {
      const tally = count(finding.entity)
      tally.found += 1
      const isRight = spans.some(
        (span) => span.label === finding.entity && finding.start < span.end && finding.end > span.start,
      )
      if (isRight) tally.right += 1
    }
  }
  return scores
}

export function formatNameScores(scores: ReadonlyMap<string, ReadonlyMap<string, Counts>>): string {
  const lines: string[] = []
  for (const [set, byEntity] of scores) {
    const parts = ['PERSON', 'LOCATION', 'ORG'].map((entity) => {
      const { gold, hit, hidden, found, right } = byEntity.get(entity) ?? {
        gold: 0,
        hit: 0,
        hidden: 0,
        found: 0,
        right: 0,
      }
      const precision = found === 0 ? 0 : right / found
      const recall = gold === 0 ? 0 : hit / gold
      const f2 = precision + recall === 0 ? 0 : (5 * precision * recall) / (4 * precision + recall)
      const figures = [precision, recall, f2, gold === 0 ? 0 : hidden / gold].map((figure) => figure.toFixed(3))
      return `${entity.slice(0, 3)} ${String(gold).padStart(4)} ${figures.join(' ')}`
    })
    lines.push(`${set.padEnd(20)} ${parts.join(' | ')}`)
  }
  return ['set                  entity, gold, P R F2 hidden', ...lines].join('\n')
}
