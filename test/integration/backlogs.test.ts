import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobId } from '../../src/core/job.ts'
import { failedAttempt, type Gate, GateBench, gateOf, type JobSketch, laneOf } from '../support/gates.ts'

let bench: GateBench
beforeEach(async () => {
  bench = await GateBench.start()
})
afterEach(() => bench[Symbol.asyncDispose]())

const minuteMs = 61_250
const addParked = async (sketch: JobSketch = {}): Promise<JobId> => {
  const id = await bench.addJob(sketch)
  expect(await bench.park(id, 1, sketch)).toBe(true)
  return id
}
const wake = (gate: Gate, limit = 100) => bench.gates.wake(gate, limit, bench.nowMs)
const wokenBy = async (gate: Gate, limit?: number) => (await wake(gate, limit)).woken.map(({ id }) => id)
const run = async (gate: Gate): Promise<JobId> => {
  const id = await bench.addJob()
  expect((await bench.claim(id, gate)).kind).toBe('go')
  return id
}

describe('a parked job', () => {
  it('waits at its new hop without an entry anywhere, and a stale entry of it is dropped', async () => {
    const id = await addParked()
    expect(await bench.claim(id, gateOf(), { hop: 1 })).toEqual({ kind: 'ended' })
    expect(await bench.claim(id, gateOf(), { hop: 2 })).toEqual({ kind: 'ended' })
    expect((await bench.store.read(id))?.stage).toBe('waiting')
  })

  it('keeps its place when it is parked again by somebody who did not hear that it was', async () => {
    const id = await addParked()
    expect(await bench.park(id, 1)).toBe(true)
    expect(await bench.redis.hget(`sluice:job:${id}`, 'hop')).toBe('2')
  })

  it('is not parked by who has an old entry in hand, nor after its end', async () => {
    const id = await bench.addJob()
    await bench.store.moveOn(id, { fromHop: 1, candidate: 1, lane: laneOf(), readyAtMs: 0 })
    expect(await bench.park(id, 1)).toBe(false)
    await bench.store.end(id, 'cancel', {})
    expect(await bench.park(id, 2)).toBe(false)
    expect(await bench.leftovers()).toEqual([])
  })

  it.each(['cancel', 'expire'] as const)('leaves the backlog when it ends (%s), parked or woken', async (ending) => {
    const gate = gateOf({ parallel: 1, requestsPerMinute: 10, tokensPerMinute: 10 })
    const [parked, woken] = [await addParked({ createdAtMs: bench.nowMs + 1 }), await addParked()]
    expect(await wokenBy(gate)).toEqual([woken])
    for (const id of [parked, woken]) expect(await bench.store.end(id, ending, {})).toBe(true)
    expect(await bench.leftovers()).toEqual([])
  })

  it('is taken away from a worker that is lost, with the attempt in the ledger, and fenced off', async () => {
    const id = await run(gateOf({ parallel: 1 }))
    expect(await bench.park(id, 1)).toBe(true)
    expect((await bench.store.read(id))?.attempts).toMatchObject([{ deployment: 'gpt', outcome: 'worker_lost' }])
    expect(await bench.store.append(id, 1, ['output.delta late'], true)).toBe(false)
    expect(await bench.store.end(id, 'complete', { resultJson: 'late' }, 1)).toBe(false)
    expect(await bench.store.end(id, 'fail', {}, 1)).toBe(false)
    expect(await wokenBy(gateOf({ parallel: 1 }))).toEqual([id])
    expect(await bench.claim(id, gateOf({ parallel: 1 }), { hop: 2 })).toMatchObject({ kind: 'go', fence: 2 })
  })
})

