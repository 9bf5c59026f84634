import { type JobAnswer, readChatResult } from '../client/answers.ts'
import { formatAttempts } from '../client/attempts-table.ts'
import { type Column, formatTable } from '../client/table.ts'
import { formatDuration, formatNumber, formatPairs, formatTime, oneLine, plainText } from '../client/terminal-text.ts'

const listColumns: readonly Column[] = [
  { title: 'Job' },
  { title: 'Status' },
  { title: 'Model' },
  { title: 'Priority' },
  { title: 'Class' },
  { title: 'Created' },
  { title: 'Took', align: 'right' },
  { title: 'Tokens', align: 'right' },
  { title: 'Deployment or error' },
]

/** Room for all attempts of a job that failed, and the code after them. */
const errorWidth = 1_000

/** One line per job. */
export function formatJobs(jobs: readonly JobAnswer[]): string {
  return formatTable(
    listColumns,
    jobs.map((job) => [
      job.id,
      job.status,
      job.model,
      job.priority ?? '',
      job.sensitivity ?? '',
      formatTime(job.created_at),
      formatTook(job),
      job.usage ? formatNumber(job.usage.total_tokens) : '',
      job.error ? job.error.code : (job.deployment ?? ''),
    ]),
  )
}

/** Everything about one job, its answer last. */
export function formatJob(job: JobAnswer): string {
  const stage = job.stage !== undefined && job.stage !== job.status ? ` (${job.stage})` : ''
  const reason = job.sensitivity_reason ? `, because: ${job.sensitivity_reason}` : ''
  const facts: [string, string | null | undefined][] = [
    ['job', job.id],
    ['status', `${job.status}${stage}`],
    ['model', job.model],
    ['priority', job.priority],
    ['class', job.sensitivity && `${job.sensitivity}${reason}`],
    ['masked', formatPairs(job.masked, ' ')],
    ['created', formatTime(job.created_at)],
    ['took', formatTook(job)],
    ['queue', formatQueue(job)],
    ['deployment', job.deployment],
    ['cache', job.cache && `${job.cache}: the answer was made for another job`],
    ['tokens', formatUsage(job)],
    ['cost', typeof job.cost_usd === 'number' ? `${job.cost_usd} USD` : null],
    ['metadata', formatPairs(job.metadata)],
    ['tags', formatPairs(job.tags)],
    ['error', job.error && `${job.error.message} [${job.error.code}]`],
  ]
  const rows = facts.flatMap(([name, value]) =>
    value ? [[name, oneLine(value, name === 'error' ? errorWidth : 200)]] : [],
  )
  const answer = job.result ? (readChatResult(job.result)?.text ?? JSON.stringify(job.result, null, 2)) : null
  return [
    formatTable([{ title: '' }, { title: '' }], rows),
    ...(job.attempts.length > 0 ? [formatAttempts(job.attempts)] : []),
    ...(answer === null ? [] : [plainText(answer)]),
  ].join('\n\n')
}

function formatUsage({ usage }: JobAnswer): string | null {
  if (!usage) return null
  return `${formatNumber(usage.prompt_tokens)} in, ${formatNumber(usage.completion_tokens)} out`
}

function formatQueue({ queue }: JobAnswer): string | null {
  if (typeof queue?.position !== 'number') return null
  const eta = typeof queue.eta_seconds === 'number' ? `, about ${formatDuration(queue.eta_seconds * 1000)}` : ''
  return `position ${queue.position}${eta}`
}

/** From acceptance to the end, in the whole seconds that the API gives. */
function formatTook({ created_at: created, finished_at: finished }: JobAnswer): string {
  return typeof finished === 'number' ? `${formatNumber(finished - created)}s` : ''
}
