/** What the subcommands of `sluice jobs` do. Each resolves with the exit code. */
import { isOpen } from '../client/answers.ts'
import type { ApiClient, JobDeletion } from '../client/api-client.ts'
import { actOnEach, cancelEach, printList } from '../client/many.ts'
import { printJson, printLine } from '../client/run-command.ts'
import { formatJob, formatJobs } from './views.ts'

export function listJobs(
  client: ApiClient,
  options: { status?: string; model?: string; after?: string; limit: number; json?: true },
): Promise<number> {
  const { status, model } = options
  const filter = { ...(status !== undefined && { status }), ...(model !== undefined && { model }) }
  return printList(options, (page) => client.listJobs({ ...filter, ...page }), { none: 'No jobs.', format: formatJobs })
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
export function cancelJobs(client: ApiClient, ids: readonly string[], { json }: { json?: true }): Promise<number> {
  const describe = (status: string) => {
    if (status === 'cancelled') return 'cancelled'
    return isOpen(status) ? `cancelling (${status})` : null
  }
  return cancelEach(ids, (id) => client.cancelJob(id), { json, missing: 'job_not_found', describe })
}

/** Deletes each; what can't be found is said and makes the exit code 1. */
export async function deleteJobs(
  client: JobDeletion,
  ids: readonly string[],
  { json }: { json?: true },
): Promise<number> {
  interface Deletion {
    readonly id: string
    readonly deleted: boolean
    readonly message?: string
  }
  const remove = async (id: string): Promise<Deletion> => ({ id, deleted: (await client.deleteJob(id)).deleted })
  const outcomes = await actOnEach(ids, remove, {
    json,
    missing: 'job_not_found',
    absent: (id, { message }) => ({ id, deleted: false, message }),
    describe: ({ message }) => message ?? 'deleted',
  })
  return outcomes.every(({ deleted }) => deleted) ? 0 : 1
}
