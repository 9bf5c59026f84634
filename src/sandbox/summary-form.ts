import { type Severity, severities } from './severity.ts'
import type { LogSummary } from './summarize-log.ts'

const maxListed = { text: 8, json: 50 } as const
const maxTemplateCharacters = 160
const noModel = 'Sluice sandbox: template mining (Drain), no language model'

/** The summary for a reader: short, Markdown that is readable as plain text. */
export function formatSummaryText(summary: LogSummary): string {
  const { templates, anomalies } = summary
  const listed = templates.slice(0, maxListed.text)
  const parts = [
    `**Log summary** (${noModel})`,
    [
      `- ${describeLines(summary)}`,
      `- From ${summary.first ?? 'an unknown time'} to ${summary.last ?? 'an unknown time'}`,
      `- Lines by severity: ${describeSeverities(summary.severities)}`,
    ].join('\n'),
    [
      `**Templates** (${listed.length < templates.length ? `the ${listed.length} most frequent of ` : ''}${templates.length})`,
      ...listed.map(
        ({ template, count, severity, example_line }) =>
          `- ${count} × ${severity === 'none' ? 'no severity' : severity}: ${quote(template)} (e.g. line ${example_line})`,
      ),
    ].join('\n'),
    anomalies.length === 0
      ? '**Anomalies**: none found'
      : ['**Anomalies**', ...anomalies.map(({ template, reason }) => `- ${quote(template)}: ${reason}`)].join('\n'),
  ]
  return parts.join('\n\n')
}

/** The summary as a JSON object, whatever schema was asked for: this is the only one the sandbox knows. */
export function formatSummaryJson(summary: LogSummary): string {
  const { templates, ...rest } = summary
  return JSON.stringify({
    ...rest,
    templates: templates.slice(0, maxListed.json),
    template_count: templates.length,
    summarized_by: noModel,
  })
}

function describeLines({ lines, entries }: LogSummary): string {
  const counted = lines === 1 ? '1 line' : `${lines} lines`
  return entries === lines ? counted : `${counted} in ${entries} entries (the rest continue an entry, or are empty)`
}

function describeSeverities(counts: Readonly<Record<Severity, number>>): string {
  const present = severities.filter((severity) => counts[severity] > 0)
  return present.map((severity) => `${severity} ${counts[severity]}`).join(', ')
}

/** As code, so that Markdown shows `<*>` and does not take it for a tag. */
function quote(template: string): string {
  const text = template.replaceAll('`', "'")
  return `\`${text.length > maxTemplateCharacters ? `${text.slice(0, maxTemplateCharacters - 1)}…` : text}\``
}
