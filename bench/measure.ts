/** The rows of the benchmark, and one measurement of one of them on one system. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import { machineBusyMs, treeCpuMs } from './cpu-time.ts'
import type { LoadResult, LoadTask } from './load.ts'
import { cleanEnvironment, startScript } from './processes.ts'
import type { System, SystemName } from './systems.ts'
import type { UpstreamCounters } from './upstream.ts'

export const rows = [
  { id: 'chat-1', title: 'chat, c=1', kind: 'chat', connections: 1, personal: false },
  { id: 'chat-16', title: 'chat, c=16', kind: 'chat', connections: 16, personal: false },
  { id: 'chat-64', title: 'chat, c=64', kind: 'chat', connections: 64, personal: false },
  { id: 'masking-1', title: 'with masking, c=1', kind: 'chat', connections: 1, personal: true },
  { id: 'masking-64', title: 'with masking, c=64', kind: 'chat', connections: 64, personal: true },
  { id: 'stream-1', title: 'stream, c=1', kind: 'stream', connections: 1, personal: false },
  { id: 'stream-16', title: 'stream, c=16', kind: 'stream', connections: 16, personal: false },
  { id: 'jobs', title: 'bulk jobs, 64 in flight', kind: 'jobs', connections: 64, personal: false },
] as const
export type Row = (typeof rows)[number]
export type RowId = Row['id']

export interface Measurement {
  readonly row: RowId
  readonly system: SystemName
  readonly completed: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** jobs only: accepted per second. */
  readonly acceptedPerSecond: number | null
  /** CPU time of the system's processes and its Redis, until a moment after the last answer. */
  readonly cpuUsPerRequest: number | null
  readonly redisCpuUsPerRequest: number | null
  readonly errors: Readonly<Record<string, number>>
  /** Prompts that reached the upstream with their e-mail address as written. */
  readonly unmasked: number
  readonly generatorBusy: number
  /** Cores that processes outside this run kept busy meanwhile. */
  readonly foreignCores: number | null
}

export interface LoadGenerator {
  run(task: LoadTask): Promise<LoadResult>
}

/** Longer than any measurement with all its own time limits. */
const taskTimeoutMs = 300_000

export async function startGenerator(): Promise<LoadGenerator> {
  const [child] = await startScript('load.ts', cleanEnvironment())
  return {
    async run(task) {
      // Takes this call's listeners and its timer away with its end.
      const settled = new AbortController()
      const { signal } = settled
      try {
        child.send(task)
        const [message] = await Promise.race([
          once(child, 'message', { signal }),
          once(child, 'exit', { signal }).then(() => Promise.reject(new Error('the load generator ended'))),
          sleep(taskTimeoutMs, undefined, { signal }).then(() => Promise.reject(new Error('a measurement hangs'))),
        ])
        const { result, failure } = message as { result?: LoadResult; failure?: string }
        if (!result) throw new Error(`load generator: ${failure}`)
        return result
      } finally {
        settled.abort()
      }
    },
  }
}

export interface MeasureOptions {
  readonly row: Row
  readonly system: System
  readonly upstreamOrigin: string
  readonly generator: LoadGenerator
  readonly durationMs: number
  readonly jobs: number
  /** Called when the readings have been taken, before jobs are asked how they ended. */
  readonly onRead?: () => Promise<void>
}

/** Work that a system puts off until after the answer belongs to the request: readings are taken this much later. */
const settleMs = 250

export async function measure(options: MeasureOptions): Promise<Measurement> {
  const { row, system, generator } = options
  const before = await takeReadings(options)
  const result = await generator.run(taskOf(options))
  await sleep(settleMs)
  const after = await takeReadings(options)
  await options.onRead?.()

  const outcome = await outcomeOf(result, options)
  const calls = after.upstream.requests - before.upstream.requests
  const errors = { ...result.errors, ...outcome.errors }
  if (calls !== outcome.completed) errors[`${calls} upstream calls for ${outcome.completed} answers`] = 1
  const unmasked = after.upstream.unmasked - before.upstream.unmasked
  // Of the four, only Sluice promises to mask; without it the row would compare other work.
  if (system.name === 'sluice' && unmasked > 0) errors['prompts that reached the upstream unmasked'] = unmasked
  const perRequestUs = (from: number | null, to: number | null) =>
    from === null || to === null ? null : ((to - from) * 1000) / Math.max(1, outcome.completed)
  return {
    row: row.id,
    system: system.name,
    completed: outcome.completed,
    perSecond: (outcome.completed / result.elapsedMs) * 1000,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    acceptedPerSecond: result.acceptedInMs === undefined ? null : (result.completed / result.acceptedInMs) * 1000,
    cpuUsPerRequest: perRequestUs(before.systemCpuMs, after.systemCpuMs),
    redisCpuUsPerRequest: perRequestUs(before.redisCpuMs, after.redisCpuMs),
    errors,
    unmasked,
    generatorBusy: result.generatorBusy,
    foreignCores: foreignCores(before, after),
  }
}

function taskOf({ row, system, upstreamOrigin, durationMs, jobs }: MeasureOptions): LoadTask {
  const { target } = system
  const { connections, personal } = row
  return row.kind === 'jobs'
    ? { kind: 'jobs', target, upstreamOrigin, connections, count: jobs }
    : { kind: row.kind, target, connections, durationMs, personal }
}

async function outcomeOf(result: LoadResult, { row, system, generator }: MeasureOptions): Promise<LoadResult> {
  if (result.ids === undefined) return result
  return await generator.run({ kind: 'outcomes', target: system.target, connections: row.connections, ids: result.ids })
}

interface Readings {
  readonly upstream: UpstreamCounters
  readonly systemCpuMs: number | null
  readonly redisCpuMs: number | null
  readonly ownCpuMs: number | null
  readonly machineBusyMs: number | null
  readonly atMs: number
}

async function takeReadings({ system, upstreamOrigin }: MeasureOptions): Promise<Readings> {
  const answer = await request(upstreamOrigin)
  const upstream = (await answer.body.json()) as UpstreamCounters
  const redisPids = system.redis === null ? [] : [system.redis.pid]
  return {
    upstream,
    systemCpuMs: treeCpuMs([...system.pids, ...redisPids]),
    redisCpuMs: treeCpuMs(redisPids),
    // Everything that this run started descends from the runner.
    ownCpuMs: treeCpuMs([process.pid]),
    machineBusyMs: machineBusyMs(),
    atMs: performance.now(),
  }
}

function foreignCores(before: Readings, after: Readings): number | null {
  if (before.machineBusyMs === null || after.machineBusyMs === null) return null
  const ownMs = (after.ownCpuMs ?? 0) - (before.ownCpuMs ?? 0)
  return Math.max(0, (after.machineBusyMs - before.machineBusyMs - ownMs) / (after.atMs - before.atMs))
}
