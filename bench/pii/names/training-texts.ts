/** The labelled texts that the names model learns from, and their variations. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LocaleNames, NameLists } from './name-lists.ts'
import type { Random } from './random.ts'

export interface Span {
  readonly start: number
  readonly end: number
  readonly label: string
}

export interface NameText {
  readonly set: string
  readonly text: string
  /** Only of persons, places and organisations. */
  readonly spans: readonly Span[]
  /** Texts of one template are on one side of the split. */
  readonly key: string
}

/** At most so many texts of each set are taken: made-up texts repeat themselves. Real prose that is rare counts twice. */
const permitted: Readonly<Record<string, { most: number; times?: number }>> = {
  btc_twitter: { most: 10_000 },
  wnut17: { most: 10_000, times: 2 },
  wikigold: { most: 10_000, times: 3 },
  presidio_synth_v2: { most: 10_000 },
  presidio_generated: { most: 10_000 },
  kiji_e2e: { most: 10_000 },
  meddocan_es: { most: 250 },
  piianon_clinical: { most: 300 },
  piianon_legal: { most: 200 },
  piianon_technology: { most: 250 },
  piianon_formats: { most: 300 },
  piianon_temporal: { most: 150 },
  piianon_adversarial: { most: 250 },
}

/** Share-alike: only for evaluation unless asked for, see docs/decisions/0009-names-model.md. */
const shareAlike = ['uner_en_ewt', 'uner_en_pud', 'uner_de_pud', 'uner_pt_bosque', 'uner_sv_talbanken']

const entityOf: Readonly<Record<string, string>> = {
  PERSON: 'PERSON',
  LOCATION: 'LOCATION',
  ORG: 'ORG',
  ORG_GROUP: 'ORG',
}

export function readTrainingTexts(folder: string, withShareAlike: boolean): NameText[] {
  const sets = [...Object.keys(permitted), ...(withShareAlike ? shareAlike : [])]
  return sets.flatMap((set) => readSet(folder, set))
}

export function readEvaluationOnly(folder: string): NameText[] {
  return shareAlike.flatMap((set) => readSet(folder, set))
}

function readSet(folder: string, set: string): NameText[] {
  const file = join(folder, set, 'dev.jsonl')
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const record = JSON.parse(line) as { text: string; tpl?: string; spans: Span[] }
      const spans = record.spans.flatMap(({ start, end, label }) => {
        const entity = entityOf[label]
        return entity === undefined || /\d{4}/.test(record.text.slice(start, end))
          ? []
          : [{ start, end, label: entity }]
      })
      return { set, text: record.text, spans: spans.sort((a, b) => a.start - b.start), key: record.tpl ?? record.text }
    })
}

/** Whether a text is held out: a fifth of the templates of each set. */
export function isHeldOut({ key }: NameText): boolean {
  return (createHash('sha256').update(`names:${key}`).digest()[0] ?? 0) < 51
}

/** At most so many texts of each set as are permitted, spread over its templates. */
export function thinOut(texts: readonly NameText[], random: Random): NameText[] {
  const bySet = Map.groupBy(texts, ({ set }) => set)
  return [...bySet].flatMap(([set, all]) => {
    const most = permitted[set]?.most ?? all.length
    const byKey = [...Map.groupBy(random.shuffle([...all]), ({ key }) => key).values()]
    const taken: NameText[] = []
    for (let round = 0; taken.length < most && byKey.some((group) => group.length > round); round += 1) {
      for (const group of byKey) {
        const text = group[round]
        if (text && taken.length < most) taken.push(text)
      }
    }
    return Array.from({ length: permitted[set]?.times ?? 1 }, () => taken).flat()
  })
}

/**
 * Machine-made texts leave later mentions of a person by the first or the last name alone without a label. They are names
 * all the same.
 */
export function completeLabels(text: NameText): NameText {
  if (!text.set.startsWith('piianon')) return text
  const parts = new Set<string>()
  for (const { start, end, label } of text.spans) {
    if (label !== 'PERSON') continue
    for (const part of text.text.slice(start, end).match(/\p{Lu}[\p{L}\p{M}'-]+/gu) ?? []) parts.add(part)
  }
  const added: Span[] = []
  for (const match of text.text.matchAll(/(?<![\p{L}\p{N}.@_-])\p{Lu}[\p{L}\p{M}'-]+(?![\p{L}\p{N}@_-])/gu)) {
    const start = match.index
    const end = start + match[0].length
    if (!parts.has(match[0]) || text.spans.some((span) => start < span.end && end > span.start)) continue
    added.push({ start, end, label: 'PERSON' })
  }
  if (added.length === 0) return text
  return { ...text, spans: [...text.spans, ...added].sort((a, b) => a.start - b.start) }
}

/** Another text of the same kind: other names, other capitals, or the same. */
export function vary(text: NameText, lists: NameLists, random: Random): NameText {
  let varied = text
  if (random.chance(0.45)) varied = replaceNames(varied, lists, random)
  const draw = random.next()
  if (draw < 0.07) return mapText(varied, (part) => part.toLowerCase())
  if (draw < 0.1) return mapText(varied, (part) => part.toUpperCase())
  if (draw < 0.13) return mapText(varied, (part) => part.replace(/[.,!?]/g, ' '))
  return varied
}

/** Only changes that keep each position where it was. */
function mapText(text: NameText, change: (part: string) => string): NameText {
  const changed = change(text.text)
  return changed.length === text.text.length ? { ...text, text: changed } : text
}

function replaceNames(text: NameText, lists: NameLists, random: Random): NameText {
  const locale = random.pick(lists.locales)
  const known = new Map<string, string>()
  let made = ''
  let from = 0
  const spans: Span[] = []
  for (const { start, end, label } of text.spans) {
    if (start < from) continue
    const old = text.text.slice(start, end)
    made += text.text.slice(from, start)
    const name = known.get(old) ?? (random.chance(0.75) ? otherName(old, label, locale, lists, random) : old)
    known.set(old, name)
    spans.push({ start: made.length, end: made.length + name.length, label })
    made += name
    from = end
  }
  return { ...text, text: made + text.text.slice(from), spans }
}

function otherName(old: string, label: string, locale: LocaleNames, lists: NameLists, random: Random): string {
  if (label === 'ORG' || /[^\p{L}\p{M}\s.'-]/u.test(old)) return old
  const words = old.split(/\s+/)
  const name =
    label === 'LOCATION'
      ? random.pick(random.chance(0.6) ? lists.cities : lists.places)
      : personName(words, locale, random)
  if (label === 'LOCATION' && words.length !== name.split(/\s+/).length) return old
  if (old === old.toLowerCase()) return name.toLowerCase()
  return old === old.toUpperCase() && old.length > 3 ? name.toUpperCase() : name
}

function personName(words: readonly string[], locale: LocaleNames, random: Random): string {
  const first = () => random.pick(locale.first)
  const last = () => random.pick(locale.last)
  if (words.length === 1) return random.chance(0.5) ? first() : last()
  if (words.length === 2) {
    const [start = ''] = words
    if (/^\p{Lu}\.?$/u.test(start)) return `${first().charAt(0)}. ${last()}`
    return `${first()} ${last()}`
  }
  return random.chance(0.5) ? `${first()} ${last()} ${last()}` : `${first()} ${first()} ${last()}`
}
