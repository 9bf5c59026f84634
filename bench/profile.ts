/**
 * `node bench/profile.ts`: runs Sluice under one row's load with V8's sampling profiler and prints where its time went.
 * Only samples from within the measurement count, so that start and warm-up stay out.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Table from 'cli-table3'
import { Command } from 'commander'
import { addProfile, type CpuProfile, createSummary, type ProfileSummary, type TimeWindow } from './cpu-profile.ts'
import { type Measurement, measure, rows, startGenerator } from './measure.ts'
import { stopAllProcesses } from './processes.ts'
import { findRedis } from './redis.ts'
import { type RedisStats, watchRedis } from './redis-stats.ts'
import { startSluice, startUpstream } from './systems.ts'

interface Flags {
  readonly row: string
  readonly seconds: string
  readonly top: string
  readonly keep?: string
}

const flags = new Command('node bench/profile.ts')
  .description('Shows where the Sluice process spends its time under load.')
  .option('--row <name>', `one of ${rows.map((row) => row.id).join(', ')}`, 'chat-64')
  .option('--seconds <n>', 'how long to measure', '6')
  .option('--top <n>', 'lines per table', '40')
  .option('--keep <folder>', 'leave the .cpuprofile files here, for DevTools')
  .parse()
  .opts<Flags>()

interface Observed {
  readonly measurement: Measurement
  readonly window: TimeWindow
  readonly redis: RedisStats
}

async function profile(folder: string, profiles: string): Promise<Observed> {
  const row = rows.find(({ id }) => id === flags.row)
  if (row === undefined) throw new Error(`no row ${flags.row}`)
  const upstream = await startUpstream()
  const upstreamOrigin = upstream.target.origin
  const sluiceNodeOptions = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, '--cpu-prof-interval=500']
  const system = await startSluice({ upstreamOrigin, redis: await findRedis(), folder, sluiceNodeOptions })
  const generator = await startGenerator()
  const durationMs = Number(flags.seconds) * 1000
  const cell = { row, system, upstreamOrigin, generator, durationMs, jobs: Math.ceil(durationMs / 2) }
  await measure({ ...cell, durationMs: 3000, jobs: 1000 })
  const readRedis = await watchRedis(system.redis?.url ?? '')
  const fromUs = nowUs()
  const observed: Pick<Observed, 'window' | 'redis'>[] = []
  const onRead = async () => {
    observed.push({ window: { fromUs, toUs: nowUs() }, redis: await readRedis() })
  }
  const measurement = await measure({ ...cell, onRead })
  const [first] = observed
  if (first === undefined) throw new Error('nothing was measured')
  return { measurement, ...first }
}

const nowUs = () => Number(process.hrtime.bigint() / 1000n)

async function summarise(profiles: string, window: TimeWindow): Promise<ProfileSummary> {
  const summary = createSummary()
  for (const name of await readdir(profiles)) {
    if (!name.endsWith('.cpuprofile')) continue
    addProfile(summary, JSON.parse(await readFile(join(profiles, name), 'utf8')) as CpuProfile, window)
  }
  if (summary.busyUs === 0) throw new Error('Sluice left no profile; did it end on SIGTERM by itself?')
  return summary
}

function table(title: string, totals: ReadonlyMap<string, number>, summary: ProfileSummary, requests: number): string {
  const output = new Table({
    head: ['% busy', 'µs each', title],
    colAligns: ['right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  })
  const sorted = [...totals].sort(([, a], [, b]) => b - a).slice(0, Number(flags.top))
  for (const [name, us] of sorted) {
    output.push([((us / summary.busyUs) * 100).toFixed(1), (us / requests).toFixed(1), name])
  }
  return output.toString()
}

function redisTable({ commands }: RedisStats, requests: number): string {
  const output = new Table({
    head: ['calls each', 'µs each', 'Redis command'],
    colAligns: ['right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  })
  for (const { name, calls, us } of commands.slice(0, 20)) {
    output.push([(calls / requests).toFixed(2), (us / requests).toFixed(1), name])
  }
  return output.toString()
}

function print({ measurement, redis }: Observed, summary: ProfileSummary): void {
  const { completed, perSecond, p50Ms, errors, redisCpuUsPerRequest, cpuUsPerRequest } = measurement
  const share = (us: number) => `${((us / (summary.busyUs + summary.idleUs)) * 100).toFixed(0)} %`
  const each = (count: number) => (count / completed).toFixed(2)
  console.log(
    `${flags.row}: ${completed} answers, ${perSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(2)} ms while profiled`,
  )
  console.log(`CPU each: ${cpuUsPerRequest?.toFixed(0)} µs, of it Redis ${redisCpuUsPerRequest?.toFixed(0)} µs`)
  console.log(`main threads busy ${share(summary.busyUs)}, idle ${share(summary.idleUs)}`)
  console.log(`Redis sockets: ${each(redis.socketReads)} reads and ${each(redis.socketWrites)} writes each`)
  if (Object.keys(errors).length > 0) console.log(`errors: ${JSON.stringify(errors)}`)
  console.log(redisTable(redis, completed))
  console.log(table("module, with Node's own functions that it called", summary.causedByModule, summary, completed))
  console.log(table('module, self', summary.selfByModule, summary, completed))
  console.log(table('function, self', summary.selfByFunction, summary, completed))
  console.log(table("Sluice's function, with what it calls", summary.totalByOwnFunction, summary, completed))
}

const folder = await mkdtemp(join(tmpdir(), 'sluice-profile-'))
const profiles = flags.keep ?? join(folder, 'profiles')
await mkdir(profiles, { recursive: true })
process.once('SIGINT', () => void stopAllProcesses().finally(() => process.exit(130)))
try {
  const observed = await profile(folder, profiles)
  await stopAllProcesses()
  print(observed, await summarise(profiles, observed.window))
} finally {
  await stopAllProcesses()
  await rm(folder, { recursive: true, force: true })
}
