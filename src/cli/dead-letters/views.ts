import { formatAttempts } from '../client/attempts-table.ts'
import { type Column, formatTable } from '../client/table.ts'
import { formatTime, oneLine } from '../client/terminal-text.ts'
import type { DeadLetter, ReplayBatch } from './answers.ts'

const listColumns: readonly Column[] = [
  { title: 'Job' },
  { title: 'Failed' },
  { title: 'Kind' },
  { title: 'Error' },
  { title: 'Tenant' },
  { title: 'Model' },
  { title: 'Attempts', align: 'right' },
  { title: 'Last at' },
  { title: 'Replayed by' },
]

/** One line per dead letter. */
export function formatDeadLetters(letters: readonly DeadLetter[]): string {
  return formatTable(
    listColumns,
    letters.map((letter) => [
      letter.id,
      formatTime(letter.failed_at),
      letter.kind,
      letter.error?.code ?? '',
      letter.tenant,
      letter.model,
      String(letter.attempts.length),
      letter.attempts.at(-1)?.deployment ?? '',
      letter.replayed_by ?? '',
    ]),
  )
}

/** Everything about one of them. */
export function formatDeadLetter(letter: DeadLetter): string {
  const { error, replay_of: of } = letter
  const facts: [string, string | null | undefined | false][] = [
    ['job', letter.id],
    ['kind', letter.kind],
    ['error', error && `${error.message} [${error.code}]`],
    ['tenant', letter.tenant],
    ['key', letter.key],
    ['model', letter.model],
    ['priority', letter.priority],
    ['class', letter.sensitivity],
    ['created', formatTime(letter.created_at)],
    ['failed', formatTime(letter.failed_at)],
    ['kept until', formatTime(letter.expires_at)],
    ['cost', typeof letter.cost_usd === 'number' ? `${letter.cost_usd} USD` : null],
    [
      'tags',
      Object.entries(letter.tags)
        .map((pair) => pair.join('='))
        .join(', '),
    ],
    ['replay of', of && `${of.id} (run ${of.run})`],
    ['replayed by', letter.replayed_by],
    ['replay', letter.replayable === false && !letter.replayed_by && 'impossible: its request is no longer kept'],
  ]
  const rows = facts.flatMap(([name, value]) => (value ? [[name, oneLine(value, 400)]] : []))
  const table = formatTable([{ title: '' }, { title: '' }], rows)
  return letter.attempts.length === 0 ? table : `${table}\n\n${formatAttempts(letter.attempts)}`
}

/** What a replay would do with each. */
export function formatQuotes(entries: ReplayBatch['data']): string {
  return formatTable(
    [
      { title: 'Job' },
      { title: 'Model' },
      { title: 'Served by' },
      { title: 'Cost at most', align: 'right' },
      { title: 'At the dearest', align: 'right' },
    ],
    entries.map(({ id, quote, error }) => [
      id,
      quote?.model ?? '',
      quote ? quote.deployments.map(({ deployment }) => deployment).join(', ') : `refused: ${error?.message ?? ''}`,
      quote ? formatUsd(quote.cost_usd) : '',
      typeof quote?.most_usd === 'number' ? formatUsd(quote.most_usd) : '',
    ]),
  )
}

export function formatUsd(usd: number): string {
  return `$${usd.toFixed(6)}`
}
