import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobId } from '../../src/core/job.ts'
import type { NodeReport } from '../../src/core/node.ts'
import type { JobStore } from '../../src/core/ports.ts'
import { Rehoming } from '../../src/pipeline/rehome-jobs.ts'
import { BullmqQueues } from '../../src/queue/bullmq-queues.ts'
import { BullmqLaneEntries } from '../../src/queue/lane-entries.ts'
import { laneName } from '../../src/queue/lane-names.ts'
import { createManualWorker, takeEntry } from '../../src/queue/manual-worker.ts'
import { readPlaces } from '../../src/store/job-places.ts'
import { rememberPools } from '../../src/store/known-pools.ts'
import { GateBench, gateOf, type JobSketch, laneOf } from '../support/gates.ts'
import { silentLog } from '../support/mortal.ts'

const graceMs = 2_000
const startMs = 1_000_000
let bench: GateBench
let queues: BullmqQueues
let live: NodeReport[]
let rehoming: Rehoming
const studioLane = { ...laneOf(), pool: 'studio' }

function nodeOf(pool: string, more: Partial<NodeReport> = {}): NodeReport {
  return {
    node: `${pool}-1`,
    pool,
    transport: 'redis',
    version: '0',
    startedAtMs: 0,
    reportedAtMs: 0,
    isDraining: false,
    running: 0,
    slots: 1,
    waiting: 0,
    deployments: [],
    runtimes: [],
    memory: { totalBytes: 0, freeBytes: 0 },
    platform: 'test',
    ...more,
  }
}

function createRehoming(store: Pick<JobStore, 'moveOn' | 'end'> = bench.store, without?: 'cloud'): Rehoming {
  return new Rehoming({
    registry: { list: async () => live },
    lanes: new BullmqLaneEntries(bench.redis),
    parkedAt: (deployment, offset, limit) => bench.gates.parkedAt(deployment, offset, limit),
    placesOf: (ids) => readPlaces(bench.redis, ids),
    store,
    queues,
    pools: new Map([...(without ? [] : [['cloud', ['gpt']] as const]), ['studio', ['llama']] as const]),
    removed: without ? [without] : [],
    graceMs,
    log: silentLog,
  })
}

beforeEach(async () => {
  bench = await GateBench.start()
  queues = new BullmqQueues(bench.redis)
  live = [nodeOf('studio')]
  rehoming = createRehoming()
})
afterEach(async () => {
  await queues.close()
  await bench[Symbol.asyncDispose]()
})

async function addToLane(sketch: JobSketch = {}): Promise<JobId> {
  const id = await bench.addJob(sketch)
  await queues.addToLane(laneOf(), { id, hop: 1, deployment: 'gpt' })
  return id
}
const entriesOf = (lane = laneOf(), list = 'wait') =>
  bench.redis.lrange(`sluice:queue:${laneName(lane)}:${list}`, 0, -1)
/** The pool has been dark for the whole grace. */
const afterGrace = async () => {
  await rehoming.turn(startMs)
  return rehoming.turn(startMs + graceMs)
}