describe('waking', () => {
  it('goes by priority, then by the time of acceptance, whoever was parked first', async () => {
    const at = (offsetMs: number) => bench.nowMs + offsetMs
    const batch = await addParked({ priority: 'batch', createdAtMs: at(-5) })
    const late = await addParked({ createdAtMs: at(2) })
    const early = await addParked({ createdAtMs: at(1) })
    const chat = await addParked({ priority: 'interactive', createdAtMs: at(9) })
    expect(await wokenBy(gateOf(), 1)).toEqual([chat])
    expect(await wokenBy(gateOf())).toEqual([early, late, batch])
  })

  it('says where each job goes, and how many are left', async () => {
    const id = await addParked({ priority: 'batch' })
    await addParked({ priority: 'batch', createdAtMs: bench.nowMs + 1 })
    expect(await wake(gateOf(), 1)).toEqual({
      woken: [{ id, hop: 2, lane: laneOf('batch'), deployment: 'gpt' }],
      parked: 1,
      againAtMs: bench.nowMs,
    })
  })

  it('wakes as many as there is room for, and none twice', async () => {
    const gate = gateOf({ parallel: 3 })
    const running = await run(gate)
    for (let count = 0; count < 5; count += 1) await addParked()
    const wakers = await Promise.all([wake(gate), wake(gate), wake(gate)])
    expect(wakers.flatMap(({ woken }) => woken)).toHaveLength(2)
    expect(await wake(gate)).toEqual({ woken: [], againAtMs: null, parked: 3 })
    await bench.report(running, gate, 'success')
    expect(await wokenBy(gate)).toHaveLength(1)
  })

  it('keeps the places of those it woke until they claim them, whatever the limit is', async () => {
    const limits = [{ parallel: 2 }, { requestsPerMinute: 2 }, { tokensPerMinute: 20 }]
    for (const [index, limit] of limits.entries()) {
      const gate = gateOf(limit, { gate: `gpt${index}` })
      const sketch = { plan: { promptTokens: 10 } }
      const parked = [await addParked(sketch), await addParked(sketch)]
      expect((await wokenBy(gate)).toSorted()).toEqual(parked.toSorted())
      expect(await bench.refusal(gate, { priority: 'interactive', tokens: 10 })).toBe(
        Object.keys(limit)[0]?.replace('PerMinute', ''),
      )
      for (const id of parked) expect((await bench.claim(id, gate, { hop: 2 })).kind).toBe('go')
      expect(await bench.refusal(gate, { priority: 'interactive', tokens: 10 })).not.toBeNull()
      expect(await bench.redis.exists(`sluice:gate:reserved:gpt${index}`)).toBe(0)
    }
    expect(await bench.redis.exists('sluice:backlog:woken:gpt', 'sluice:backlog:parked:gpt')).toBe(0)
  })

  it('says when a limit on requests has room again', async () => {
    const gate = gateOf({ requestsPerMinute: 1 })
    await run(gate)
    await addParked()
    const { woken, againAtMs } = await wake(gate)
    expect(woken).toEqual([])
    expect(againAtMs).toBeGreaterThan(bench.nowMs + 61_000)
    expect(againAtMs).toBeLessThanOrEqual(bench.nowMs + minuteMs)
    bench.nowMs = (againAtMs ?? 0) - 1
    expect(await wokenBy(gate)).toEqual([])
    bench.nowMs += 1
    expect(await wokenBy(gate)).toHaveLength(1)
  })

  it('wakes one job to probe a breaker, and the others when it has closed', async () => {
    const gate = gateOf()
    await bench.call(gate, 'broken')
    for (let count = 0; count < 3; count += 1) await addParked()
    const { againAtMs } = await wake(gate)
    bench.nowMs = againAtMs ?? 0
    const { woken, againAtMs: nextAtMs } = await wake(gate)
    expect(woken).toHaveLength(1)
    expect(nextAtMs).toBeNull()
    const [probe] = woken
    expect(await bench.claim(probe?.id as JobId, gate, { hop: 2 })).toMatchObject({ kind: 'go', isProbe: true })
    await bench.report(probe?.id as JobId, gate, 'success')
    expect(await wokenBy(gate)).toHaveLength(2)
  })

  it('gives back the place of a job that was woken and finds the breaker open', async () => {
    const gate = gateOf({ parallel: 1, requestsPerMinute: 5 })
    const id = await addParked()
    expect(await wokenBy(gate)).toEqual([id])
    const other = gateOf({}, { gate: 'gpt' })
    const broken = await bench.addJob({ priority: 'interactive' })
    await bench.claim(broken, other)
    await bench.report(broken, gate, 'broken')
    expect(await bench.claim(id, gate, { hop: 2 })).toMatchObject({ kind: 'closed', closed: { reason: 'breaker' } })
    expect(await bench.park(id, 2)).toBe(true)
    const [view] = await bench.gates.peek([gate], bench.nowMs)
    expect(view).toMatchObject({ running: 0, parked: 1 })
    expect(await bench.redis.exists('sluice:gate:reserved:gpt')).toBe(0)
  })

  it('hands a job that one node has woken to the other node that takes it', async () => {
    const ofNode = (node: string) => gateOf({ parallel: 1 }, { gate: `gpt@${node}` })
    const id = await addParked()
    await addParked({ createdAtMs: bench.nowMs + 1 })
    expect(await wokenBy(ofNode('one'))).toEqual([id])
    expect((await bench.claim(id, ofNode('two'), { hop: 2 })).kind).toBe('go')
    const views = await bench.gates.peek([ofNode('one'), ofNode('two')], bench.nowMs)
    expect(views.map(({ running }) => running)).toEqual([0, 1])
  })

  it('passes over a job that the store has forgotten', async () => {
    const [gone, id] = [await addParked(), await addParked({ createdAtMs: bench.nowMs + 1 })]
    await bench.redis.del(`sluice:job:${gone}`)
    expect(await wokenBy(gateOf())).toEqual([id])
  })
})

