import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { keys } from '../../src/store/keys.ts'
import { RedisAnswerCache, RedisFlights } from '../../src/store/redis-answer-cache.ts'
import { createSealer } from '../../src/store/sealing.ts'
import { GateBench } from '../support/gates.ts'

const joining = { key: 'k', ttlMs: 60_000, mayFollow: true }

describe('a request whose answer another job works on', () => {
  it('waits for a job that is as urgent, never for one that is less so', async () => {
    await using bench = await GateBench.start()
    const flights = new RedisFlights(bench.redis)
    const [batch, urgent, second, last] = await Promise.all(
      (['batch', 'interactive', 'interactive', 'standard'] as const).map((priority) => bench.addJob({ priority })),
    )
    if (!batch || !urgent || !second || !last) throw new Error('a job is missing')
    expect(await flights.join(batch, joining)).toBe('leads')
    expect(await flights.join(urgent, joining)).toBe('leads')
    expect(await flights.join(second, joining)).toBe('follows')
    expect(await flights.join(last, joining)).toBe('follows')
    // Either of them brings the answer.
    expect(await flights.leading([batch, urgent])).toEqual([
      { job: batch, key: 'k', followers: [second, last] },
      { job: urgent, key: 'k', followers: [second, last] },
    ])
    expect(await flights.landed('k', urgent, [second, last])).toEqual([])
    expect(await flights.landed('k', batch, [])).toEqual([])
    expect(await bench.redis.keys('sluice:flight:*')).toEqual([])
  })

  it('is led on although what was noted of the first one was forgotten before it ended', async () => {
    await using bench = await GateBench.start()
    const flights = new RedisFlights(bench.redis)
    const [leader, next, other] = [await bench.addJob(), await bench.addJob(), await bench.addJob()]
    for (const job of [leader, next, other]) await flights.join(job, joining)
    await bench.redis.del(keys.flightLeader('k'))
    await flights.succeed('k', leader, next, joining.ttlMs)
    expect(await flights.leading([next])).toEqual([{ job: next, key: 'k', followers: [other] }])
  })
})

it('keeps answers again after its Redis has evicted what it knew of their sizes', async () => {
  await using bench = await GateBench.start()
  const sealer = createSealer({ current: randomBytes(32), previous: [] })
  const cache = new RedisAnswerCache({ redis: bench.redis, sealer, maxBytes: 10_000 })
  const answer = { bodyJson: 'x'.repeat(3_000), usage: null, deployment: 'gpt', job: await bench.addJob() }
  for (const key of ['a', 'b']) await cache.keep(key, answer, 60_000)
  await bench.redis.del(keys.cacheSizes, keys.cacheIndex)
  for (const key of ['c', 'd', 'e']) await cache.keep(key, answer, 60_000)
  expect(await cache.find('e')).toEqual(answer)
})
