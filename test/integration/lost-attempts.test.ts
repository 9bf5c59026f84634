import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobId } from '../../src/core/job.ts'
import type { AttemptRecord, JobRecordEntry } from '../../src/core/records.ts'
import { addJob, GateBench, laneOf, pool } from '../support/gates.ts'
import { Mortal } from '../support/mortal.ts'

/** 2 dollars per million input tokens. */
const inputPrice = 2_000_000
const plan = { promptTokens: 1_500 }
let bench: GateBench

beforeEach(async () => {
  bench = await GateBench.start()
})
afterEach(() => bench[Symbol.asyncDispose]())

const claim = (id: JobId, hop = 1) =>
  bench.store.startAttempt(id, { hop, pool, node: 'node', nowMs: Date.now(), gate: null, inputPrice })

async function records(kind: JobRecordEntry['kind']): Promise<JobRecordEntry[]> {
  const entries = await bench.redis.xrange('sluice:records', '-', '+')
  return entries.map(([, [, , , data = '']]) => JSON.parse(data) as JobRecordEntry).filter((each) => each.kind === kind)
}
const attempts = async () => (await records('attempt')) as AttemptRecord[]

describe('an attempt that nobody reports on', () => {
  it('has used its prompt, by the estimate of the plan, where its call was stopped before it said anything', async () => {
    const id = await bench.addJob({ plan })
    await claim(id)
    await bench.store.end(id, 'cancel', {})
    expect(await attempts()).toMatchObject([
      {
        attemptId: `${id}.1`,
        deployment: 'gpt',
        outcome: 'cancelled',
        usage: { prompt_tokens: 1_500, completion_tokens: 0, total_tokens: 1_500 },
        isEstimated: true,
        cost: 3_000,
      },
    ])
  })

  it('leaves the next one all the money where its worker died before it said anything', async () => {
    const id = await bench.addJob({ plan })
    await claim(id)
    expect(await claim(id)).toMatchObject({ kind: 'go', fence: 2, attempts: [{ outcome: 'worker_lost', cost: 0 }] })
    expect(await attempts()).toMatchObject([{ attemptId: `${id}.1`, outcome: 'worker_lost', usage: null, cost: 0 }])
  })

  it('has used what it said with its last deltas', async () => {
    const id = await bench.addJob({ plan })
    await claim(id)
    await bench.store.append(id, 1, ['output.delta 1'], true, { promptTokens: 1_200, outputTokens: 10, cost: 2_420 })
    await bench.store.append(id, 1, ['output.delta 2'], false, { promptTokens: 1_200, outputTokens: 50, cost: 2_500 })
    await bench.store.append(id, 1, ['output.delta 3'], false)
    await claim(id)
    const usage = { prompt_tokens: 1_200, completion_tokens: 50, total_tokens: 1_250 }
    expect(await attempts()).toMatchObject([{ usage, cost: 2_500 }])
    // The next one begins with nothing but its prompt.
    await bench.store.end(id, 'cancel', {})
    expect(await attempts()).toMatchObject([{ cost: 2_500 }, { cost: 3_000 }])
  })

  it('is free where nobody knows the length of its prompt', async () => {
    const id = await bench.addJob()
    await claim(id)
    await bench.store.end(id, 'cancel', {})
    expect(await attempts()).toMatchObject([{ usage: null, cost: 0 }])
  })

  it.each([
    ['cancel', 'cancelled'],
    ['expire', 'expired'],
  ] as const)('is settled before the end when its job is ended under it (%s), once', async (ending, outcome) => {
    const id = await bench.addJob({ plan })
    await claim(id)
    await bench.store.append(id, 1, ['output.delta 1'], true, { promptTokens: 1_200, outputTokens: 10, cost: 2_420 })
    const before = (await bench.store.read(id))?.attempts ?? []
    expect(await bench.store.end(id, ending, { attempts: before })).toBe(true)
    expect(await bench.store.end(id, ending, { attempts: before })).toBe(false)
    expect(await attempts()).toMatchObject([{ attemptId: `${id}.1`, outcome, cost: 2_420 }])
    const kinds = (await bench.redis.xrange('sluice:records', '-', '+')).map(([, [, kind]]) => kind)
    expect(kinds.slice(-2)).toEqual(['attempt', 'end'])
    expect(await bench.store.read(id)).toMatchObject({ attempts: [{ outcome, cost: 2_420 }], cost: 2_420 })
    // What its worker says afterwards changes nothing.
    expect(await bench.store.end(id, 'complete', { resultJson: '{}' }, 1)).toBe(false)
    expect(await attempts()).toHaveLength(1)
  })

  it('is not made of a job that waits: what its attempts cost before is all', async () => {
    const id = await bench.addJob({ plan })
    await claim(id)
    await bench.store.append(id, 1, ['output.delta 1'], true, { promptTokens: 1_200, outputTokens: 10, cost: 2_420 })
    await bench.store.moveOn(id, { fromHop: 1, candidate: 1, lane: laneOf(), readyAtMs: 0 })
    await bench.store.end(id, 'cancel', { attempts: (await bench.store.read(id))?.attempts ?? [] })
    expect(await attempts()).toMatchObject([{ outcome: 'worker_lost', cost: 2_420 }])
    expect(await bench.store.read(id)).toMatchObject({ attempts: [{ deployment: 'gpt' }], cost: 2_420 })
  })
})

it('is one claim, and no lost attempt, when the reply is lost and the claim is sent again', async () => {
  await using mortal = await Mortal.start(bench.server.url, randomBytes(32))
  const id = await addJob(mortal.store, { plan })
  const starts: unknown[] = []
  await mortal.meet({ kind: 'loses a reply', after: 0 }, async () => {
    starts.push(await mortal.store.startAttempt(id, { hop: 1, pool, node: 'n', nowMs: 0, gate: null, inputPrice }))
  })
  expect(starts).toMatchObject([{ kind: 'go', fence: 1, attempts: [] }])
  expect(await attempts()).toEqual([])
})
