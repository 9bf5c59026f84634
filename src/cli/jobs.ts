import { type Command, InvalidArgumentError, Option } from 'commander'
import { type ApiFlags, addApiOptions, runWithApi } from './client/api-command.ts'
import { parsePositiveInteger } from './options.ts'

const statuses = ['queued', 'in_progress', 'completed', 'failed', 'cancelled', 'expired', 'rejected']

/** Adds `sluice jobs list | get | events | cancel | delete`. */
export function registerJobsCommand(program: Command): void {
  const jobs = program.command('jobs').description('Look at jobs, follow them, cancel them, delete them.')

  addApiOptions(jobs.command('list').description('Jobs of your tenant, newest first.'))
    .addOption(new Option('--status <status>', 'only with this status').choices(statuses))
    .option('-m, --model <name>', 'only of this model')
    .option('--after <id>', 'go on after this job')
    .option('--limit <n>', 'at most so many', parsePositiveInteger, 20)
    .action((flags: ApiFlags & { status?: string; model?: string; after?: string; limit: number }) =>
      runWithApi(flags, async (client) => (await import('./jobs/actions.ts')).listJobs(client, flags)),
    )

  addApiOptions(jobs.command('get <id>').description('One job with its result.'))
    .option('--wait <seconds>', 'wait for its end, 60 seconds at most', parseWait, 0)
    .action((id: string, flags: ApiFlags & { wait: number }) =>
      runWithApi(flags, async (client) => (await import('./jobs/actions.ts')).getJob(client, id, flags)),
    )

  addApiOptions(jobs.command('events <id>').description('Follow a job’s events until it ends.'))
    .option('--after <sequence>', 'only events after this one', parseSequence)
    .action((id: string, flags: ApiFlags & { after?: string }) =>
      runWithApi(flags, async (client) => (await import('./jobs/events.ts')).followEvents(client, id, flags)),
    )

  addApiOptions(jobs.command('cancel <id...>').description('Cancel jobs that have not ended.')).action(
    (ids: string[], flags: ApiFlags) =>
      runWithApi(flags, async (client) => (await import('./jobs/actions.ts')).cancelJobs(client, ids, flags)),
  )

  addApiOptions(
    jobs.command('delete <id...>').description('Delete jobs with all that was said in them; there is no way back.'),
  ).action((ids: string[], flags: ApiFlags) =>
    runWithApi(flags, async (client) => (await import('./jobs/actions.ts')).deleteJobs(client, ids, flags)),
  )
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
