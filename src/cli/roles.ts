import type { Command } from 'commander'
import type { RunningApi } from '../compose/api.ts'
import type { RoleOptions } from '../process/run-role.ts'
import { configFileOption, parseNodeName, parsePort, parsePositiveInteger } from './options.ts'

interface RoleFlags {
  readonly config: string
  readonly node?: string
  readonly healthPort?: number
}

interface DispatcherFlags extends RoleFlags {
  readonly pool: string
  readonly concurrency?: number
  readonly broker?: string
  readonly insecure?: boolean
}

/** `sluice api | auditor | dispatcher | courier`: one role in a process of its own. */
export function registerRoleCommands(program: Command): void {
  configFileOption(program.command('api').description('Serve the HTTP API.')).action(async (flags: RoleFlags) => {
    const { startApi } = await import('../compose/api.ts')
    await run({
      role: 'api',
      configFile: flags.config,
      holdsVaultKey: true,
      keepsFiles: true,
      start: startApi,
      onReady: (role) => console.log(`ready: ${(role as RunningApi).url}`),
    })
  })

  workerCommand(program, 'auditor', 'Audit accepted jobs: classify, mask, route.').action(async (flags: RoleFlags) => {
    const { startAuditor } = await import('../compose/auditor.ts')
    await run({ ...workerOptions('auditor', flags), holdsVaultKey: true, start: startAuditor })
  })

  workerCommand(program, 'dispatcher', 'Take jobs from the lanes of one pool and call its deployments.')
    .requiredOption('--pool <name>', 'the pool whose lanes to take from')
    .option('--concurrency <n>', 'jobs at once; default: the sum over the pool’s deployments', parsePositiveInteger)
    .option('--broker <url>', 'work over HTTPS alone, without Redis: the API’s URL; the token is in SLUICE_NODE_TOKEN')
    .option('--insecure', 'take a --broker that is http:// and not on this machine')
    .action(async (flags: DispatcherFlags, command: Command) => {
      if (flags.broker !== undefined) return runRemoteDispatcher(flags, flags.broker, command)
      const { startDispatcher } = await import('../compose/dispatcher.ts')
      await run({
        ...workerOptions('dispatcher', flags),
        // A dispatcher never sees what the vault key would open.
        holdsVaultKey: false,
        start: (runtime) => startDispatcher(runtime, { pool: flags.pool, concurrency: flags.concurrency }),
      })
    })

  workerCommand(program, 'courier', 'Send webhooks and keep house.').action(async (flags: RoleFlags) => {
    const { startCourier } = await import('../compose/courier.ts')
    await run({ ...workerOptions('courier', flags), holdsVaultKey: true, keepsFiles: true, start: startCourier })
  })
}

async function runRemoteDispatcher(flags: DispatcherFlags, broker: string, command: Command): Promise<void> {
  const { runNode } = await import('../process/run-node.ts')
  const { pool, concurrency, node, healthPort } = flags
  // Most such nodes have no file: what their pool serves they learn from the broker.
  const isFileWanted = command.getOptionValueSource('config') === 'cli' || process.env.SLUICE_CONFIG !== undefined
  const configFile = isFileWanted ? flags.config : undefined
  await runNode({ ...{ broker, pool, concurrency, node, healthPort, configFile }, isInsecure: flags.insecure === true })
}

/** Loaded when it is wanted: it takes most of a second, which other commands should not. */
async function run(options: RoleOptions): Promise<void> {
  const { runRole } = await import('../process/run-role.ts')
  await runRole(options)
}

function workerCommand(program: Command, name: string, description: string): Command {
  return configFileOption(program.command(name).description(description))
    .option('--node <name>', 'name of this process; default: host name and process id', parseNodeName)
    .option('--health-port <port>', 'serve /health/live, /health/ready and /metrics here', parsePort)
}

function workerOptions(role: string, flags: RoleFlags) {
  return { role, configFile: flags.config, node: flags.node, healthPort: flags.healthPort }
}
