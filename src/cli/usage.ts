import { type Command, Option } from 'commander'
import { addConnectionOptions } from './client/connection.ts'
import { runCommand } from './client/run-command.ts'

export interface UsageFlags {
  readonly url?: string
  readonly from?: string
  readonly to?: string
  readonly by: string
  readonly tenant?: string
  readonly json?: true
  readonly csv?: true
}

/** Adds `sluice usage`. */
export function registerUsageCommand(program: Command): void {
  const command = program
    .command('usage')
    .description('Tokens and money, from the roll-ups per UTC day. Takes SLUICE_ADMIN_KEY from the environment.')
    .option('--from <day>', 'first day, such as 2026-11-01; default: 30 days ago')
    .option('--to <day>', 'last day; default: today')
    .option('--by <names>', 'group by day, tenant, model, deployment, key, tag (with commas)', 'day,tenant')
    .option('--tenant <name>', 'only of this tenant')
    .option('--json', 'print JSON')
    .addOption(new Option('--csv', 'print CSV').conflicts('json'))
  addConnectionOptions(command).action((flags: UsageFlags) =>
    runCommand({ json: flags.json === true }, async () => (await import('./usage/show-usage.ts')).showUsage(flags)),
  )
}
