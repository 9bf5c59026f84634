import type { Command } from 'commander'
import { addConnectionOptions } from './client/connection.ts'
import { runCommand } from './client/run-command.ts'

export interface VerifyFlags {
  readonly config?: string
  readonly dataDir?: string
  readonly tenant?: string
  readonly url?: string
  readonly json?: true
}

/** Adds `sluice audit verify`. */
export function registerAuditCommand(program: Command): void {
  const audit = program.command('audit').description('The trail of decisions.')
  const verify = audit
    .command('verify')
    .description('Check every entry of the trail: edited, removed, moved or doubled ones are named.')
    .option('-c, --config <file>', 'configuration file that names data_dir; default: SLUICE_CONFIG or ./sluice.yaml')
    .option('--data-dir <folder>', 'folder of the files; default: data_dir of the configuration, or ./data')
    .option('--tenant <name>', 'only of this tenant')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Works on the files alone. With SLUICE_VAULT_KEY (or keys.json in the folder), and SLUICE_VAULT_KEY_PREVIOUS after a
rotation, the entries' seals are checked too. Where the trail should end is asked of Redis (REDIS_URL), or of a running API (SLUICE_ADMIN_KEY, --url).

Exit codes: 0 nothing is wrong, 1 something is, 2 there is nothing to check.`,
    )
  addConnectionOptions(verify).action((flags: VerifyFlags) =>
    runCommand({ json: flags.json === true }, async () => (await import('./audit/verify.ts')).verifyTrail(flags)),
  )
}