describe('a new claim', () => {
  it('does not overtake parked jobs of its priority or a higher one, though there is room', async () => {
    await addParked({ priority: 'standard' })
    const [view] = await bench.gates.peek([gateOf()], bench.nowMs)
    expect(view).toMatchObject({ closed: { reason: 'parked', opensAtMs: null }, parked: 1 })
    expect(await bench.refusal(gateOf(), { priority: 'standard' })).toBe('parked')
    expect(await bench.refusal(gateOf(), { priority: 'batch' })).toBe('parked')
    expect(await bench.refusal(gateOf(), { priority: 'interactive' })).toBeNull()
  })
})

describe('a woken job whose waker died', () => {
  it('is found after a while, once at a time, until it was claimed', async () => {
    const id = await addParked()
    await wokenBy(gateOf())
    const strandedFor = (ageMs: number) => bench.gates.stranded(['llama', 'gpt'], bench.nowMs - ageMs, 10)
    expect(await strandedFor(10_000)).toEqual([])
    bench.nowMs += 10_000
    expect(await strandedFor(10_000)).toEqual([{ id, hop: 2, lane: laneOf(), deployment: 'gpt' }])
    expect(await strandedFor(10_000)).toEqual([])
    bench.nowMs += 10_000
    expect(await strandedFor(10_000)).toHaveLength(1)
    await bench.claim(id, gateOf(), { hop: 2 })
    bench.nowMs += 10_000
    expect(await strandedFor(10_000)).toEqual([])
  })
})

describe('a job that is moved on', () => {
  const next = { fromHop: 1, candidate: 1, lane: { ...laneOf(), pool: 'studio' }, readyAtMs: 7 }

  it('waits for its next candidate, and its old entry is found superseded', async () => {
    const id = await bench.addJob()
    expect(await bench.store.moveOn(id, next)).toBe(true)
    expect(await bench.claim(id, gateOf())).toEqual({
      kind: 'superseded',
      lane: next.lane,
      hop: 2,
      deployment: 'llama',
      readyAtMs: 7,
    })
    expect((await bench.store.read(id))?.stage).toBe('waiting')
  })

  it('is moved once: who did not hear it is told again, anybody else is refused', async () => {
    const id = await bench.addJob()
    expect(await bench.store.moveOn(id, next)).toBe(true)
    expect(await bench.store.moveOn(id, next)).toBe(true)
    expect(await bench.store.moveOn(id, { ...next, candidate: 0 })).toBe(false)
    expect(await bench.redis.hget(`sluice:job:${id}`, 'hop')).toBe('2')
  })

  it('is left to the worker that runs it where that is asked for', async () => {
    const id = await run(gateOf())
    expect(await bench.store.moveOn(id, { ...next, lostBeforeMs: bench.nowMs - 1 })).toBe(false)
    expect((await bench.store.read(id))?.stage).toBe('running')
    expect(await bench.store.moveOn(id, next)).toBe(true)
    expect(await bench.store.end(id, 'complete', { resultJson: 'late' }, 1)).toBe(false)
  })

  it('is not handed over by the worker that it was taken from, which would have it tried again', async () => {
    const id = await run(gateOf())
    const to = { lane: laneOf(), candidate: 0, hop: 2, readyAtMs: 0, attempts: [], resetOutput: false }
    const retry = (job: JobId) => bench.store.retry(job, 1, { ...to, attempt: failedAttempt(job) })
    expect(await bench.store.moveOn(id, next)).toBe(true)
    expect(await retry(id)).toBe(false)
    // Its own hand-over it may hear of twice.
    const other = await run(gateOf())
    expect(await retry(other)).toBe(true)
    expect(await retry(other)).toBe(true)
  })

  it('out of a backlog is looked after until somebody claims it: it has no entry that would come again', async () => {
    const id = await addParked()
    expect(await bench.store.moveOn(id, { ...next, fromHop: 2 })).toBe(true)
    const [stranded] = await bench.gates.stranded(['llama'], Number.MAX_SAFE_INTEGER, 10)
    expect(stranded).toEqual({ id, hop: 3, lane: next.lane, deployment: 'llama' })
    const llama = gateOf({ parallel: 1 }, { gate: 'llama', deployment: 'llama' })
    expect((await bench.claim(id, llama, { hop: 3 })).kind).toBe('go')
    await bench.report(id, llama, 'success')
    expect(await bench.leftovers()).toEqual([])
  })
})
