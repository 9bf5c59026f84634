/** What the subcommands of `sluice batches` do. Each resolves with the exit code. */
import type { BatchClient } from '../client/api-client.ts'
import { cancelEach, printList } from '../client/many.ts'
import { printJson, printLine } from '../client/run-command.ts'
import { formatBatch, formatBatches } from './views.ts'

export function listBatches(
  client: BatchClient,
  options: { after?: string; limit: number; json?: true },
): Promise<number> {
  return printList(options, (page) => client.listBatches(page), { none: 'No batches.', format: formatBatches })
}

export async function showBatch(client: BatchClient, id: string, { json }: { json?: true }): Promise<number> {
  const batch = await client.getBatch(id)
  if (json) printJson(batch)
  else printLine(formatBatch(batch))
  return 0
}

/** Cancels each; what can't be found or has ended is said and makes the exit code 1. */
export function cancelBatches(client: BatchClient, ids: readonly string[], { json }: { json?: true }): Promise<number> {
  const describe = (status: string) => (status.startsWith('cancel') ? status : null)
  return cancelEach(ids, (id) => client.cancelBatch(id), { json, missing: 'batch_not_found', describe })
}
