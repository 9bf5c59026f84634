/** What the subcommands of `sluice batches` do. Each resolves with the exit code. */
import type { BatchAnswer } from '../client/answers.ts'
import type { BatchClient } from '../client/api-client.ts'
import { ApiError } from '../client/failures.ts'
import { printJson, printLine } from '../client/run-command.ts'
import { formatBatch, formatBatches } from './views.ts'

/** The most that the API gives at once. */
const pageSize = 100

export async function listBatches(
  client: BatchClient,
  options: { after?: string; limit: number; json?: true },
): Promise<number> {
  const { limit, json } = options
  const batches: BatchAnswer[] = []
  let after = options.after
  let hasMore = true
  while (hasMore && batches.length < limit) {
    const wanted = Math.min(pageSize, limit - batches.length)
    const page = await client.listBatches({ ...(after !== undefined && { after }), limit: wanted })
    batches.push(...page.data)
    hasMore = page.has_more && page.data.length > 0
    after = page.data.at(-1)?.id ?? after
  }
  if (json) printJson({ object: 'list', data: batches, has_more: hasMore, last_id: batches.at(-1)?.id ?? null })
  else if (batches.length === 0) printLine('No batches.')
  else printLine(formatBatches(batches))
  if (!json && hasMore) printLine(`\nThere are more: --limit N, or --after ${batches.at(-1)?.id}`)
  return 0
}

export async function showBatch(client: BatchClient, id: string, { json }: { json?: true }): Promise<number> {
  const batch = await client.getBatch(id)
  if (json) printJson(batch)
  else printLine(formatBatch(batch))
  return 0
}

/** Cancels each; what can't be found or has ended is said and makes the exit code 1. */
export async function cancelBatches(
  client: BatchClient,
  ids: readonly string[],
  { json }: { json?: true },
): Promise<number> {
  const outcomes: { id: string; status: string; message?: string }[] = []
  for (const id of ids) {
    try {
      const { status } = await client.cancelBatch(id)
      outcomes.push({ id, status })
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'batch_not_found') throw error
      outcomes.push({ id, status: error.code, message: error.message })
    }
  }
  if (json) printJson({ object: 'list', data: outcomes })
  else for (const outcome of outcomes) printLine(`${outcome.id}  ${describeCancel(outcome)}`)
  return outcomes.every(({ status }) => status.startsWith('cancel')) ? 0 : 1
}

function describeCancel({ status, message }: { status: string; message?: string }): string {
  if (message !== undefined) return message
  return status.startsWith('cancel') ? status : `not cancelled: it has ended already (${status})`
}
