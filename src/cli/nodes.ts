import type { Command } from 'commander'
import { addConnectionOptions } from './client/connection.ts'
import { runCommand } from './client/run-command.ts'

export interface NodesFlags {
  readonly url?: string
  readonly json?: true
}

type Actions = typeof import('./nodes/actions.ts')

/** Adds `sluice nodes list | drain | resume`. */
export function registerNodesCommand(program: Command): void {
  const group = program
    .command('nodes')
    .description('Dispatchers that run: look at them, drain them. Takes SLUICE_ADMIN_KEY from the environment.')

  addCommon(
    group
      .command('list', { isDefault: true })
      .description('Live nodes with their deployments, and why one takes no jobs or only some.'),
  ).action((flags: NodesFlags) => run(flags, (actions) => actions.listNodes(flags)))

  addCommon(
    group.command('drain <name>').description('Let a node take nothing new and finish what it has begun.'),
  ).action((name: string, flags: NodesFlags) => run(flags, (actions) => actions.changeNode(name, 'drain', flags)))

  addCommon(group.command('resume <name>').description('Let a drained node work again.')).action(
    (name: string, flags: NodesFlags) => run(flags, (actions) => actions.changeNode(name, 'resume', flags)),
  )
}

function run(flags: NodesFlags, action: (actions: Actions) => Promise<number>): Promise<void> {
  return runCommand({ json: flags.json === true }, async () => action(await import('./nodes/actions.ts')))
}

function addCommon(command: Command): Command {
  return addConnectionOptions(command.option('--json', 'print JSON'))
}
