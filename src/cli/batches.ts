import type { Command } from 'commander'
import { type ApiFlags, addApiOptions, runWithApi } from './client/api-command.ts'
import { parsePositiveInteger } from './options.ts'

/** Adds `sluice batches list | show | cancel`. */
export function registerBatchesCommand(program: Command): void {
  const batches = program.command('batches').description('Look at batches, cancel them.')

  addApiOptions(batches.command('list', { isDefault: true }).description('Batches of your tenant, newest first.'))
    .option('--after <id>', 'go on after this batch')
    .option('--limit <n>', 'at most so many', parsePositiveInteger, 20)
    .action((flags: ApiFlags & { after?: string; limit: number }) =>
      runWithApi(flags, async (client) => (await import('./batches/actions.ts')).listBatches(client, flags)),
    )

  addApiOptions(
    batches.command('show <id>').description('One batch: how far it is, and what is wrong with it.'),
  ).action((id: string, flags: ApiFlags) =>
    runWithApi(flags, async (client) => (await import('./batches/actions.ts')).showBatch(client, id, flags)),
  )

  addApiOptions(batches.command('cancel <id...>').description('Cancel batches that have not ended.')).action(
    (ids: string[], flags: ApiFlags) =>
      runWithApi(flags, async (client) => (await import('./batches/actions.ts')).cancelBatches(client, ids, flags)),
  )
}
