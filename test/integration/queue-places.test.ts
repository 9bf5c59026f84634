import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createJobId } from '../../src/core/job.ts'
import { jobObject } from '../../src/http/schemas.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, hang } from '../support/chat-upstream.ts'

/** Where a job stands while it waits, and when it will begin. One call runs at a time, so the rest waits. */
let broker: TestBroker
beforeEach(async () => {
  const models = { local: [{ id: 'studio-a', pool: 'studio' as const, concurrency: 1 }] }
  broker = await startTestBroker({ models, script: hang, redisPools: [] })
})
afterEach(() => broker[Symbol.asyncDispose]())

const body = { messages: [{ role: 'user', content: 'echo: five' }] }
const make = async (more: object = {}) => {
  const json = { model: 'local', input: { endpoint: '/v1/chat/completions', body }, ...more }
  return ((await (await broker.send('/v1/jobs', { json })).json()) as { id: string }).id
}
const show = async (id: string) => jobObject.parse(await (await broker.send(`/v1/jobs/${id}`)).json())
const untilWaiting = (id: string) =>
  vi.waitFor(async () => expect((await show(id)).stage).toBe('waiting'), { timeout: 5_000, interval: 20 })

describe('a job that waits', () => {
  it('says how many stand before it in its lane, and nothing of a time that nothing tells', async () => {
    const ids: string[] = []
    for (let count = 0; count < 4; count += 1) {
      ids.push(await make())
      await untilWaiting(ids.at(-1) ?? '')
    }
    const first = await make({ priority: 'interactive' })
    await untilWaiting(first)
    const places = await Promise.all([...ids, first].map(async (id) => (await show(id)).queue))
    expect(places).toEqual([1, 2, 3, 4, 1].map((position) => ({ position, eta_seconds: null })))
  })

  it('says when it will begin, by what its lane got through lately', async () => {
    const ids = [await make(), await make(), await make()]
    for (const id of ids) await untilWaiting(id)
    // Ten jobs in twenty busy seconds.
    const sums = JSON.stringify([Date.now(), 10, 20_000])
    await broker.redis.hset('sluice:throughput', 'lane lane.studio.internal.standard', sums)
    const etas = await Promise.all(ids.map(async (id) => (await show(id)).queue?.eta_seconds))
    expect(etas.toSorted()).toEqual([2, 4, 6])
  })

  it('has no place any more when it has begun or ended, and none in lists', async () => {
    const id = await make()
    await untilWaiting(id)
    const list = (await (await broker.send('/v1/jobs')).json()) as { data: { queue: unknown }[] }
    expect(list.data.map(({ queue }) => queue)).toEqual([null])
    await broker.send(`/v1/jobs/${id}/cancel`, { method: 'POST' })
    expect((await show(id)).queue).toBeNull()
  })

  it('is found deep in a long queue by its order', async () => {
    const wait = 'sluice:queue:lane.studio.internal.standard:wait'
    const before = Array.from({ length: 3_000 }, () => `${createJobId()}-1`)
    await broker.redis.lpush(wait, ...before)
    const id = await make()
    await untilWaiting(id)
    const behind = Array.from({ length: 3_000 }, () => `${createJobId()}-1`)
    await broker.redis.lpush(wait, ...behind)
    expect((await show(id)).queue?.position).toBe(3_001)
  })

  it('behind a limit of its tenant stands among the jobs of the tenant', async () => {
    await broker[Symbol.asyncDispose]()
    const tenants = { acme: { keys: ['sk-test-acme-0123456789'], limits: { concurrency: 1 } } }
    broker = await startTestBroker({ script: hang, config: { tenants } })
    const ids: string[] = []
    for (let count = 0; count < 3; count += 1) {
      ids.push(await make())
      if (count === 0) await broker.upstream.callOf(() => true)
      else await vi.waitFor(async () => expect(await broker.redis.zcard('sluice:parked:acme')).toBe(count), 5_000)
    }
    const places = await Promise.all(ids.map(async (id) => (await show(id)).queue))
    expect(places).toEqual([null, { position: 1, eta_seconds: null }, { position: 2, eta_seconds: null }])
  })
})

it('what a lane gets through is measured on the jobs that it serves', async () => {
  await broker[Symbol.asyncDispose]()
  broker = await startTestBroker({ script: echo })
  for (let count = 0; count < 3; count += 1) await broker.send(`/v1/jobs/${await make()}?wait=20`)
  await vi.waitFor(async () => {
    const measured = await broker.redis.hgetall('sluice:throughput')
    expect(Object.keys(measured).toSorted()).toEqual(['deployment studio-a', 'lane lane.studio.internal.standard'])
    const [, jobs = 0, busyMs = 0] = JSON.parse(measured['deployment studio-a'] ?? '[]') as number[]
    expect(jobs).toBeGreaterThan(2.9)
    expect(busyMs).toBeGreaterThan(0)
  }, 10_000)
})
