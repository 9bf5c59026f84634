import type { Command } from 'commander'
import { addConnectionOptions } from './client/connection.ts'
import { runCommand } from './client/run-command.ts'

export interface LanesFlags {
  readonly url?: string
  readonly json?: true
}

/** Adds `sluice lanes`. */
export function registerLanesCommand(program: Command): void {
  const command = program
    .command('lanes')
    .description(
      'How many jobs wait in each lane, and how the gates of the deployments stand. Takes SLUICE_ADMIN_KEY from the environment.',
    )
    .option('--json', 'print JSON')
  addConnectionOptions(command).action((flags: LanesFlags) =>
    runCommand({ json: flags.json === true }, async () => (await import('./lanes/show-lanes.ts')).showLanes(flags)),
  )
}
