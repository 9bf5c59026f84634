import { type Command, Option } from 'commander'
import { addConnectionOptions } from './client/connection.ts'
import { runCommand } from './client/run-command.ts'
import { parsePositiveInteger } from './options.ts'

/** What dead letters are chosen by. */
export interface FilterFlags {
  readonly tenant?: string
  readonly model?: string
  readonly kind?: string
  readonly code?: string
  readonly deployment?: string
  readonly from?: string
  readonly to?: string
  readonly replayed?: string
}

interface CommonFlags {
  readonly url?: string
  readonly json?: true
}

export type ListFlags = CommonFlags & FilterFlags & { readonly after?: string; limit: number }
export type ActFlags = CommonFlags & FilterFlags & { all?: true; limit: number; dryRun?: true; yes?: true }
export type ReplayFlags = ActFlags & {
  readonly onModel?: string
  readonly priority?: string
  readonly deadline?: string
}

const help = 'Takes SLUICE_ADMIN_KEY from the environment.'
const choice = `
Which ones: ids, or a filter (--tenant, --model, --kind, --code, --deployment, --from, --to; all that are given must fit),
or --all.`

/** Adds `sluice dead-letters list | show | replay | discard`. */
export function registerDeadLettersCommand(program: Command): void {
  const group = program
    .command('dead-letters')
    .description(`Jobs that failed: look at them, run them again, throw them away. ${help}`)

  addFilter(group.command('list', { isDefault: true }).description('Dead letters of all tenants, the latest first.'))
    .addOption(replayedOption())
    .option('--after <place>', 'go on after this place')
    .option('--limit <n>', 'at most so many', parsePositiveInteger, 20)
    .action((flags: ListFlags) => run(flags, async (actions) => actions.listDeadLetters(flags)))

  addCommon(group.command('show <id>').description('One dead letter with its attempts.')).action(
    (id: string, flags: CommonFlags) => run(flags, async (actions) => actions.showDeadLetter(id, flags)),
  )

  addActing(
    group.command('replay [id...]').description('Run dead letters again, each as a new job, and each only once.'),
  )
    .option('--on-model <name>', 'on another model than before')
    .addOption(new Option('--priority <name>', 'another one').choices(['interactive', 'standard', 'batch']))
    .option('--deadline <when>', 'seconds from now, or an RFC 3339 time; default: as much time as before')
    .addHelpText('after', `${choice} By a filter, those that were replayed before are left out.`)
    .action((ids: string[], flags: ReplayFlags) => run(flags, async (actions) => actions.replayDeadLetters(ids, flags)))

  addActing(group.command('discard [id...]').description('Throw away what it takes to run them again.'))
    .addOption(replayedOption())
    .addHelpText('after', choice)
    .action((ids: string[], flags: ActFlags) => run(flags, async (actions) => actions.discardDeadLetters(ids, flags)))
}

type Actions = typeof import('./dead-letters/actions.ts')

/** What talks to the API is loaded when it is needed: `sluice --help` should not wait for it. */
function run(flags: CommonFlags, action: (actions: Actions) => Promise<number>): Promise<void> {
  return runCommand({ json: flags.json === true }, async () => action(await import('./dead-letters/actions.ts')))
}

function addActing(command: Command): Command {
  return addFilter(command)
    .option('--all', 'all there are')
    .option('--limit <n>', 'by a filter: at most so many, the latest first; 1000 at most', parsePositiveInteger, 1_000)
    .option('--dry-run', 'only say what would happen; of replays also what they would cost')
    .option('-y, --yes', 'do not ask')
}

function addFilter(command: Command): Command {
  return addCommon(command)
    .option('--tenant <name>', 'only of this tenant')
    .option('-m, --model <name>', 'only of this model')
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(['exhausted', 'unprocessable']))
    .option('--code <code>', 'only with this error')
    .option('--deployment <id>', 'only with an attempt there')
    .option('--from <time>', 'failed on this day (UTC) or later; a time as in RFC 3339 will do')
    .option('--to <time>', 'failed on this day or earlier, or before this time')
}

function replayedOption(): Option {
  return new Option('--replayed <yes|no>', 'only those that were replayed, or were not').choices(['yes', 'no'])
}

function addCommon(command: Command): Command {
  return addConnectionOptions(command.option('--json', 'print JSON'))
}
