import { describe, expect, it, onTestFinished } from 'vitest'
import type { JobId } from '../../src/core/job.ts'
import type { NodeReport } from '../../src/core/node.ts'
import { DarkGates } from '../../src/pipeline/leave-dark-gates.ts'
import { readPlaces } from '../../src/store/job-places.ts'
import { RedisGates } from '../../src/store/redis-gates.ts'
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts'
import { refuse, say } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { GateBench, gateOf, laneOf } from '../support/gates.ts'
import { silentLog } from '../support/mortal.ts'
import { nodeReport } from '../support/node-reports.ts'

async function start(options: TestBrokerOptions): Promise<TestBroker> {
  const broker = await startTestBroker(options)
  onTestFinished(() => broker[Symbol.asyncDispose]())
  return broker
}

async function submit(broker: TestBroker): Promise<JobId> {
  const body = { messages: [{ role: 'user', content: 'hello' }] }
  const json = { model: 'both', input: { endpoint: '/v1/chat/completions', body } }
  const made = await broker.send('/v1/jobs', { json })
  return ((await made.json()) as { id: JobId }).id
}

const stageOf = (broker: TestBroker, id: JobId) => broker.redis.hget(`sluice:job:${id}`, 'stage')

describe('jobs that wait for a deployment that stays away', () => {
  it('go to another one that has come back meanwhile', async () => {
    const away = new Set(['cloud-b', 'studio-b'])
    const broker = await start({
      config: { breaker: { failures: 1, open: '1s', max_open: '2s' } },
      script: (call, response) => (away.has(call.deployment) ? refuse(503) : say('hello'))(call, response),
    })
    const parkedAt = (deployment: string) => broker.redis.zcard(`sluice:backlog:parked:${deployment}`)
    const parked = async () => (await parkedAt('cloud-b')) + (await parkedAt('studio-b'))
    const ids = [await submit(broker)]
    await eventually('one is parked', async () => (await parked()) === 1)
    ids.push(...(await Promise.all(Array.from({ length: 20 }, () => submit(broker)))))
    await eventually('all are parked', async () => (await parked()) >= 20)
    away.delete((await parkedAt('cloud-b')) > (await parkedAt('studio-b')) ? 'studio-b' : 'cloud-b')
    await eventually('all are served', async () => {
      const stages = await Promise.all(ids.map((id) => stageOf(broker, id)))
      return stages.every((stage) => stage === 'completed')
    })
  })
})

describe('jobs behind a dark gate', () => {
  const ready = (id: string) => ({ id, isReady: true, reason: null, isLoaded: null, servesFrom: 'here' as const })
  const nodes = [
    nodeReport({ node: 'c', pool: 'cloud', deployments: [ready('gpt')] }),
    nodeReport({ node: 's', pool: 'studio', deployments: [ready('llama')] }),
  ]
  const poolOf = new Map([
    ['gpt', 'cloud'],
    ['llama', 'studio'],
  ])
  const darken = (bench: GateBench, deployment: string) => {
    return bench.call(gateOf({}, { gate: deployment, deployment }), 'broken')
  }
  const turn = (bench: GateBench, live: readonly NodeReport[] = nodes) => {
    const gates = new Map([...poolOf.keys()].map((id) => [id, gateOf({}, { gate: id, deployment: id })]))
    return new DarkGates({
      registry: { list: async () => live },
      gates: bench.gates,
      waitingAt: (pages, limit) => bench.gates.waitingAt(pages, limit),
      placesOf: (ids) => readPlaces(bench.redis, ids),
      gatesOf: () => gates,
      poolOf,
      log: silentLog,
    }).turn(bench.nowMs)
  }

  it('wait for the next candidate, in its lane and by their age, and only once', async () => {
    await using bench = await GateBench.start()
    await darken(bench, 'gpt')
    const id = await bench.addJob()
    await bench.park(id, 1)
    expect([await turn(bench), await turn(bench)]).toEqual([1, 0])
    const llama = gateOf({}, { gate: 'llama', deployment: 'llama' })
    const { woken } = await bench.gates.wake(llama, 10, bench.nowMs)
    expect(woken).toEqual([{ id, hop: 3, deployment: 'llama', lane: { ...laneOf(), pool: 'studio' } }])
    expect(await bench.redis.exists('sluice:backlog:parked:gpt')).toBe(0)
  })

  it('stay when the other one is away too, has no node, or is not for them', async () => {
    await using bench = await GateBench.start()
    await darken(bench, 'gpt')
    for (const plan of [{ onOutage: 'wait' as const }, { candidates: [{ deployment: 'gpt', pool: 'cloud' }] }]) {
      await bench.park(await bench.addJob({ plan }), 1)
    }
    expect(await turn(bench)).toBe(0)
    await bench.park(await bench.addJob(), 1)
    expect(await turn(bench, nodes.slice(0, 1))).toBe(0)
    expect(await turn(bench, [])).toBe(0)
    await darken(bench, 'llama')
    expect(await turn(bench)).toBe(0)
  })

  it('stay where only a limit holds them up, and leave where no node of the pool is ready', async () => {
    await using bench = await GateBench.start()
    await bench.park(await bench.addJob(), 1)
    expect(await turn(bench)).toBe(0)
    const unready = nodeReport({ node: 'c', pool: 'cloud', deployments: [{ ...ready('gpt'), isReady: false }] })
    expect(await turn(bench, [unready, ...nodes.slice(1)])).toBe(1)
  })

  it('send one to find out where the next call is a probe', async () => {
    await using bench = await GateBench.start()
    await darken(bench, 'llama')
    bench.nowMs += 10_000
    await darken(bench, 'gpt')
    for (let count = 0; count < 3; count += 1) await bench.park(await bench.addJob(), 1)
    expect([await turn(bench), await turn(bench)]).toEqual([1, 0])
  })
})

it('wakes what is parked behind a deployment that was taken out of the configuration', async () => {
  const broker = await start({ redisPools: ['studio'] })
  const id = await submit(broker)
  await eventually('it is in its lane', async () => (await stageOf(broker, id)) === 'waiting')
  const lane = { pool: 'studio', sensitivity: 'public', priority: 'standard' } as const
  const at = { fromHop: 1, candidate: 1, deployment: 'removed', lane, priority: 'standard', tokens: 0 } as const
  expect(await new RedisGates(broker.redis).park(id, { ...at, nowMs: Date.now() })).toBe(true)
  await eventually('it is served', async () => (await stageOf(broker, id)) === 'completed')
  expect(await broker.redis.keys('sluice:backlog:*')).toEqual([])
})
