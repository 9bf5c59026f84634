import { type Anomaly, findAnomalies, type PlacedTemplate } from './anomalies.ts'
import { createDrain, type LogTemplate } from './drain.ts'
import { countHeaderTokens } from './header-tokens.ts'
import { type LogEntry, readLogEntries } from './log-entries.ts'
import type { Severity } from './severity.ts'

interface TemplateSummary {
  readonly template: string
  /** Entries, not lines: a stack trace counts once. */
  readonly count: number
  readonly severity: Severity
  /** The number of its first line, counted from 1. */
  readonly example_line: number
}

/** What a log says, in figures that grep can confirm. The field names are the JSON answer's. */
export interface LogSummary {
  /** As `grep -c ''` counts them. */
  readonly lines: number
  /** Lines less those that continue another, such as the frames of a stack trace. */
  readonly entries: number
  /** The times of the first and last line that have one, as the log writes them. */
  readonly first: string | null
  readonly last: string | null
  /** Counts of lines; each line counts once, see `severityPatterns`. */
  readonly severities: Readonly<Record<Severity, number>>
  /** The most frequent first, all of them. */
  readonly templates: readonly TemplateSummary[]
  readonly anomalies: readonly Anomaly[]
}

interface Occurrences {
  readonly severity: Severity
  readonly firstLine: number
  readonly positions: number[]
}

/** Summarises a log by template mining. Deterministic; linear in the text. */
export function summarizeLog(lines: readonly string[]): LogSummary {
  const { entries, severities } = readLogEntries(lines)
  const mined = mineTemplates(entries)
  const placed = [...mined].map(([{ tokens }, { severity, firstLine, positions }]) => ({
    template: tokens.join(' '),
    severity,
    firstLine,
    positions,
  }))
  // Equal counts stay in order of appearance: sorting is stable.
  placed.sort((left, right) => right.positions.length - left.positions.length)
  const timed = entries.filter(({ time }) => time !== null)
  return {
    lines: lines.length,
    entries: entries.length,
    first: timed[0]?.time?.text ?? null,
    last: timed.at(-1)?.time?.text ?? null,
    severities,
    templates: placed.map(toSummary),
    anomalies: findAnomalies(
      placed,
      entries.map(({ time }) => time?.ms ?? null),
    ),
  }
}

function mineTemplates(entries: readonly LogEntry[]): ReadonlyMap<LogTemplate, Occurrences> {
  const drain = createDrain({ headerTokens: countHeaderTokens(entries.map(({ tokens }) => tokens)) })
  const mined = new Map<LogTemplate, Occurrences>()
  for (const [position, { tokens, severity, lineNumber }] of entries.entries()) {
    const template = drain.add(tokens, severity)
    const known = mined.get(template)
    if (known === undefined) mined.set(template, { severity, firstLine: lineNumber, positions: [position] })
    else known.positions.push(position)
  }
  return mined
}

function toSummary(placed: PlacedTemplate & { firstLine: number }): TemplateSummary {
  const { template, severity, firstLine, positions } = placed
  return { template, count: positions.length, severity, example_line: firstLine }
}
