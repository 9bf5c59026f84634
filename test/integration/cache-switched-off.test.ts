import type { ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import type { JobId } from '../../src/core/job.ts'
import { RedisFlights } from '../../src/store/redis-answer-cache.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatCall, say } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'

async function submit(broker: TestBroker, model: string): Promise<JobId> {
  const body = { messages: [{ role: 'user', content: 'hello' }] }
  const made = await broker.send('/v1/jobs', { json: { model, input: { endpoint: '/v1/chat/completions', body } } })
  return ((await made.json()) as { id: JobId }).id
}

it('gives those their answer who waited for another job when the configuration still had a cache', async () => {
  const held: { call: ChatCall; response: ServerResponse }[] = []
  await using broker = await startTestBroker({
    // Nobody serves the pool `cloud`, so what waits there has nothing but the other job to hope for.
    redisPools: ['studio'],
    script: (call, response) => void held.push({ call, response }),
  })
  const [leader, follower] = [await submit(broker, 'local'), await submit(broker, 'cloud')]
  const flights = new RedisFlights(broker.redis)
  const stageOf = (id: JobId) => broker.redis.hget(`sluice:job:${id}`, 'stage')
  await eventually('it waits', async () => (await stageOf(follower)) === 'waiting')
  for (const job of [leader, follower]) await flights.join(job, { key: 'k', ttlMs: 60_000, mayFollow: true })
  const first = await eventually('the call', () => held[0])
  await say('once')(first.call, first.response)
  await eventually('it has its answer', async () => (await stageOf(follower)) === 'completed')
  await eventually('nothing is left over', async () => (await broker.redis.keys('sluice:flight:*')).length === 0)
  expect(await broker.redis.keys('sluice:cache:*')).toEqual([])
})
