/** `npm run bench`: starts everything, measures in rounds, prints the tables, stops everything. See README.md. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineFacts } from './machine.ts'
import { type LoadGenerator, type Measurement, measure, type Row, rows, startGenerator } from './measure.ts'
import { type BenchOptions, parseOptions } from './options.ts'
import { formatAuditing, measureAuditing } from './pii/throughput.ts'
import { stopAllProcesses } from './processes.ts'
import { findRedis, type RedisChoice } from './redis.ts'
import { formatReport, isInvalid, type RunRecord } from './report.ts'
import * as systems from './systems.ts'

const say = (line: string) => process.stderr.write(`${line}\n`)

async function bench(options: BenchOptions, folder: string): Promise<RunRecord> {
  const redis = await findRedis()
  if (redis.command === null) say(redis.version)
  const { running, missing, upstreamOrigin } = await startSystems(options, redis, folder)
  const generator = await startGenerator()
  const portkey = 'portkey' in missing || !options.only.includes('portkey') ? null : await systems.portkeyVersion()
  const machine = machineFacts({ redis: redis.version, portkey })

  const plan = { options, running, upstreamOrigin, generator }
  say('warming up …')
  await warmUp(plan)
  const measurements = await measureRounds(plan)
  const { rounds, seconds, jobs } = options
  return { machine, rounds, secondsPerMeasurement: seconds, jobs, missing, measurements }
}

interface Plan {
  readonly options: BenchOptions
  readonly running: readonly systems.System[]
  readonly upstreamOrigin: string
  readonly generator: LoadGenerator
}

async function startSystems(options: BenchOptions, redis: RedisChoice, folder: string) {
  const upstream = await systems.startUpstream()
  const upstreamOrigin = upstream.target.origin
  const surroundings = { upstreamOrigin, redis, folder }
  const running = options.only.includes('upstream') ? [upstream] : []
  const missing: Partial<Record<systems.SystemName, string>> = {}
  if (options.only.includes('portkey')) {
    try {
      await systems.installPortkey(say)
      running.push(await systems.startPortkey(surroundings))
    } catch (error) {
      missing.portkey = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error)
    }
  }
  if (options.only.includes('two-queue')) running.push(await systems.startTwoQueue(surroundings))
  if (options.only.includes('sluice')) running.push(await systems.startSluice(surroundings))
  return { running, missing, upstreamOrigin }
}

/** Compilers and connection pools settle before anything counts; an error here shows up again in the rounds. */
async function warmUp({ options, running, upstreamOrigin, generator }: Plan): Promise<void> {
  for (const system of running) {
    for (const row of rowsFor(options, system)) {
      const settings = { durationMs: options.warmUpSeconds * 1000, jobs: Math.min(500, options.jobs) }
      await measure({ row, system, upstreamOrigin, generator, ...settings })
    }
  }
}

/** Each round visits every cell once; who goes first moves on from row to row and from round to round. */
async function measureRounds({ options, running, upstreamOrigin, generator }: Plan): Promise<Measurement[]> {
  const done: Measurement[] = []
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [index, row] of rows.entries()) {
      for (const system of rotate(running, round + index)) {
        if (!rowsFor(options, system).includes(row)) continue
        const settings = { durationMs: options.seconds * 1000, jobs: options.jobs }
        const one = await measure({ row, system, upstreamOrigin, generator, ...settings })
        done.push(one)
        say(`round ${round + 1}/${options.rounds}  ${progress(row, one)}`)
        await sleep(100)
      }
    }
  }
  return done
}

function rowsFor(options: BenchOptions, system: systems.System): readonly Row[] {
  return rows.filter((row) => options.rows.includes(row.id) && (row.kind !== 'jobs' || system.takesJobs))
}

function rotate<Item>(items: readonly Item[], by: number): readonly Item[] {
  const start = items.length === 0 ? 0 : by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

function progress(row: Row, one: Measurement): string {
  const errors = isInvalid(one) ? `  errors: ${JSON.stringify(one.errors)}` : ''
  const figures = `${one.perSecond.toFixed(0)}/s  p50 ${one.p50Ms.toFixed(2)} ms  p99 ${one.p99Ms.toFixed(2)} ms`
  return `${row.title.padEnd(24)} ${one.system.padEnd(10)} ${figures}${errors}`
}

const options = parseOptions(process.argv)
const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'))

async function cleanUp(): Promise<void> {
  await stopAllProcesses()
  await rm(folder, { recursive: true, force: true })
}

let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // npm passes a Ctrl-C on to a process that got it from the terminal already.
    if (interrupted) return
    interrupted = true
    say('stopping …')
    void cleanUp().finally(() => process.exit(130))
  })
}

try {
  const record = await bench(options, folder)
  process.stdout.write(`${formatReport(record)}\n`)
  say('measuring the auditor …')
  const auditing = measureAuditing()
  process.stdout.write(`\n${formatAuditing(auditing)}\n`)
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify({ ...record, auditing }, null, 2)}\n`)
  }
} catch (error) {
  if (!interrupted) {
    say(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
} finally {
  if (!interrupted) await cleanUp()
}
