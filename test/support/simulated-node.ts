import type { Priority } from '../../src/core/vocabulary.ts'
import { Turns } from '../../src/queue/turns.ts'

export interface SimulatedEntry {
  readonly deployment: string
  readonly priority: Priority
  /** When it comes, on the simulated clock. */
  readonly atMs: number
}

export interface SimulatedRun {
  readonly served: number
  readonly tookMs: number
  /** How often a model had to be loaded. */
  readonly loads: number
  /** The longest time for which an entry was kept from starting by others that came into hand after it. */
  readonly longestKeptMs: number
}

interface Served {
  readonly entry: SimulatedEntry
  readonly number: number
  startMs: number
  endMs: number
}

/**
 * A node with one server that has room for one model, on a clock of its own: no time passes. `hand` entries are held at
 * a time, the next one comes when one ends, as from a lane.
 */
export async function simulateNode(options: {
  readonly entries: readonly SimulatedEntry[]
  readonly hand: number
  readonly loadMs: number
  readonly callMs: number
  readonly maxWaitMs: number
  readonly limit?: number
}): Promise<SimulatedRun> {
  const { limit = 1, loadMs, callMs, maxWaitMs, hand } = options
  const clock = { nowMs: 0 }
  const names = [...new Set(options.entries.map(({ deployment }) => deployment))]
  const place = (model: string) => ({ model, server: 'server', limit: () => limit, isReady: () => true })
  const places = new Map(names.map((name) => [name, place(name)]))
  const turns = new Turns({ slots: () => names.length * limit, maxWaitMs, places, now: () => clock.nowMs })
  const lane = options.entries.toSorted((one, other) => one.atMs - other.atMs)
  const served: Served[] = []
  const ends: { atMs: number; end: () => void }[] = []
  let [held, loads, readyAtMs] = [0, 0, 0]
  let loaded = ''

  const take = (entry: SimulatedEntry) => {
    held += 1
    const row: Served = { entry, number: served.length, startMs: 0, endMs: 0 }
    served.push(row)
    void turns.take(entry, new AbortController().signal).then((turn) => {
      if (loaded !== entry.deployment) {
        loaded = entry.deployment
        loads += 1
        readyAtMs = clock.nowMs + loadMs
      }
      row.startMs = clock.nowMs
      row.endMs = Math.max(clock.nowMs, readyAtMs) + callMs
      const end = () => {
        held -= 1
        turn?.end()
      }
      ends.push({ atMs: row.endMs, end })
    })
  }
  for (;;) {
    while (held < hand && lane[0] && lane[0].atMs <= clock.nowMs) {
      const next = lane.shift()
      if (next) take(next)
    }
    await new Promise((resolve) => setImmediate(resolve))
    ends.sort((one, other) => one.atMs - other.atMs)
    const next = ends[0]
    const comesAtMs = held < hand ? lane[0]?.atMs : undefined
    if (!next && comesAtMs === undefined) break
    if (next && (comesAtMs === undefined || next.atMs <= comesAtMs)) {
      clock.nowMs = next.atMs
      ends.shift()
      next.end()
    } else if (comesAtMs !== undefined) clock.nowMs = comesAtMs
  }
  return {
    served: served.length,
    tookMs: clock.nowMs,
    loads,
    longestKeptMs: Math.max(...served.map((row) => keptMs(row, served))),
  }
}

/** The time before the start of an entry in which one of the same priority was worked on that came after it. */
function keptMs(row: Served, all: readonly Served[]): number {
  const overtaking = all
    .filter((other) => other.number > row.number && other.entry.priority === row.entry.priority)
    .filter(({ startMs }) => startMs < row.startMs)
    .map(({ startMs, endMs }) => ({ startMs, endMs: Math.min(endMs, row.startMs) }))
    .toSorted((one, other) => one.startMs - other.startMs)
  let [total, untilMs] = [0, 0]
  for (const { startMs, endMs } of overtaking) {
    total += Math.max(0, endMs - Math.max(startMs, untilMs))
    untilMs = Math.max(untilMs, endMs)
  }
  return total
}
