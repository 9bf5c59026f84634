import { formatTable } from '../client/table.ts'
import { formatBytes, formatDuration, formatNumber, oneLine, plainText } from '../client/terminal-text.ts'
import type { MergedSummary } from './summary.ts'
import type { FileReport, InputProblem, Tally } from './tally.ts'

/** What a run came to; `sluice submit --json` prints it as it is. It covers everything that the results file holds. */
export interface Report {
  readonly object: 'submit.report'
  readonly model: string
  readonly outcome: 'completed' | 'interrupted' | 'stopped'
  readonly jobs: { completed: number; failed: number; from_earlier_runs: number; left_open: number }
  /** Failed jobs by their error's code. */
  readonly errors: Readonly<Record<string, { count: number; example: string; message: string }>>
  readonly files: readonly FileReport[]
  readonly unread: readonly InputProblem[]
  readonly bytes: number
  readonly lines: number
  readonly replaced_sequences: number
  readonly split_lines: number
  readonly usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number }
  readonly cost_usd: number | null
  readonly duration_ms: number
  /** Of the jobs of this run. */
  readonly jobs_per_second: number
  /** The results file, if there is one. */
  readonly out: string | null
  /** What the chunks' structured summaries add up to, if there are any. */
  readonly summary: MergedSummary | null
  readonly answers_without_summary: number
}

export function buildReport(
  tally: Tally,
  run: { model: string; outcome: Report['outcome']; out: string | null; durationMs: number },
): Report {
  const ofThisRun = tally.done + tally.failed
  return {
    object: 'submit.report',
    model: run.model,
    outcome: run.outcome,
    jobs: {
      completed: tally.done + tally.held - tally.heldFailed,
      failed: tally.failed + tally.heldFailed,
      from_earlier_runs: tally.held,
      left_open: tally.open,
    },
    errors: Object.fromEntries([...tally.errors].sort((a, b) => b[1].count - a[1].count)),
    files: tally.files(),
    unread: tally.problems,
    bytes: tally.bytes,
    lines: tally.lines,
    replaced_sequences: tally.replaced,
    split_lines: tally.splitLines,
    usage: {
      prompt_tokens: tally.promptTokens,
      completion_tokens: tally.completionTokens,
      total_tokens: tally.promptTokens + tally.completionTokens,
    },
    cost_usd: tally.costUsd,
    duration_ms: Math.round(run.durationMs),
    jobs_per_second: run.durationMs > 0 ? Number((ofThisRun / (run.durationMs / 1000)).toFixed(2)) : 0,
    out: run.out,
    summary: tally.summary(),
    answers_without_summary: tally.withoutSummary,
  }
}

const shownFiles = 20
const lineWidth = 110

/** The report for a person: what was done first, what it says last, where the eye ends up. */
export function formatReport(report: Report): string {
  return [
    formatOverview(report),
    ...formatFailures(report),
    ...formatFiles(report.files),
    ...(report.summary ? formatSummary(report.summary) : []),
  ].join('\n\n')
}

function formatOverview(report: Report): string {
  const { jobs, usage } = report
  const rows: [string, string][] = [
    ['jobs', `${formatNumber(jobs.completed)} completed, ${formatNumber(jobs.failed)} failed${earlier(report)}`],
    ['model', report.model],
    ['read', `${many(report.files.length, 'file')}, ${formatBytes(report.bytes)}, ${many(report.lines, 'line')}`],
    ['tokens', `${formatNumber(usage.prompt_tokens)} in, ${formatNumber(usage.completion_tokens)} out${cost(report)}`],
    ['time', `${formatDuration(report.duration_ms)}, ${report.jobs_per_second.toFixed(1)} jobs/s`],
    ['results', report.out ?? 'not kept; --out FILE keeps them'],
  ]
  if (report.replaced_sequences > 0) {
    rows.push(['note', `${many(report.replaced_sequences, 'sequence')} that are not UTF-8 were sent as U+FFFD`])
  }
  if (report.split_lines > 0) {
    rows.push(['note', `${many(report.split_lines, 'cut')} inside a line: it is longer than --chunk-bytes`])
  }
  if (report.answers_without_summary > 0) {
    rows.push(['note', `${many(report.answers_without_summary, 'answer')} without a readable summary`])
  }
  return formatTable([{ title: '' }, { title: '' }], rows)
}

