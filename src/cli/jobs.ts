import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ApiClient } from './client/api-client.ts'
import { addConnectionOptions, readConnection } from './client/connection.ts'
import { runCommand } from './client/run-command.ts'
import { parsePositiveInteger } from './options.ts'

interface CommonFlags {
  readonly url?: string
  readonly json?: true
}

const statuses = ['queued', 'in_progress', 'completed', 'failed', 'cancelled', 'expired', 'rejected']

/** Adds `sluice jobs list | get | events | cancel`. */
export function registerJobsCommand(program: Command): void {
  const jobs = program.command('jobs').description('Look at jobs, follow them, cancel them.')

  addCommonOptions(jobs.command('list').description('Jobs of your tenant, newest first.'))
    .addOption(new Option('--status <status>', 'only with this status').choices(statuses))
    .option('-m, --model <name>', 'only of this model')
    .option('--after <id>', 'go on after this job')
    .option('--limit <n>', 'at most so many', parsePositiveInteger, 20)
    .action((flags: CommonFlags & { status?: string; model?: string; after?: string; limit: number }) =>
      run(flags, async (client) => (await import('./jobs/actions.ts')).listJobs(client, flags)),
    )

  addCommonOptions(jobs.command('get <id>').description('One job with its result.'))
    .option('--wait <seconds>', 'wait for its end, 60 seconds at most', parseWait, 0)
    .action((id: string, flags: CommonFlags & { wait: number }) =>
      run(flags, async (client) => (await import('./jobs/actions.ts')).getJob(client, id, flags)),
    )

  addCommonOptions(jobs.command('events <id>').description('Follow a job’s events until it ends.'))
    .option('--after <sequence>', 'only events after this one', parseSequence)
    .action((id: string, flags: CommonFlags & { after?: string }) =>
      run(flags, async (client) => (await import('./jobs/events.ts')).followEvents(client, id, flags)),
    )

  addCommonOptions(jobs.command('cancel <id...>').description('Cancel jobs that have not ended.')).action(
    (ids: string[], flags: CommonFlags) =>
      run(flags, async (client) => (await import('./jobs/actions.ts')).cancelJobs(client, ids, flags)),
  )
}

/** What talks to the API is loaded when it is needed: `sluice --help` should not wait for it. */
function run(flags: CommonFlags, action: (client: ApiClient) => Promise<number>): Promise<void> {
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

function parseWait(text: string): number {
  const seconds = Number(text)
  if (text.trim() === '' || !(seconds >= 0 && seconds <= 60)) {
    throw new InvalidArgumentError('Expected seconds from 0 to 60.')
  }
  return seconds
}

function parseSequence(text: string): string {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('Expected the number of an event.')
  return text
}