describe('jobs of a pool without a live node', () => {
  it('go to another candidate whose pool has one, after the grace', async () => {
    const id = await addToLane()
    expect(await rehoming.turn(startMs)).toBe(0)
    expect(await rehoming.turn(startMs + graceMs - 1)).toBe(0)
    expect(await rehoming.turn(startMs + graceMs)).toBe(1)
    expect(await entriesOf()).toEqual([])
    expect(await entriesOf(studioLane)).toEqual([`${id}-2`])
    const [place] = await readPlaces(bench.redis, [id])
    expect(place).toMatchObject({ hop: 2, candidate: 1, lane: studioLane })
  })

  it('stay while the grace runs anew: its node was there in between', async () => {
    await addToLane()
    await rehoming.turn(startMs)
    live = [nodeOf('studio'), nodeOf('cloud')]
    await rehoming.turn(startMs + 1)
    live = [nodeOf('studio')]
    expect(await rehoming.turn(startMs + graceMs)).toBe(0)
    expect(await rehoming.turn(startMs + 2 * graceMs)).toBe(1)
  })

  it('leave backlogs, parked and woken', async () => {
    const [parked, woken] = [await bench.addJob({ createdAtMs: bench.nowMs + 1 }), await bench.addJob()]
    for (const id of [parked, woken]) await bench.park(id, 1)
    expect((await bench.gates.wake(gateOf({ parallel: 1 }), 1, bench.nowMs)).woken).toMatchObject([{ id: woken }])
    await queues.addToLane(laneOf(), { id: woken, hop: 2, deployment: 'gpt' })
    expect(await afterGrace()).toBe(2)
    expect((await entriesOf(studioLane)).toSorted()).toEqual([`${parked}-3`, `${woken}-3`].toSorted())
    expect(await bench.redis.exists('sluice:backlog:parked:gpt', 'sluice:gate:running:gpt')).toBe(0)
  })

  it('stay where their model waits, where nobody else may serve them, and where the others are not ready', async () => {
    await addToLane({ plan: { onOutage: 'wait' } })
    await addToLane({ plan: { candidates: [{ deployment: 'gpt', pool: 'cloud' }] } })
    const onlyFor = { deployment: 'llama', pool: 'studio', after: 'content_policy' } as const
    await addToLane({ plan: { candidates: [{ deployment: 'gpt', pool: 'cloud' }, onlyFor] } })
    expect(await afterGrace()).toBe(0)
    expect(await entriesOf()).toHaveLength(3)
    await addToLane()
    const llama = { id: 'llama', isReady: false, reason: 'away', isLoaded: null, servesFrom: 'here' as const }
    live = [nodeOf('studio', { deployments: [llama] })]
    expect(await rehoming.turn(startMs + 2 * graceMs)).toBe(0)
    live = [
      nodeOf('studio', { deployments: [llama] }),
      nodeOf('studio', { deployments: [{ ...llama, isReady: true }] }),
    ]
    expect(await rehoming.turn(startMs + 3 * graceMs)).toBe(1)
  })

  it('are found behind any number of others that stay', async () => {
    for (let count = 0; count < 450; count += 1) await addToLane({ plan: { onOutage: 'wait' } })
    const id = await addToLane()
    let moved = await afterGrace()
    for (let turn = 1; turn < 4 && moved === 0; turn += 1) moved = await rehoming.turn(startMs + graceMs + turn)
    expect(moved).toBe(1)
    expect(await entriesOf(studioLane)).toEqual([`${id}-2`])
  })

  it('are taken from a worker that died with them, and left to one that lives', async () => {
    const [dead, alive] = [await addToLane(), await addToLane()]
    const worker = createManualWorker(laneName(laneOf()), { redis: bench.redis, leaseMs: 60_000, log: silentLog })
    for (const id of [dead, alive]) {
      expect((await takeEntry(worker, 'token')).job?.data.job).toBe(id)
      await bench.claim(id, gateOf({ parallel: 2 }))
    }
    await bench.redis.del(`sluice:queue:${laneName(laneOf())}:${dead}-1:lock`)
    expect(await afterGrace()).toBe(1)
    expect(await entriesOf(studioLane)).toEqual([`${dead}-2`])
    expect(await entriesOf(laneOf(), 'active')).toEqual([`${alive}-1`])
    expect(await bench.store.end(dead, 'complete', { resultJson: 'late' }, 1)).toBe(false)
    expect(await bench.store.end(alive, 'complete', { resultJson: 'in time' }, 1)).toBe(true)
    await worker.close()
  })

  it('go elsewhere too when a node that stopped has handed them back in the middle of a call', async () => {
    const id = await addToLane()
    const worker = createManualWorker(laneName(laneOf()), { redis: bench.redis, leaseMs: 60_000, log: silentLog })
    const { job } = await takeEntry(worker, 'token')
    await bench.store.startAttempt(id, { hop: 1, pool: 'cloud', node: 'node', nowMs: startMs, gate: null })
    await job?.moveToWait('token')
    expect(await afterGrace()).toBe(1)
    expect(await entriesOf(studioLane)).toEqual([`${id}-2`])
    expect(await bench.store.end(id, 'complete', { resultJson: 'late' }, 1)).toBe(false)
    await worker.close()
  })

  it('are left to a node that comes back and begins them at that very moment', async () => {
    const id = await addToLane()
    const racing: Pick<JobStore, 'moveOn' | 'end'> = {
      end: (...words) => bench.store.end(...words),
      moveOn: async (...words) => {
        await bench.claim(id, gateOf())
        return bench.store.moveOn(...words)
      },
    }
    rehoming = createRehoming(racing)
    expect(await afterGrace()).toBe(0)
    expect(await bench.store.end(id, 'complete', { resultJson: 'done' }, 1)).toBe(true)
  })

  it('are handed over by the next courier when one died after moving them', async () => {
    const [queued, parked] = [await addToLane(), await bench.addJob()]
    await bench.park(parked, 1)
    const dying: Pick<JobStore, 'moveOn' | 'end'> = {
      end: (...words) => bench.store.end(...words),
      moveOn: async (id, next) => {
        await bench.store.moveOn(id, next)
        return false
      },
    }
    rehoming = createRehoming(dying)
    await afterGrace()
    rehoming = createRehoming()
    await afterGrace()
    expect(await entriesOf(studioLane)).toContain(`${queued}-2`)
    const stranded = await bench.gates.stranded(['llama'], Number.MAX_SAFE_INTEGER, 10)
    expect(stranded).toMatchObject([{ id: parked, hop: 3, deployment: 'llama' }])
  })

  it('that have ended or moved on leave no entry behind', async () => {
    const id = await addToLane()
    await bench.store.end(id, 'cancel', {})
    await afterGrace()
    expect(await entriesOf()).toEqual([])
  })
})

