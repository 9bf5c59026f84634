import { type Command, Option } from 'commander'
import { priorities, sensitivities } from '../core/vocabulary.ts'
import { addConnectionOptions } from './client/connection.ts'
import { runCommand } from './client/run-command.ts'

export interface RouteFlags {
  readonly url?: string
  readonly tenant?: string
  readonly tags?: string
  readonly sensitivity?: string
  readonly priority?: string
  readonly deadline?: string
  readonly endpoint?: string
  readonly body?: string
  readonly needs?: string
  readonly promptTokens?: string
  readonly outputTokens?: string
  readonly job?: string
  readonly json?: true
}

/** Adds `sluice route explain`. */
export function registerRouteCommand(program: Command): void {
  const group = program.command('route').description('How jobs find their deployments.')
  const command = group
    .command('explain')
    .description(
      'Which deployments would serve such a job now, in which order, and why each other one would not. ' +
        'Takes SLUICE_ADMIN_KEY from the environment.',
    )
    .argument('<model>', 'the model that the job asks for')
    .option('--tenant <name>', 'whose job it is')
    .option('--tags <pairs>', 'its tags: a=b,c=d')
    .addOption(new Option('--sensitivity <class>', 'as the caller asks for it').choices(sensitivities))
    .addOption(new Option('--priority <name>', 'default: standard').choices(priorities))
    .option('--deadline <when>', 'seconds from now, or an RFC 3339 time; default: an hour')
    .option('--body <file>', 'its request body as JSON, or - for stdin; examined as a job’s, and not kept')
    .option('--endpoint <path>', 'of the body; default: /v1/chat/completions')
    .option('--needs <names>', 'what it needs beyond its body: tools,images,…')
    .option('--prompt-tokens <n>', 'length of the prompt, instead of counting the body’s')
    .option('--output-tokens <n>', 'the limit on its answer, instead of the body’s')
    .option('--job <id>', 'the job whose draw to look at, where weights split jobs')
    .option('--json', 'print JSON')
  addConnectionOptions(command).action((model: string, flags: RouteFlags) =>
    runCommand({ json: flags.json === true }, async () =>
      (await import('./route/explain.ts')).explainRoute(model, flags),
    ),
  )
}
