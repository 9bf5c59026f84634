import type { Command } from 'commander'
import type { createApiClient } from './api-client.ts'
import { addConnectionOptions, readConnection } from './connection.ts'
import { runCommand } from './run-command.ts'

/** What every command has that asks the API with a tenant's key. */
export interface ApiFlags {
  readonly url?: string
  readonly json?: true
}

export function addApiOptions(command: Command): Command {
  return addConnectionOptions(command.option('--json', 'print JSON'))
}

/** Runs an action with a client. What talks to the API is loaded when it is needed: `sluice --help` should not wait for it. */
export function runWithApi(
  flags: ApiFlags,
  action: (client: ReturnType<typeof createApiClient>) => Promise<number>,
): Promise<void> {
  return runCommand({ json: flags.json === true }, async () => {
    const connection = readConnection(flags, process.env)
    const { createApiClient } = await import('./api-client.ts')
    const client = createApiClient(connection)
    return action(client).finally(() => client.close())
  })
}
