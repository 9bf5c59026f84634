import { describe, expect, it } from 'vitest'
import { batchEtaSeconds } from '../../src/core/batch-place.ts'
import { addWork, etaSeconds, noThroughput, type Throughput } from '../../src/core/queue-place.ts'

const startMs = 1_800_000_000_000
const minuteMs = 60_000
const total = 10_000

/** A batch whose outcomes came so: after so many milliseconds, so many of them. */
function run(outcomes: readonly { afterMs: number; lines: number }[]) {
  let pace: Throughput = { atMs: startMs, jobs: 0, busyMs: 0 }
  let completed = 0
  for (const { afterMs, lines } of outcomes) {
    pace = addWork(pace, { atMs: pace.atMs + afterMs, ms: Number.POSITIVE_INFINITY, jobs: lines })
    completed += lines
  }
  const batch = { status: 'in_progress' as const, pace, counts: { total, completed, failed: 0 } }
  return { batch, nowMs: pace.atMs, left: total - completed }
}

const times = (count: number, outcome: { afterMs: number; lines: number }) =>
  Array.from({ length: count }, () => outcome)

describe('how long a batch still takes', () => {
  it('is not known before anything has come', () => {
    const { batch } = run([])
    expect(batchEtaSeconds(batch, startMs + 5_000)).toBeNull()
  })

  it('is what is left at the pace of what has come, whatever comes at once', () => {
    const perSecond = run(times(60, { afterMs: 1_000, lines: 10 }))
    expect(batchEtaSeconds(perSecond.batch, perSecond.nowMs)).toBe(perSecond.left / 10)
    const inLumps = run(times(3, { afterMs: 20_000, lines: 200 }))
    // What is older is worth a little less.
    expect(Math.abs((batchEtaSeconds(inLumps.batch, inLumps.nowMs) ?? 0) - inLumps.left / 10)).toBeLessThanOrEqual(1)
  })

  it('falls by a second in each second while the pace is the same', () => {
    const etas = Array.from({ length: 100 }, (_, count) => {
      const { batch, nowMs } = run(times(count + 1, { afterMs: 1_000, lines: 10 }))
      return batchEtaSeconds(batch, nowMs)
    })
    expect(etas).toEqual(etas.map((_, index) => 999 - index))
  })

  it('follows the pace as it changes', () => {
    const slower = run([...times(60, { afterMs: 1_000, lines: 100 }), ...times(1_200, { afterMs: 1_000, lines: 1 })])
    const eta = batchEtaSeconds(slower.batch, slower.nowMs) ?? 0
    expect(eta).toBeGreaterThan(slower.left / 12)
    expect(eta).toBeLessThan(slower.left)
  })

  it('grows while nothing comes, until nothing is known any more', () => {
    const { batch, nowMs, left } = run(times(60, { afterMs: 1_000, lines: 10 }))
    expect(batchEtaSeconds(batch, nowMs + minuteMs)).toBeGreaterThanOrEqual((2 * left) / 10)
    expect(batchEtaSeconds(batch, nowMs + 16 * minuteMs)).toBeNull()
  })

  it.each(['validating', 'finalizing', 'cancelling', 'completed'] as const)(
    'is not told of one that is %s',
    (status) => {
      const { batch, nowMs } = run(times(60, { afterMs: 1_000, lines: 10 }))
      expect(batchEtaSeconds({ ...batch, status }, nowMs)).toBeNull()
    },
  )
})

describe('how long a job waits in a lane', () => {
  it('is not known when everything has failed for long, however often it was tried', () => {
    let lane = addWork(noThroughput, { atMs: startMs, ms: 2_000, jobs: 1 })
    expect(etaSeconds(3, lane, startMs)).toBe(6)
    for (let tries = 0; tries < 24; tries += 1) {
      lane = addWork(lane, { atMs: lane.atMs + 5 * minuteMs, ms: 1_000, jobs: 0 })
    }
    expect(etaSeconds(3, lane, lane.atMs)).toBeNull()
    lane = addWork(lane, { atMs: lane.atMs + minuteMs, ms: 2_000, jobs: 1 })
    expect(etaSeconds(3, lane, lane.atMs)).toBeLessThan(15)
  })
})
