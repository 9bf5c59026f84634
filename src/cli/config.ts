import type { Command } from 'commander'
import { configJsonSchema } from '../config/json-schema.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { ConfigError, type ConfigProblem, formatProblem } from '../config/problems.ts'
import type { Config } from '../config/schema.ts'
import { runCommand } from './client/run-command.ts'
import type { ImportFlags } from './config/import.ts'

/** Adds `config check`, `config import` and `config schema`. What they find goes to stdout; a file with problems ends in exit code 1. */
export function registerConfigCommand(program: Command): void {
  const config = program.command('config').description('Check the configuration file, make one, or describe its form.')

  config
    .command('check')
    .description('Say everything that is wrong with a configuration file, with line and key.')
    .argument('[file]', 'configuration file; default: SLUICE_CONFIG, or ./sluice.yaml')
    .option('--json', 'print one JSON object: ok, file, problems, warnings, counts')
    .action(async (file: string | undefined, options: { json?: true }) => {
      await checkConfig(file ?? (process.env.SLUICE_CONFIG || 'sluice.yaml'), options.json === true)
    })

  config
    .command('import <file>')
    .description(
      'Turn the configuration of a LiteLLM proxy into one of Sluice, and say what could not be carried over.',
    )
    .option('-o, --out <file>', 'write it there instead of to stdout; a file that is there is left alone')
    .option('--strict', 'end in 1 where a key could not be carried over')
    .option('--json', 'print one JSON object: ok, yaml, report, variables, problems')
    .action((file: string, flags: ImportFlags) =>
      runCommand({ json: flags.json === true }, async () =>
        (await import('./config/import.ts')).importConfig(file, flags),
      ),
    )

  config
    .command('schema')
    .description('Print the JSON Schema of the configuration file, for editors.')
    .option('--json', 'print it on one line')
    .action((options: { json?: true }) => {
      print(JSON.stringify(configJsonSchema(), null, options.json === true ? 0 : 2))
    })
}

async function checkConfig(file: string, asJson: boolean): Promise<void> {
  try {
    const loaded = await loadConfig({ file, env: process.env })
    if (asJson) reportJson({ ok: true, file, problems: [], warnings: loaded.warnings, counts: count(loaded.config) })
    else reportText(file, loaded)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if (asJson) reportJson({ ok: false, file, problems: error.problems, warnings: [], counts: null })
    else for (const problem of error.problems) print(formatProblem(problem))
    process.exitCode = 1
  }
}

type Counts = ReturnType<typeof count>

function count(config: Config) {
  const models = Object.values(config.models)
  return {
    pools: Object.keys(config.pools).length,
    models: models.length,
    deployments: models.reduce((total, { deployments }) => total + deployments.length, 0),
    tenants: Object.keys(config.tenants).length,
  }
}

/** What `config check --json` prints. */
function reportJson(report: {
  ok: boolean
  file: string
  problems: readonly ConfigProblem[]
  warnings: readonly ConfigProblem[]
  counts: Counts | null
}): void {
  print(JSON.stringify(report))
}

function reportText(file: string, { config, warnings }: LoadedConfig): void {
  for (const warning of warnings) print(`warning: ${formatProblem(warning)}`)
  const counts = Object.entries(count(config)).map(([things, number]) => `${things}: ${number}`)
  print(`${file} is valid; ${counts.join(', ')}, warnings: ${warnings.length}`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
