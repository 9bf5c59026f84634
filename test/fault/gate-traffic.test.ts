import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { gateTiming } from '../../src/store/attempt-arguments.ts'
import { eventually } from '../support/eventually.ts'
import { GateTraffic, tokensPerCall } from '../support/gate-traffic.ts'
import { Seeded } from '../support/seeded.ts'

const noLimits = { requestsPerMinute: null, tokensPerMinute: null, parallel: null }
/** A minute of six seconds; a call may still be a second late. */
const timing = { ...gateTiming, windowMs: 6_000 }
const limit = 60
const countedMs = timing.windowMs + timing.marginMs + timing.bucketMs

it.each([
  ['requests', { ...noLimits, requestsPerMinute: limit }],
  ['tokens', { ...noLimits, tokensPerMinute: limit * tokensPerCall }],
])(
  'four dispatchers together keep a limit on %s in any window, and use nearly all of it',
  async (what, limits) => {
    const random = new Seeded(what)
    const callMs = () => random.between(10, 60)
    await using traffic = await GateTraffic.start({
      limits,
      timing,
      workers: 4,
      concurrency: 16,
      leaseMs: 5_000,
      callMs,
    })
    await traffic.addJobs(4 * limit, { plan: { promptTokens: tokensPerCall } })
    await traffic.launch()
    await eventually('three windows and more', () => traffic.arrivals.length > 3 * limit, 60_000)
    const most = traffic.mostWithin(timing.windowMs)
    const rate = traffic.ratePer(countedMs, limit)
    console.log(
      `${what}: at most ${most} of ${limit} in any window, ${rate.toFixed(1)} on the average of what may pass`,
    )
    expect(most).toBeLessThanOrEqual(limit)
    expect(rate).toBeGreaterThanOrEqual(0.9 * limit)
  },
  90_000,
)

it('a limit on calls at once is kept, and no place is lost, whichever dispatchers are killed', async () => {
  const random = new Seeded('gates')
  const parallel = 6
  const jobs = 300
  await using traffic = await GateTraffic.start({
    limits: { ...noLimits, parallel },
    timing: gateTiming,
    workers: 4,
    concurrency: 8,
    leaseMs: 1_000,
    callMs: () => random.between(20, 150),
  })
  const ids = await traffic.addJobs(jobs)
  await using _courier = traffic.keepHouse()
  await traffic.launch()
  for (let kill = 0; kill < 12; kill += 1) {
    await sleep(random.between(50, 500))
    await traffic.kill(kill % 4)
    await traffic.spawn(kill % 4)
  }
  const { redis } = traffic
  const isOver = async () => (await redis.zcard('sluice:open')) === 0
  await eventually('all jobs have ended', isOver, 60_000)
  const stages = await Promise.all(ids.map((id) => redis.hget(`sluice:job:${id}`, 'stage')))
  expect(stages.filter((stage) => stage !== 'completed')).toEqual([])
  expect(traffic.highest).toBeLessThanOrEqual(parallel)
  expect(traffic.highest).toBe(parallel)
  expect(await redis.keys('sluice:gate:*')).toEqual([])
  expect(await redis.keys('sluice:backlog:*')).toEqual([])
}, 120_000)
