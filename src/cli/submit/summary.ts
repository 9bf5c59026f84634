/**
 * Merges the structured summaries of chunks into one. Counts add up; templates with the same text are one.
 * What a model says about its own chunk is taken as it says it: this is bookkeeping, not a second opinion.
 */
import { z } from 'zod'

const count = z.number().int().min(0)

const chunkSummary = z.looseObject({
  lines: count,
  first: z.string().nullish(),
  last: z.string().nullish(),
  severities: z.record(z.string(), count).default({}),
  templates: z
    .array(
      z.looseObject({
        template: z.string(),
        count,
        severity: z.string().nullish(),
        /** Number of a line in the chunk, from 1. */
        example_line: z.number().nullish(),
      }),
    )
    .default([]),
  anomalies: z.array(z.unknown()).default([]),
})

const anomalyFacts = z.looseObject({ template: z.string(), reason: z.string().nullish() })

export type ChunkSummary = z.infer<typeof chunkSummary>

interface MergedTemplate {
  readonly template: string
  /** That of most of its lines. */
  readonly severity: string | null
  readonly count: number
  /** A line of this form: `sed -n LINEp FILE` shows it. */
  readonly example: { readonly file: string; readonly line: number } | null
}

/** The merged summary, in the form in which the report shows it. */
export interface MergedSummary {
  /** Chunks that are in it. */
  readonly chunks: number
  readonly lines: number
  /** Of the earliest and the latest chunk; null over several files unless the times can be compared as text. */
  readonly first: string | null
  readonly last: string | null
  /** In the order in which the first chunk names them. */
  readonly severities: Readonly<Record<string, number>>
  /** Most frequent first, at most as many as were asked for. */
  readonly templates: readonly MergedTemplate[]
  /** Lines that `templates` do not count: of other forms, or going on with the line before. */
  readonly other_lines: number
  /** Those that the fewest chunks know first: what is odd everywhere is odd nowhere. */
  readonly anomalies: readonly MergedAnomaly[]
}

export interface MergedAnomaly {
  readonly what: string
  /** What the first chunk that told of it said. */
  readonly reason: string | null
  readonly chunks: number
  /** Where the first of these chunks is. */
  readonly file: string
  readonly first_line: number
}

