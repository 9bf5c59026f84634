import { Command, InvalidArgumentError } from 'commander'
import { type RowId, rows } from './measure.ts'
import { type SystemName, systemNames } from './systems.ts'

export interface BenchOptions {
  readonly rounds: number
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly jobs: number
  readonly only: readonly SystemName[]
  readonly rows: readonly RowId[]
  readonly json: string | undefined
}

interface Flags {
  quick?: true
  rounds?: number
  seconds?: number
  jobs: number
  only?: readonly SystemName[]
  rows?: readonly RowId[]
  json?: string
}

const rowIds = rows.map((row) => row.id)

/** Reads the command line; wrong use prints why and exits with 2. */
export function parseOptions(argv: readonly string[]): BenchOptions {
  const command = new Command('npm run bench --')
    .description('Compares Sluice with its upstream alone, Portkey, and a plain two-queue BullMQ pipeline.')
    .option('--quick', '2 rounds of 1.5 s instead of 5 of 3 s')
    .option('--rounds <n>', 'how often each cell is measured', positive)
    .option('--seconds <n>', 'how long each measurement lasts', positive)
    .option('--jobs <n>', 'how many jobs make a bulk measurement', positive, 2000)
    .option('--only <names>', `only these systems, of ${systemNames.join(', ')}`, oneOrMore(systemNames))
    .option('--rows <names>', `only these rows, of ${rowIds.join(', ')}`, oneOrMore(rowIds))
    .option('--json <file>', 'also write every measurement to this file')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse([...argv])
  const flags = command.opts<Flags>()
  const { jobs, json, only = systemNames, rows: chosenRows = rowIds } = flags
  const usual = flags.quick ? { rounds: 2, seconds: 1.5, warmUp: 1 } : { rounds: 5, seconds: 3, warmUp: 2 }
  const { rounds = usual.rounds, seconds = usual.seconds } = flags
  return { rounds, seconds, warmUpSeconds: usual.warmUp, jobs, only, rows: chosenRows, json }
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('must be a number above 0')
  return value
}

function oneOrMore<Name extends string>(allowed: readonly Name[]) {
  return (text: string): readonly Name[] =>
    text.split(',').map((word) => {
      const name = allowed.find((one) => one === word.trim())
      if (name === undefined) throw new InvalidArgumentError(`allowed are ${allowed.join(', ')}`)
      return name
    })
}
