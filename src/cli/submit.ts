import { type Command, InvalidArgumentError, Option } from 'commander'
import { priorities, sensitivities } from '../core/vocabulary.ts'
import { addConnectionOptions, readConnection } from './client/connection.ts'
import { runCommand } from './client/run-command.ts'
import { parsePositiveInteger } from './options.ts'
import { responseFormats } from './submit/job-request.ts'
import { type SubmitFlags, toPlan } from './submit/plan.ts'

const help = `
Files are read as streams and cut at line ends. The results file has one JSON line per chunk, in the order in which
the jobs ended: custom_id, file, offset, bytes, lines, sha256, question, job_id, status, result_text or error, usage.
To have them in the order of the input: jq -s -c 'sort_by(.file, .offset)[]' results.jsonl

Sending the same chunk again, after a crash or in another run, attaches to its job and costs nothing as long as the
server remembers it. A job that failed is tried again by sending it again.

Examples:
  sluice submit --model sandbox --file 'logs/*.log' --priority batch --out results.jsonl
  sluice submit --model sandbox --file 'logs/*.log' --priority batch --out results.jsonl --resume
  journalctl -b | sluice submit --model llama3.1 --prompt 'What went wrong here?'

Exit codes: 0 all done, 1 some failed, 2 wrong use, 130 stopped with Ctrl-C.`

/** Adds `sluice submit`: files or stdin to jobs, their answers to a file, a report at the end. */
export function registerSubmitCommand(program: Command): void {
  const command = program
    .command('submit')
    .description('Cut files or stdin into jobs, wait for them, keep their answers.')
    .requiredOption('-m, --model <name>', 'model that answers')
    .option('-f, --file <pattern...>', 'files to read, wildcards allowed; - for stdin (default: stdin)')
    .option('-o, --out <file>', 'where the answers go, as JSON lines')
    .option('--resume', 'go on with what the results file does not hold yet')
    .option('--retry-failed', 'with --resume: try failed chunks again')
    .option('--prompt <text>', 'what to ask about each chunk (default: a structured summary)')
    .addOption(
      new Option(
        '--response-format <type>',
        'form of the answers; json_object is merged into one summary (default: json_object, with --prompt text)',
      ).choices(responseFormats),
    )
    .addOption(new Option('--priority <priority>', 'who goes first (default: the server’s)').choices(priorities))
    .addOption(new Option('--sensitivity <class>', 'who may see it (default: the tenant’s)').choices(sensitivities))
    .option('--webhook <url>', 'also tell this URL when a job ends')
    .option('--chunk-bytes <size>', 'most bytes of a file in one job', parseChunkBytes, 32 * 1024)
    .option('--concurrency <n>', 'most jobs that are under way at once', parseConcurrency, 64)
    .option('--json', 'print the report as JSON')
    .addHelpText('after', help)
  addConnectionOptions(command).action((flags: SubmitFlags) =>
    runCommand({ json: flags.json === true }, async () => {
      const plan = toPlan(flags, { stdinIsTerminal: process.stdin.isTTY === true })
      const connection = readConnection(flags, process.env)
      const { runSubmit } = await import('./submit/run-submit.ts')
      return runSubmit(plan, connection)
    }),
  )
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 * 1024 }
const maxChunkBytes = 4 * 1024 * 1024

/** `32k`, `1m`, or bytes. */
function parseChunkBytes(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([km]?)(?:i?b)?$/.exec(text.trim().toLowerCase()) ?? []
  const bytes = Number(digits) * (sizeUnits[unit] ?? Number.NaN)
  if (!(bytes >= 256 && bytes <= maxChunkBytes)) {
    throw new InvalidArgumentError('Expected a size from 256 bytes to 4m, such as 32k.')
  }
  return bytes
}

function parseConcurrency(text: string): number {
  const number = parsePositiveInteger(text)
  if (number > 1_000) throw new InvalidArgumentError('Expected a whole number from 1 to 1000.')
  return number
}
