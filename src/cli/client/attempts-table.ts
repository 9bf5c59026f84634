import type { JobAnswer } from './answers.ts'
import { formatTable } from './table.ts'
import { formatNumber } from './terminal-text.ts'

/** The calls that were made for a job, in their order, as a table. */
export function formatAttempts(attempts: JobAnswer['attempts']): string {
  return formatTable(
    [
      { title: 'Attempt', align: 'right' },
      { title: 'Deployment' },
      { title: 'Outcome' },
      { title: 'HTTP' },
      { title: 'Took', align: 'right' },
    ],
    attempts.map(({ deployment, outcome, status, ms }, index) => [
      String(index + 1),
      deployment,
      outcome,
      status ? String(status) : '',
      typeof ms === 'number' ? `${formatNumber(Math.round(ms))} ms` : '',
    ]),
  )
}
