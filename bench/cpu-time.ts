/**
 * CPU time from Linux's /proc: what a process tree used, and how busy the whole machine was. Elsewhere every reading is
 * null and the report leaves the columns empty. Field numbers are those of proc_pid_stat(5).
 */
import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ is 100 on every architecture that Node supports. */
const msPerTick = 10

interface ProcessTimes {
  readonly parent: number
  readonly cpuMs: number
}

/** User and system time of these processes, their descendants and the children they have reaped, in ms. */
export function treeCpuMs(roots: readonly number[]): number | null {
  const all = readProcesses()
  if (all === null) return null
  let totalMs = 0
  for (const [pid, { cpuMs }] of all) if (descends(pid, roots, all)) totalMs += cpuMs
  return totalMs
}

function descends(pid: number, roots: readonly number[], all: ReadonlyMap<number, ProcessTimes>): boolean {
  let current: number | undefined = pid
  while (current !== undefined && current > 1) {
    if (roots.includes(current)) return true
    current = all.get(current)?.parent
  }
  return false
}

function readProcesses(): Map<number, ProcessTimes> | null {
  const found = new Map<number, ProcessTimes>()
  let names: string[]
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return null
  }
  for (const name of names) {
    try {
      found.set(Number(name), parseStat(readFileSync(`/proc/${name}/stat`, 'utf8')))
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return found.size === 0 ? null : found
}

function parseStat(stat: string): ProcessTimes {
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const field = (number: number) => Number(fields[number - 3])
  return { parent: field(4), cpuMs: (field(14) + field(15) + field(16) + field(17)) * msPerTick }
}

/** Time that all cores together spent on anything but idling, hypervisor steal included, in ms. */
export function machineBusyMs(): number | null {
  try {
    const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1)
    const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = line
      .trim()
      .split(/\s+/)
      .slice(1)
      .map(Number)
    return (user + nice + system + irq + softIrq + steal) * msPerTick
  } catch {
    return null
  }
}
