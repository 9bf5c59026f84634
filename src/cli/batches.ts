import type { Command } from 'commander'
import type { BatchClient } from './client/api-client.ts'
import { addConnectionOptions, readConnection } from './client/connection.ts'
import { runCommand } from './client/run-command.ts'
import { parsePositiveInteger } from './options.ts'

interface CommonFlags {
  readonly url?: string
  readonly json?: true
}

/** Adds `sluice batches list | show | cancel`. */
export function registerBatchesCommand(program: Command): void {
  const batches = program.command('batches').description('Look at batches, cancel them.')

  addCommonOptions(batches.command('list', { isDefault: true }).description('Batches of your tenant, newest first.'))
    .option('--after <id>', 'go on after this batch')
    .option('--limit <n>', 'at most so many', parsePositiveInteger, 20)
    .action((flags: CommonFlags & { after?: string; limit: number }) =>
      run(flags, async (client) => (await import('./batches/actions.ts')).listBatches(client, flags)),
    )

  addCommonOptions(
    batches.command('show <id>').description('One batch: how far it is, and what is wrong with it.'),
  ).action((id: string, flags: CommonFlags) =>
    run(flags, async (client) => (await import('./batches/actions.ts')).showBatch(client, id, flags)),
  )

  addCommonOptions(batches.command('cancel <id...>').description('Cancel batches that have not ended.')).action(
    (ids: string[], flags: CommonFlags) =>
      run(flags, async (client) => (await import('./batches/actions.ts')).cancelBatches(client, ids, flags)),
  )
}

/** What talks to the API is loaded when it is needed: `sluice --help` should not wait for it. */
function run(flags: CommonFlags, action: (client: BatchClient) => Promise<number>): Promise<void> {
  return runCommand({ json: flags.json === true }, async () => {
    const connection = readConnection(flags, process.env)
    const { createApiClient } = await import('./client/api-client.ts')
    const client = createApiClient(connection)
    return action(client).finally(() => client.close())
  })
}

function addCommonOptions(command: Command): Command {
  return addConnectionOptions(command.option('--json', 'print JSON'))
}
