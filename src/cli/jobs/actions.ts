/** What the subcommands of `sluice jobs` do. Each resolves with the exit code. */
import { isOpen, type JobAnswer } from '../client/answers.ts'
import type { ApiClient } from '../client/api-client.ts'
import { ApiError } from '../client/failures.ts'
import { printJson, printLine } from '../client/run-command.ts'
import { formatJob, formatJobs } from './views.ts'

/** The most that the API gives at once. */
const pageSize = 100

export async function listJobs(
  client: ApiClient,
  options: { status?: string; model?: string; after?: string; limit: number; json?: true },
): Promise<number> {
  const { status, model, limit, json } = options
  const filter = { ...(status !== undefined && { status }), ...(model !== undefined && { model }) }
  const jobs: JobAnswer[] = []
  let after = options.after
  let hasMore = true
  while (hasMore && jobs.length < limit) {
    const wanted = Math.min(pageSize, limit - jobs.length)
    const page = await client.listJobs({ ...filter, ...(after !== undefined && { after }), limit: wanted })
    jobs.push(...page.data)
    hasMore = page.has_more && page.data.length > 0
    after = page.data.at(-1)?.id ?? after
  }
  if (json) printJson({ object: 'list', data: jobs, has_more: hasMore, last_id: jobs.at(-1)?.id ?? null })
  else if (jobs.length === 0) printLine('No jobs.')
  else printLine(formatJobs(jobs))
  if (!json && hasMore) printLine(`\nThere are more: --limit N, or --after ${jobs.at(-1)?.id}`)
  return 0
}

export async function getJob(
  client: ApiClient,
  id: string,
  { wait, json }: { wait: number; json?: true },
): Promise<number> {
  const job = await client.getJob(id, wait)
  if (json) printJson(job)
  else printLine(formatJob(job))
  return 0
}

/** Cancels each; what can't be found or has ended is said and makes the exit code 1. */
export async function cancelJobs(
  client: ApiClient,
  ids: readonly string[],
  { json }: { json?: true },
): Promise<number> {
  const outcomes: { id: string; status: string; message?: string }[] = []
  for (const id of ids) {
    try {
      const job = await client.cancelJob(id)
      outcomes.push({ id, status: job.status })
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'job_not_found') throw error
      outcomes.push({ id, status: error.code, message: error.message })
    }
  }
  if (json) printJson({ object: 'list', data: outcomes })
  else for (const outcome of outcomes) printLine(`${outcome.id}  ${describeCancel(outcome)}`)
  return outcomes.every(({ status }) => status === 'cancelled' || isOpen(status)) ? 0 : 1
}

function describeCancel({ status, message }: { status: string; message?: string }): string {
  if (message !== undefined) return message
  if (status === 'cancelled') return 'cancelled'
  return isOpen(status) ? `cancelling (${status})` : `not cancelled: it has ended already (${status})`
}
