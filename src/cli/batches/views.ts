import type { BatchAnswer } from '../client/answers.ts'
import { formatTable } from '../client/table.ts'
import { formatDuration, formatNumber, formatPairs, formatTime, oneLine } from '../client/terminal-text.ts'

/** One line per batch. */
export function formatBatches(batches: readonly BatchAnswer[]): string {
  return formatTable(
    [
      { title: 'Batch' },
      { title: 'Status' },
      { title: 'Model' },
      { title: 'Created' },
      { title: 'Lines', align: 'right' },
      { title: 'Completed', align: 'right' },
      { title: 'Failed', align: 'right' },
      { title: 'Left', align: 'right' },
    ],
    batches.map((batch) => [
      batch.id,
      batch.status,
      batch.model ?? '',
      formatTime(batch.created_at),
      formatNumber(batch.request_counts.total),
      formatNumber(batch.request_counts.completed),
      formatNumber(batch.request_counts.failed),
      formatEta(batch) ?? '',
    ]),
  )
}

/** Everything about one batch, what is wrong with its lines last. */
export function formatBatch(batch: BatchAnswer): string {
  const { total, completed, failed } = batch.request_counts
  const endedAt = batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at ?? null
  const facts: [string, string | null | undefined][] = [
    ['batch', batch.id],
    ['status', batch.status],
    ['endpoint', batch.endpoint],
    ['model', batch.model],
    ['lines', `${formatNumber(total)}: ${formatNumber(completed)} completed, ${formatNumber(failed)} failed`],
    ['now', formatPlace(batch)],
    ['left', formatEta(batch)],
    ['created', formatTime(batch.created_at)],
    ['ended', endedAt === null ? null : formatTime(endedAt)],
    ['expires', endedAt === null ? formatTime(batch.expires_at) : null],
    ['tokens', `${formatNumber(batch.usage.input_tokens)} in, ${formatNumber(batch.usage.output_tokens)} out`],
    ['input', batch.input_file_id],
    ['output', batch.output_file_id],
    ['errors', batch.error_file_id],
    ['retry of', batch.retry_of],
    ['metadata', formatPairs(batch.metadata)],
  ]
  const rows = facts.flatMap(([name, value]) => (value ? [[name, oneLine(value, 200)]] : []))
  const problems = batch.errors?.data ?? []
  return [
    formatTable([{ title: '' }, { title: '' }], rows),
    ...(problems.length > 0 ? [formatProblems(problems)] : []),
  ].join('\n\n')
}

function formatPlace({ sluice }: BatchAnswer): string | null {
  if (typeof sluice?.running !== 'number' || typeof sluice.waiting !== 'number') return null
  const next = typeof sluice.position === 'number' ? `, the next of them at position ${sluice.position}` : ''
  return `${formatNumber(sluice.running)} running, ${formatNumber(sluice.waiting)} waiting${next}`
}

function formatEta({ sluice }: BatchAnswer): string | null {
  return typeof sluice?.eta_seconds === 'number' ? `about ${formatDuration(sluice.eta_seconds * 1000)}` : null
}

function formatProblems(problems: NonNullable<BatchAnswer['errors']>['data']): string {
  return formatTable(
    [{ title: 'Line', align: 'right' }, { title: 'Code' }, { title: 'Field' }, { title: 'What is wrong' }],
    problems.map(({ line, code, param, message }) => [
      typeof line === 'number' ? String(line) : '',
      code,
      param ?? '',
      oneLine(message, 200),
    ]),
  )
}
