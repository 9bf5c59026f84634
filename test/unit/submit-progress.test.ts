import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { describeProgress, Pace, type Snapshot, startProgress } from '../../src/cli/submit/progress.ts'

const start: Snapshot = { done: 0, failed: 0, held: 0, bytesDone: 0, bytesHeld: 0, bytesTotal: 10 * 1024 * 1024 }

describe('describeProgress', () => {
  it('says what is done, how fast it goes and how long the rest takes', () => {
    const pace = new Pace()
    pace.add(start, 0)
    const now = { ...start, done: 40, failed: 10, bytesDone: 2 * 1024 * 1024 }
    expect(describeProgress(now, pace, 10_000)).toBe(
      '40 done, 10 failed, 20% of 10.0 MiB, 5.0 jobs/s, about 40.0s left',
    )
  })

  it('counts what an earlier run has done as done, and not as speed', () => {
    const pace = new Pace()
    pace.add({ ...start, held: 50 }, 0)
    const now = { ...start, held: 50, bytesDone: 5 * 1024 * 1024, bytesHeld: 5 * 1024 * 1024 }
    expect(describeProgress(now, pace, 10_000)).toBe('50 done, 0 failed, 50% of 10.0 MiB, 0.0 jobs/s')
  })

  it('judges the speed by the last seconds, not by an hour ago', () => {
    const pace = new Pace()
    for (let second = 0; second <= 3600; second += 1) pace.add({ ...start, done: second * 100 }, second * 1000)
    for (let second = 1; second <= 30; second += 1) pace.add({ ...start, done: 360_000 }, (3600 + second) * 1000)
    expect(pace.rates()?.jobs).toBe(0)
  })

  it('makes no promise where the size is not known', () => {
    const pace = new Pace()
    pace.add({ ...start, bytesTotal: null }, 0)
    expect(describeProgress({ ...start, bytesTotal: null, done: 3, bytesDone: 2048 }, pace, 1000)).toBe(
      '3 done, 0 failed, 2.0 KiB so far, 3.0 jobs/s',
    )
  })

  it('says 100% only when everything is done', () => {
    const almost = { ...start, bytesDone: 10 * 1024 * 1024 - 1 }
    expect(describeProgress(almost, new Pace(), 0)).toContain('99%')
  })
})

describe('startProgress', () => {
  it('writes plain lines without escape sequences where there is no terminal', () => {
    const stream = new PassThrough()
    const progress = startProgress(() => start, stream)
    progress.note('the server is busy')
    progress.stop()
    expect(stream.read().toString()).toBe('note: the server is busy\n')
  })
})
