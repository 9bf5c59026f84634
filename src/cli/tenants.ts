import type { Command } from 'commander'
import { addConnectionOptions } from './client/connection.ts'
import { runCommand } from './client/run-command.ts'

export interface TenantsFlags {
  readonly url?: string
  readonly json?: true
}
export type EraseFlags = TenantsFlags & { readonly before?: string; readonly yes?: true }

type Actions = typeof import('./tenants/actions.ts')

/** Adds `sluice tenants list | erase`. */
export function registerTenantsCommand(program: Command): void {
  const group = program
    .command('tenants')
    .description('Tenants and what is kept of them; erase it. Takes SLUICE_ADMIN_KEY from the environment.')

  addCommon(
    group
      .command('list', { isDefault: true })
      .description('Tenants of the configuration, and former ones of whom something is kept.'),
  ).action((flags: TenantsFlags) => run(flags, (actions) => actions.listTenants(flags)))

  addCommon(
    group
      .command('erase <name>')
      .description('Erase all that a tenant said and was told: jobs, files, batches, webhooks, cached answers.'),
  )
    .option(
      '--before <time>',
      'leave what was made after this time (2026-11-21T08:00:00Z), or from this day on (UTC); default: now',
    )
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nKept are ledger, usage and audit trail, which have no content. There is no way back.')
    .action((name: string, flags: EraseFlags) => run(flags, (actions) => actions.eraseTenant(name, flags)))
}

/** What talks to the API is loaded when it is needed: `sluice --help` should not wait for it. */
function run(flags: TenantsFlags, action: (actions: Actions) => Promise<number>): Promise<void> {
  return runCommand({ json: flags.json === true }, async () => action(await import('./tenants/actions.ts')))
}

function addCommon(command: Command): Command {
  return addConnectionOptions(command.option('--json', 'print JSON'))
}
