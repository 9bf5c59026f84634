import { Command, CommanderError } from 'commander'
import { version } from '../version.ts'
import { registerAuditCommand } from './audit.ts'
import { registerBatchesCommand } from './batches.ts'
import { registerChatCommand } from './chat.ts'
import { registerConfigCommand } from './config.ts'
import { registerDeadLettersCommand } from './dead-letters.ts'
import { registerDoctorCommand } from './doctor.ts'
import { registerJobsCommand } from './jobs.ts'
import { registerLanesCommand } from './lanes.ts'
import { registerMaskCommand } from './mask.ts'
import { registerNodesCommand } from './nodes.ts'
import { registerRoleCommands } from './roles.ts'
import { registerRouteCommand } from './route.ts'
import { registerSubmitCommand } from './submit.ts'
import { registerTenantsCommand } from './tenants.ts'
import { registerUpCommand } from './up.ts'
import { registerUsageCommand } from './usage.ts'

/** Exit codes of every command: 0, 1 (failed) or 2 (wrong use). */
export async function main(args: readonly string[]): Promise<void> {
  const program = new Command('sluice')
    .description('Self-hosted asynchronous inference broker.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for what is allowed)')
  registerUpCommand(program)
  registerRoleCommands(program)
  registerSubmitCommand(program)
  registerChatCommand(program)
  registerJobsCommand(program)
  registerBatchesCommand(program)
  registerDeadLettersCommand(program)
  registerNodesCommand(program)
  registerLanesCommand(program)
  registerMaskCommand(program)
  registerRouteCommand(program)
  registerUsageCommand(program)
  registerTenantsCommand(program)
  registerAuditCommand(program)
  registerConfigCommand(program)
  registerDoctorCommand(program)
  try {
    refuseUnknownSubcommand(program, args)
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2
    } else if (isExpected(error)) {
      console.error(error.message)
      process.exitCode = 1
    } else {
      throw error
    }
  }
}

/** `sluice batches shwo` would be taken for an argument of `batches list`, which is what `batches` alone means. */
function refuseUnknownSubcommand(program: Command, [name, word]: readonly string[]): void {
  const group = program.commands.find((command) => command.name() === name)
  if (!group || group.commands.length === 0 || word === undefined || word.startsWith('-')) return
  const known = group.createHelp().visibleCommands(group)
  if (known.some((command) => command.name() === word)) return
  const names = known.map((command) => command.name()).join(', ')
  group.error(`error: unknown command '${word}'; known are ${names}`)
}

/** Failures whose message is for the user, by name: importing their classes would load what most commands don't need. */
const expectedNames: ReadonlySet<string> = new Set([
  'StartError',
  'UnusableRedisError',
  'EmbeddedRedisError',
  'UnknownPoolError',
  'UnusableBucketError',
])

function isExpected(error: unknown): error is Error {
  return error instanceof Error && expectedNames.has(error.name)
}
