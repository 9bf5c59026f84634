import { describe, expect, it } from 'vitest'
import { shutdownGraceMs } from '../../src/process/lifetime.ts'
import { queuePrefix } from '../../src/store/keys.ts'
import { checkJobs, type SubmittedJob, untilSettled } from '../support/aftermath.ts'
import { type Cluster, type ProcessName, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { Seeded } from '../support/seeded.ts'
import { Gate, slowUpstream, submitJob } from '../support/workload.ts'

/** Nothing in this file can be saved by a lease: none runs out before the tests have given up. */
const leaseDuration = '60s'
const settleMs = 30_000
const marginMs = 5_000

describe('SIGTERM', () => {
  it('lets the API answer what it has accepted, and ends its streams', async () => {
    const random = new Seeded('drain the api')
    const gate = new Gate()
    await using cluster = await startCluster({ script: slowUpstream(gate), leaseDuration, concurrency: 100 })
    const held = await Promise.all(range(5).map(() => submitJob(cluster, random, 'held')))
    const streams = await Promise.all(held.map(({ id }) => cluster.send(`/v1/jobs/${id}/events`)))
    const ends = streams.map((stream) => stream.text().catch(() => 'broken'))
    const passing = range(100).map(() => submitJob(cluster, random, 'passing'))
    await Promise.race(passing)
    await expectToEnd(cluster, 'api')
    await Promise.all(ends)
    cluster.process('api').start()
    gate.open()
    await expectAllDone(cluster, [...held, ...(await Promise.all(passing))])
  }, 90_000)

  it('has the API tell the readers of chats that it cuts off', async () => {
    const gate = new Gate()
    await using cluster = await startCluster({ script: slowUpstream(gate), leaseDuration, concurrency: 100 })
    const stream = await cluster.send('/v1/chat/completions', {
      model: 'fleet',
      stream: true,
      messages: [{ role: 'user', content: 'hold: is anybody on call?' }],
    })
    const [text] = await Promise.all([stream.text(), expectToEnd(cluster, 'api')])
    const records = text.split('\n\n').filter((record) => record.startsWith('data: '))
    expect(records.at(-1)).toBe('data: [DONE]')
    expect(JSON.parse(records.at(-2)?.slice('data: '.length) ?? '')).toMatchObject({
      error: { code: 'stream_interrupted', type: 'server_error', param: null },
    })
    gate.open()
  }, 60_000)

  it('lets the auditor finish or hand back its audits', async () => {
    const random = new Seeded('drain the auditor')
    await using cluster = await startCluster({ script: slowUpstream(new Gate()), leaseDuration, concurrency: 100 })
    const passing = range(100).map(() => submitJob(cluster, random, 'passing'))
    await Promise.race(passing)
    await expectToEnd(cluster, 'auditor')
    expect(await inHand(cluster, 'intake.*')).toBe(0)
    cluster.process('auditor').start()
    await expectAllDone(cluster, await Promise.all(passing))
  }, 90_000)

  it('lets a dispatcher finish its calls', async () => {
    const random = new Seeded('drain a dispatcher')
    await using cluster = await startCluster({ script: slowUpstream(new Gate()), leaseDuration, concurrency: 100 })
    const jobs = await Promise.all(range(60).map(() => submitJob(cluster, random, 'passing')))
    await cluster.upstream.callOf(({ number }) => number === 20)
    await Promise.all([expectToEnd(cluster, 'cloud'), expectToEnd(cluster, 'studio')])
    expect(await inHand(cluster, 'lane.*')).toBe(0)
    cluster.process('cloud').start()
    cluster.process('studio').start()
    const { lostAttempts } = await expectAllDone(cluster, jobs)
    expect(lostAttempts).toBe(0)
  }, 90_000)

  it('lets a dispatcher hand back the calls that outlast its grace', async () => {
    const random = new Seeded('drain a busy dispatcher')
    const gate = new Gate()
    await using cluster = await startCluster({ script: slowUpstream(gate), leaseDuration, concurrency: 100 })
    const jobs = await Promise.all(range(20).map(() => submitJob(cluster, random, 'held')))
    await cluster.upstream.callOf(({ number }) => number === 20)
    await Promise.all([expectToEnd(cluster, 'cloud'), expectToEnd(cluster, 'studio')])
    expect(await inHand(cluster, 'lane.*')).toBe(0)
    cluster.process('cloud').start()
    cluster.process('studio').start()
    gate.open()
    const { lostAttempts } = await expectAllDone(cluster, jobs)
    expect(lostAttempts).toBe(20)
  }, 120_000)

  it('lets the courier finish its deliveries', async () => {
    const random = new Seeded('drain the courier')
    await using cluster = await startCluster({
      script: slowUpstream(new Gate()),
      leaseDuration,
      concurrency: 100,
      webhookAnswerMs: () => 1_000,
    })
    const jobs = await Promise.all(range(40).map(() => submitJob(cluster, random, 'passing')))
    await eventually('deliveries are under way', () => cluster.receiver.deliveries.size >= 5)
    await expectToEnd(cluster, 'courier')
    expect(await inHand(cluster, 'webhooks')).toBe(0)
    cluster.process('courier').start()
    const { repeatedWebhooks } = await expectAllDone(cluster, jobs)
    expect(repeatedWebhooks).toBe(0)
  }, 90_000)
})

/** It goes by itself, in time, and says that all is well. */
async function expectToEnd(cluster: Cluster, name: ProcessName): Promise<void> {
  const startedMs = Date.now()
  const code = await cluster.process(name).end('SIGTERM')
  expect(code, cluster.process(name).lastWords).toBe(0)
  const tookMs = Date.now() - startedMs
  console.log(`${name} ended ${tookMs} ms after SIGTERM`)
  expect(tookMs).toBeLessThan(shutdownGraceMs + marginMs)
}

async function expectAllDone(cluster: Cluster, jobs: readonly SubmittedJob[]) {
  await untilSettled(cluster, settleMs)
  const figures = await checkJobs(cluster, jobs)
  expect(figures.ended).toEqual({ completed: jobs.length })
  return figures
}

/** Entries that a worker holds, over the queues whose names match. */
async function inHand({ redis }: Cluster, pattern: string): Promise<number> {
  const lists = await redis.keys(`${queuePrefix}:${pattern}:active`)
  const lengths = await Promise.all(lists.map((list) => redis.llen(list)))
  return lengths.reduce((sum, length) => sum + length, 0)
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
