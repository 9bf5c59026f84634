import { availableParallelism, cpus, loadavg, type as osType, release, totalmem } from 'node:os'

/** Facts about where a run took place, without which its figures say nothing. */
export interface MachineFacts {
  readonly cores: number
  readonly cpu: string
  readonly memoryGib: number
  readonly system: string
  readonly node: string
  readonly redis: string
  readonly portkey: string | null
  /** Load average of the last minute, before the run. */
  readonly loadBefore: number
  readonly startedAt: string
}

export function machineFacts(versions: { redis: string; portkey: string | null }): MachineFacts {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${osType()} ${release()}`,
    node: process.version,
    ...versions,
    loadBefore: loadavg()[0] ?? 0,
    startedAt: new Date().toISOString(),
  }
}