describe('jobs of a pool that is no longer configured', () => {
  const onlyCloud = [{ deployment: 'gpt', pool: 'cloud' }]
  beforeEach(() => {
    rehoming = createRehoming(bench.store, 'cloud')
  })

  it('go to another deployment that is configured, even where their model waits and nobody serves it now', async () => {
    live = []
    const ids = [await addToLane(), await addToLane({ plan: { onOutage: 'wait' } })]
    expect(await afterGrace()).toBe(2)
    expect(await entriesOf()).toEqual([])
    expect((await entriesOf(studioLane)).toSorted()).toEqual(ids.map((id) => `${id}-2`).toSorted())
  })

  it('fail where nobody else may serve them, and say why', async () => {
    const id = await addToLane({ plan: { candidates: onlyCloud } })
    expect(await rehoming.turn(startMs)).toBe(0)
    expect(await rehoming.turn(startMs + graceMs)).toBe(1)
    expect(await entriesOf()).toEqual([])
    const job = await bench.store.read(id)
    expect(job).toMatchObject({ status: 'failed', error: { code: 'unprocessable_job' } })
    expect(job?.error?.message).toContain('pool cloud')
  })

  it('stay while one of its nodes still works, with the configuration of before', async () => {
    await addToLane({ plan: { candidates: onlyCloud } })
    live = [nodeOf('cloud')]
    expect(await afterGrace()).toBe(0)
    expect(await entriesOf()).toHaveLength(1)
  })
})

it('a pool is known to be gone by what was configured before', async () => {
  expect(await rememberPools(bench.redis, ['cloud', 'studio'])).toEqual([])
  expect(await rememberPools(bench.redis, ['studio'])).toEqual(['cloud'])
  expect(await rememberPools(bench.redis, ['cloud', 'studio'])).toEqual([])
})

it('moves nothing while no pool has a node: nobody has reported yet', async () => {
  await addToLane()
  live = []
  expect(await afterGrace()).toBe(0)
})
