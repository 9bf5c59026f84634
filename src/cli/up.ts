import type { Command } from 'commander'
import type { UpFlags } from '../process/run-up.ts'
import { parsePort } from './options.ts'

/** `sluice up`: every role in one process, with a Redis of its own if none is given. */
export function registerUpCommand(program: Command): void {
  program
    .command('up')
    .description('Run everything in one terminal; brings its own Redis if none is given.')
    .option('-c, --config <file>', 'configuration file; default: SLUICE_CONFIG, ./sluice.yaml, or none')
    .option('-p, --port <port>', 'port of the API', parsePort)
    .option('--host <address>', 'address to listen on')
    .option('--data-dir <folder>', 'where data is kept')
    .action(async (flags: UpFlags) => {
      // Loaded when it is wanted: it takes most of a second, which other commands should not.
      const { runUp } = await import('../process/run-up.ts')
      await runUp(flags)
    })
}
