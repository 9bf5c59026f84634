import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Gates } from '../../src/core/gate.ts'
import type { JobId } from '../../src/core/job.ts'
import type { Lane, LaneEntry } from '../../src/core/ports.ts'
import { BacklogKeeper, readdStranded } from '../../src/pipeline/wake-parked.ts'
import { type Gate, GateBench, gateOf, laneOf } from '../support/gates.ts'
import { silentLog } from '../support/mortal.ts'

const windowMs = 400
const cleanups: (() => Promise<void>)[] = []
let bench: GateBench
let added: { lane: Lane; entry: LaneEntry }[]
let calls: { peek: number; wake: number }
const queues = {
  addToLane: async (lane: Lane, entry: LaneEntry) => {
    added.push({ lane, entry })
  },
}

beforeEach(async () => {
  bench = await GateBench.start({ now: Date.now, windowMs, marginMs: 0, bucketMs: 10 })
  added = []
  calls = { peek: 0, wake: 0 }
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
  await bench[Symbol.asyncDispose]()
})

function keep(gate: Gate, isReady: () => boolean = () => true): BacklogKeeper {
  const counted: Gates = {
    peek: (...words) => {
      calls.peek += 1
      return bench.gates.peek(...words)
    },
    wake: (...words) => {
      calls.wake += 1
      return bench.gates.wake(...words)
    },
    park: (...words) => bench.gates.park(...words),
    stranded: (...words) => bench.gates.stranded(...words),
  }
  const keeper = new BacklogKeeper({ gates: counted, queues, settings: [gate], isReady, log: silentLog, now: Date.now })
  cleanups.push(() => keeper.stop())
  return keeper
}

const park = async (keeper: BacklogKeeper, id: JobId) => {
  const { gates } = { gates: keeper.watching(bench.gates) }
  const at = { fromHop: 1, candidate: 0, deployment: 'gpt', lane: laneOf(), priority: 'standard', tokens: 0 } as const
  expect(await gates.park(id, { ...at, nowMs: Date.now() })).toBe(true)
}
const running = async (gate: Gate): Promise<JobId> => {
  const id = await bench.addJob()
  expect((await bench.claim(id, gate)).kind).toBe('go')
  return id
}
const ids = () => added.map(({ entry }) => entry.id)
/** What it does at last has been done when a peek of its own has come back. */
const settle = () => bench.gates.peek([gateOf()], Date.now())

describe('a keeper', () => {
  it('wakes a job at once that is parked although there is room: a call ended in between', async () => {
    const keeper = keep(gateOf({ parallel: 1 }))
    const id = await bench.addJob()
    await park(keeper, id)
    await expect.poll(ids).toEqual([id])
    expect(added[0]).toEqual({ lane: laneOf(), entry: { id, hop: 2, deployment: 'gpt', goesFirst: true } })
  })

  it('wakes the next job when a call has ended, and asks no more than once for each', async () => {
    const gate = gateOf({ parallel: 1 })
    const keeper = keep(gate)
    let busy = await running(gate)
    const parked: JobId[] = []
    for (let count = 0; count < 40; count += 1) {
      const id = await bench.addJob({ createdAtMs: bench.nowMs + count })
      await park(keeper, id)
      parked.push(id)
    }
    await settle()
    expect(added).toEqual([])
    // One that was parked behind others is waiting for what they wait for.
    expect(calls.wake).toBeLessThan(5)
    const before = calls.wake
    for (const id of parked.slice(0, 3)) {
      await bench.report(busy, gate, 'success')
      keeper.freed('gpt')
      await expect.poll(() => ids().at(-1)).toBe(id)
      expect((await bench.claim(id, gate, { hop: 2 })).kind).toBe('go')
      busy = id
    }
    expect(calls.wake - before).toBeLessThanOrEqual(3)
  })

  it('adds those it wakes together the other way round: each goes before what is in the lane', async () => {
    const gate = gateOf({ requestsPerMinute: 3 })
    const parked: JobId[] = []
    for (let count = 0; count < 3; count += 1) {
      const id = await bench.addJob({ createdAtMs: bench.nowMs + count })
      await bench.park(id, 1)
      parked.push(id)
    }
    keep(gate).start()
    await expect.poll(ids).toEqual(parked.toReversed())
  })

  it('wakes by one timer when a gate opens by its clock, however many are parked', async () => {
    const gate = gateOf({ requestsPerMinute: 2 })
    const keeper = keep(gate)
    await running(gate)
    await running(gate)
    const parked = await Promise.all(Array.from({ length: 200 }, () => bench.addJob()))
    await Promise.all(parked.map((id) => park(keeper, id)))
    await expect.poll(() => added.length, { timeout: 5_000 }).toBe(2)
    expect(calls.wake).toBeLessThan(20)
    for (const { entry } of added) expect((await bench.claim(entry.id, gate, { hop: 2 })).kind).toBe('go')
  })

  it('finds what other processes have parked, by one look at all its gates', async () => {
    keep(gateOf()).start()
    await expect.poll(() => calls.peek).toBe(1)
    const id = await bench.addJob()
    await bench.park(id, 1)
    await expect.poll(ids, { timeout: 5_000 }).toEqual([id])
    expect(calls.peek).toBeLessThan(6)
  })

  it('wakes all in a few steps where nothing limits them', async () => {
    const parked = await Promise.all(Array.from({ length: 350 }, () => bench.addJob()))
    await Promise.all(parked.map((id) => bench.park(id, 1)))
    keep(gateOf()).start()
    await expect.poll(() => new Set(ids()).size, { timeout: 5_000 }).toBe(350)
    expect(calls.wake).toBeLessThan(8)
  })

  it('asks nothing of gates without a backlog but that look', async () => {
    const keeper = keep(gateOf())
    keeper.start()
    for (let end = 0; end < 100; end += 1) keeper.freed('gpt')
    await expect.poll(() => calls.peek).toBe(1)
    expect(calls.wake).toBe(0)
  })

  it('wakes nothing for a deployment that its node can’t serve now, or when it has stopped', async () => {
    let isReady = false
    const keeper = keep(gateOf(), () => isReady)
    const id = await bench.addJob()
    await park(keeper, id)
    keeper.freed('gpt')
    await settle()
    expect(calls.wake).toBe(0)
    isReady = true
    await keeper.stop()
    keeper.freed('gpt')
    await settle()
    expect(calls.wake).toBe(0)
  })
})

describe('the courier', () => {
  it('adds woken jobs again whose waker died', async () => {
    const id = await bench.addJob()
    await bench.park(id, 1)
    await bench.gates.wake(gateOf(), 1, Date.now())
    const readd = (nowMs: number) => readdStranded({ gates: bench.gates, queues, deployments: ['gpt'], nowMs })
    expect(await readd(Date.now())).toBe(0)
    // Long ago, for the waker.
    await bench.redis.zadd('sluice:backlog:woken:gpt', Date.now() - 20_000, id)
    expect(await readd(Date.now())).toBe(1)
    expect(ids()).toEqual([id])
  })
})