function earlier({ jobs }: Report): string {
  return jobs.from_earlier_runs > 0 ? ` (${formatNumber(jobs.from_earlier_runs)} of them by earlier runs)` : ''
}

function cost({ cost_usd: usd }: Report): string {
  return usd === null ? '' : `, ${usd.toFixed(usd < 1 ? 4 : 2)} USD`
}

/** What the attempts came to is worth the room: what went before them the code says as well. */
function attemptsIn(message: string): string {
  return message.slice(Math.max(0, message.indexOf('No answer after ')))
}

function formatFailures({ errors, unread }: Report): string[] {
  const rows = Object.entries(errors).map(([code, error]) => [
    formatNumber(error.count),
    code,
    error.example,
    oneLine(attemptsIn(error.message), lineWidth - 50),
  ])
  const columns = [
    { title: 'Failed', align: 'right' },
    { title: 'Code' },
    { title: 'First' },
    { title: 'Why' },
  ] as const
  const unreadRows = unread.map(({ file, message }) => [file, message])
  return [
    ...(rows.length > 0 ? [formatTable(columns, rows)] : []),
    ...(unreadRows.length > 0 ? [formatTable([{ title: 'Not read' }, { title: 'Why' }], unreadRows)] : []),
  ]
}

function formatFiles(files: readonly FileReport[]): string[] {
  if (files.length === 0) return []
  const severities = [...new Set(files.flatMap((file) => Object.keys(file.summary?.severities ?? {})))]
  const rows = files
    .slice(0, shownFiles)
    .map((file) => [
      file.file,
      formatBytes(file.bytes),
      formatNumber(file.lines),
      formatNumber(file.jobs),
      formatNumber(file.failed),
      ...severities.map((severity) => formatNumber(file.summary?.severities[severity] ?? 0)),
    ])
  const columns = ['Size', 'Lines', 'Jobs', 'Failed', ...severities].map((title) => ({
    title,
    align: 'right' as const,
  }))
  const rest = files.length - shownFiles
  const table = formatTable([{ title: 'File' }, ...columns], rows)
  return [rest > 0 ? `${table}\n… and ${many(rest, 'file')} more; --json has them all` : table]
}

function formatSummary(summary: MergedSummary): string[] {
  const span = summary.first && summary.last ? ` from ${summary.first} to ${summary.last}` : ''
  const severities = Object.entries(summary.severities).map(([name, lines]) => `${name} ${formatNumber(lines)}`)
  const head = `Summary of ${many(summary.lines, 'line')}${plainText(span)}${severities.length > 0 ? `: ${severities.join(', ')}` : ''}`
  const rows = summary.templates.map((template) => [
    formatNumber(template.count),
    template.severity ?? '',
    oneLine(template.template, lineWidth - 20),
  ])
  const columns = [{ title: 'Count', align: 'right' }, { title: 'Severity' }, { title: 'Template' }] as const
  const table = rows.length > 0 ? `\n${formatTable(columns, rows)}` : ''
  const others =
    summary.other_lines > 0 && rows.length > 0
      ? `\n… and ${many(summary.other_lines, 'line')} of other forms, or that go on with these`
      : ''
  return [`${plainText(head)}${table}${others}`, ...formatAnomalies(summary)]
}

function formatAnomalies({ anomalies }: MergedSummary): string[] {
  if (anomalies.length === 0) return []
  const rows = anomalies.map(({ what, reason, file, first_line: line }) => [
    oneLine(what, lineWidth - 60),
    oneLine(reason ?? '', 50),
    `${file}:${line}`,
  ])
  return [formatTable([{ title: 'Worth a look' }, { title: 'Why' }, { title: 'In the chunk from' }], rows)]
}

function many(count: number, thing: string): string {
  return `${formatNumber(count)} ${thing}${count === 1 ? '' : 's'}`
}