/** The summary in an answer's text, also inside a code fence; null where there is none. */
export function parseSummary(text: string): ChunkSummary | null {
  const body = /^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/.exec(text)?.[1] ?? text
  try {
    const parsed = chunkSummary.safeParse(JSON.parse(body))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** Where a chunk is. */
export interface Place {
  readonly file: string
  readonly offset: number
  readonly first_line: number
}

interface Edge extends Place {
  readonly value: string
}

interface TemplateCount {
  readonly template: string
  /** Lines by severity: one form of line may be harmless here and not there. */
  readonly severities: Map<string | null, number>
  readonly example: MergedTemplate['example']
  count: number
}

const isoTime = /^\d{4}-\d{2}-\d{2}/
const maxAnomalies = 500
const shownAnomalies = 10

export class SummaryMerger {
  readonly #maxTemplates: number
  readonly #severities = new Map<string, number>()
  #templates = new Map<string, TemplateCount>()
  readonly #anomalies = new Map<string, MergedAnomaly>()
  #first: Edge | null = null
  #last: Edge | null = null
  #files = new Set<string>()
  #chunks = 0
  #lines = 0

  /** @param maxTemplates how many templates are kept apart; the rarest beyond twice as many are let go. */
  constructor(maxTemplates: number) {
    this.#maxTemplates = maxTemplates
  }

  add(summary: ChunkSummary, place: Place): void {
    this.#chunks += 1
    this.#lines += summary.lines
    if (this.#files.size < 2) this.#files.add(place.file)
    for (const [severity, lines] of Object.entries(summary.severities)) {
      this.#severities.set(severity, (this.#severities.get(severity) ?? 0) + lines)
    }
    for (const template of summary.templates) this.#addTemplate(template, place)
    for (const anomaly of summary.anomalies) this.#addAnomaly(anomaly, place)
    if (summary.first) this.#first = earlier(this.#first, edgeOf(place, summary.first))
    if (summary.last) this.#last = later(this.#last, edgeOf(place, summary.last))
  }

  /** Null when nothing was added. */
  result(maxTemplates: number): MergedSummary | null {
    if (this.#chunks === 0) return null
    const ranked = this.#ranked().slice(0, maxTemplates)
    const shown = ranked.reduce((sum, template) => sum + template.count, 0)
    return {
      chunks: this.#chunks,
      lines: this.#lines,
      first: this.#edge(this.#first),
      last: this.#edge(this.#last),
      severities: Object.fromEntries([...this.#severities].filter(([, lines]) => lines > 0)),
      templates: ranked.map(({ template, severities, count: lines, example }) => ({
        template,
        severity: mostFrequent(severities),
        count: lines,
        example,
      })),
      other_lines: Math.max(0, this.#lines - shown),
      anomalies: [...this.#anomalies.values()].sort((a, b) => a.chunks - b.chunks).slice(0, shownAnomalies),
    }
  }

  #addTemplate(found: ChunkSummary['templates'][number], { file, first_line: firstLine }: Place): void {
    const { template, count: lines, severity = null, example_line: line } = found
    const known = this.#templates.get(template)
    if (known) {
      known.count += lines
      known.severities.set(severity, (known.severities.get(severity) ?? 0) + lines)
      return
    }
    const example = typeof line === 'number' ? { file, line: firstLine + line - 1 } : null
    this.#templates.set(template, { template, severities: new Map([[severity, lines]]), example, count: lines })
    if (this.#templates.size <= 2 * this.#maxTemplates) return
    // Memory must not grow with what logs can say; the rare ones are not what a summary shows.
    this.#templates = new Map(
      this.#ranked()
        .slice(0, this.#maxTemplates)
        .map((entry) => [entry.template, entry]),
    )
  }

  /** A sentence, or an object with a `template` and a `reason`. */
  #addAnomaly(found: unknown, { file, first_line }: Place): void {
    const facts = anomalyFacts.safeParse(found)
    const what = facts.success ? facts.data.template : typeof found === 'string' ? found : JSON.stringify(found)
    const known = this.#anomalies.get(what)
    if (known) this.#anomalies.set(what, { ...known, chunks: known.chunks + 1 })
    else if (this.#anomalies.size < maxAnomalies) {
      const reason = facts.success ? (facts.data.reason ?? null) : null
      this.#anomalies.set(what, { what, reason, chunks: 1, file, first_line })
    }
  }

  #ranked(): TemplateCount[] {
    return [...this.#templates.values()].sort((a, b) => b.count - a.count || compare(a.template, b.template))
  }

  #edge(edge: Edge | null): string | null {
    if (edge === null) return null
    return this.#files.size < 2 || isoTime.test(edge.value) ? edge.value : null
  }
}

function mostFrequent(counts: ReadonlyMap<string | null, number>): string | null {
  const [first] = [...counts].sort((a, b) => b[1] - a[1])
  return first?.[0] ?? null
}

function edgeOf({ file, offset, first_line }: Place, value: string): Edge {
  return { file, offset, first_line, value }
}

/**
 * Within a file its place decides; between files the time, where both can be compared as text. A time that cannot gives
 * way to one that can, as a file without times does.
 */
function earlier(known: Edge | null, found: Edge): Edge {
  return choose(known, found, (a, b) => a < b)
}

function later(known: Edge | null, found: Edge): Edge {
  return choose(known, found, (a, b) => a > b)
}

function choose(known: Edge | null, found: Edge, goesBefore: <T extends number | string>(a: T, b: T) => boolean): Edge {
  if (known === null) return found
  if (known.file === found.file) return goesBefore(found.offset, known.offset) ? found : known
  if (isoTime.test(found.value) !== isoTime.test(known.value)) return isoTime.test(found.value) ? found : known
  return goesBefore(found.value, known.value) ? found : known
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
