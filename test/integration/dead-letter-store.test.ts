import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createJobId, type JobId } from '../../src/core/job.ts'
import { RedisDeadLetters } from '../../src/store/dead-letters.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

const hourMs = 3_600_000
const retentionMs = 10 * hourMs

let server: TestRedis
let redis: Redis
let deadLetters: RedisDeadLetters
beforeAll(async () => {
  server = await startTestRedis()
  redis = connectRedis(server.url, 'worker')
  deadLetters = new RedisDeadLetters({ redis, retentionMs, resultRetentionMs: 2 * hourMs })
})
afterAll(async () => {
  redis.disconnect()
  await server[Symbol.asyncDispose]()
})
beforeEach(() => redis.flushall())

/** A failed job as its end leaves it, kept for two hours more. */
async function failedJob(endedAtMs: number, tenant = 'acme'): Promise<JobId> {
  const id = createJobId()
  const spec = { tenant, model: 'm', createdAtMs: endedAtMs - 10, deadlineMs: endedAtMs + 10 }
  const error = { code: 'upstream_failed', message: 'No answer.' }
  await redis.hset(`sluice:job:${id}`, { stage: 'failed', finished: endedAtMs, error: JSON.stringify(error) })
  await redis.hset(`sluice:private:${id}`, { spec: JSON.stringify(spec), body: 'sealed' })
  for (const key of [`sluice:job:${id}`, `sluice:private:${id}`]) await redis.pexpire(key, 2 * hourMs)
  return id
}

const bury = (id: JobId, endedAtMs: number, nowMs = Date.now(), tenant = 'acme') =>
  deadLetters.bury(id, { tenant, endedAtMs, nowMs })
const keptMs = (id: JobId) => redis.pttl(`sluice:private:${id}`)
const listed = async (limit = 100) => (await deadLetters.list({ filter: {}, limit })).letters.map(({ id }) => id)
const discard = (id: JobId) =>
  deadLetters.discard(id, 'acme', {
    kind: 'action',
    job: id,
    atMs: Date.now(),
    action: 'discard',
    by: 'operator',
    byKey: null,
    run: null,
  })

describe('the store of dead letters', () => {
  it('keeps one for as long as it is told from its end, however often and late it is told', async () => {
    const nowMs = Date.now()
    const id = await failedJob(nowMs)
    await bury(id, nowMs, nowMs)
    expect(await keptMs(id)).toBeGreaterThan(retentionMs - hourMs)
    await bury(id, nowMs, nowMs + 5 * hourMs)
    expect(await keptMs(id)).toBeLessThanOrEqual(retentionMs)
    expect(await listed()).toEqual([id])

    const late = await failedJob(nowMs - 9 * hourMs)
    await bury(late, nowMs - 9 * hourMs, nowMs)
    // Two hours were left to it, and one of its ten as a dead letter.
    expect(await keptMs(late)).toBeGreaterThan(hourMs)
    const over = await failedJob(nowMs - 11 * hourMs)
    await bury(over, nowMs - 11 * hourMs, nowMs)
    expect(await listed()).toEqual([id, late])
  })

  it('takes in nothing that is gone, was discarded or did not fail', async () => {
    const nowMs = Date.now()
    const gone = createJobId()
    await bury(gone, nowMs)
    expect(await redis.exists(`sluice:job:${gone}`)).toBe(0)
    const done = await failedJob(nowMs)
    await redis.hset(`sluice:job:${done}`, 'stage', 'completed')
    await bury(done, nowMs)
    const thrown = await failedJob(nowMs)
    await bury(thrown, nowMs)
    expect(await discard(thrown)).toBe(true)
    await bury(thrown, nowMs)
    expect(await listed()).toEqual([])
    expect(await discard(thrown)).toBe(false)
    expect(await redis.xlen('sluice:records')).toBe(1)
  })

  it('forgets in its indexes what is older than the retention, and the indexes themselves', async () => {
    const nowMs = Date.now()
    const old = await failedJob(nowMs)
    await bury(old, nowMs)
    const recent = await failedJob(nowMs + 11 * hourMs)
    await bury(recent, nowMs + 11 * hourMs, nowMs + 11 * hourMs)
    expect(await redis.zrange('sluice:dead-letters', '0', '-1')).toEqual([recent])
    expect(await redis.zrange('sluice:dead-letters:acme', '0', '-1')).toEqual([recent])
    expect(await redis.pttl('sluice:dead-letters:acme')).toBeGreaterThan(0)
  })

  it('gives each once over all pages, where hundreds failed in the same millisecond', async () => {
    const nowMs = Date.now()
    const ids: JobId[] = []
    for (let count = 0; count < 450; count++)
      ids.push(await failedJob(nowMs - (count % 2), count % 3 ? 'acme' : 'globex'))
    await Promise.all(ids.map((id, count) => bury(id, nowMs - (count % 2), nowMs, count % 3 ? 'acme' : 'globex')))
    for (const tenant of [undefined, 'globex']) {
      const seen: JobId[] = []
      let after: string | undefined
      do {
        const page = await deadLetters.list({ filter: { tenant }, after, limit: 97 })
        seen.push(...page.letters.map(({ id }) => id))
        after = page.next ?? undefined
      } while (after !== undefined)
      expect(seen).toHaveLength(tenant ? 150 : 450)
      expect(new Set(seen).size).toBe(seen.length)
    }
  })
})
