import { type Command, Option } from 'commander'
import { profileNames } from '../core/pii/profiles.ts'
import { runCommand } from './client/run-command.ts'
import type { MaskFlags } from './mask/mask-input.ts'

const help = `
Input is text, or JSON lines whose "text" is masked: {"text": "…"}. Text comes out as text, JSON lines as
{"masked", "findings": [{"start", "end", "label", "score"}]}, with offsets into "text" in UTF-16 units. With --json text
comes out like that as well, one line per megabyte of it, with offsets into the whole input.

Text is one job: the same value is the same placeholder all through it. Each JSON line is a job of its own.
Nothing is sent anywhere, and nothing is kept to turn the placeholders back.

Profiles: logs leaves out names of persons, hosts, places and dates; health adds dates, ages and places; finance adds
organisations; minimal looks for secrets, accounts and official numbers only; strict looks for everything.

Examples:
  sluice mask < ticket.txt
  journalctl -b | sluice mask --profile logs > masked.log
  sluice mask --profile health < notes.jsonl > masked.jsonl

Exit codes: 0 done, 1 a line of JSON can't be read, 2 wrong use.`

/** Adds `sluice mask`: what the auditor would mask, on stdin and stdout. */
export function registerMaskCommand(program: Command): void {
  program
    .command('mask')
    .description('Mask personal data and secrets in text or JSON lines from stdin, here and now.')
    .addOption(new Option('--profile <name>', 'what to look for').choices(profileNames).default('default'))
    .option('--json', 'print JSON for text too')
    .addHelpText('after', help)
    .action((flags: MaskFlags) =>
      runCommand({ json: flags.json === true }, async () => {
        const { maskInput } = await import('./mask/mask-input.ts')
        return maskInput(flags, { input: process.stdin, output: process.stdout })
      }),
    )
}
