import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { JobId, JobRecord } from '../../src/core/job.ts'
import type { RateLimits } from '../../src/core/rate-limit.ts'
import type { Priority } from '../../src/core/vocabulary.ts'
import { reconcilePermits } from '../../src/pipeline/reconcile-permits.ts'
import { keys } from '../../src/store/keys.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisPermits, RedisRateLimiter } from '../../src/store/redis-limits.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

const noon = Date.parse('2096-02-29T12:00:00Z')
const tenant = 'acme'
const job = (number: number) => `job_${number}` as JobId

let server: TestRedis
let redis: Redis

beforeAll(async () => {
  server = await startTestRedis()
  redis = connectRedis(server.url, 'worker')
})

afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

beforeEach(async () => {
  await redis.flushdb()
})

describe('requests and tokens per minute', () => {
  const limitsOf = (limits: Partial<RateLimits>): RateLimits => ({ rpm: null, tpm: null, concurrency: null, ...limits })
  let jobs = 0
  const admit = (limits: Partial<RateLimits>, nowMs: number, tokens = 0) => {
    jobs += 1
    return new RedisRateLimiter(redis).admit({ job: job(jobs), tenant, limits: limitsOf(limits), tokens, nowMs })
  }

  it('admits as many requests as the limit says, and tells when the next may come', async () => {
    for (let count = 0; count < 3; count += 1) {
      expect(await admit({ rpm: 3 }, noon + count * 10_000)).toEqual({ allowed: true })
    }
    const refused = { allowed: false, limit: 'requests', perMinute: 3, retryAfterMs: 31_000 }
    expect(await admit({ rpm: 3 }, noon + 30_000)).toEqual(refused)
    expect((await admit({ rpm: 3 }, noon + 60_999)).allowed).toBe(false)
    expect((await admit({ rpm: 3 }, noon + 61_000)).allowed).toBe(true)
    expect((await admit({ rpm: 3 }, noon + 61_000)).allowed).toBe(false)
  })

  it('tells nobody to wait longer than a minute', async () => {
    await admit({ rpm: 1 }, noon)
    expect(await admit({ rpm: 1 }, noon)).toMatchObject({ retryAfterMs: 60_000 })
  })

  it('has no edge at which twice the limit gets through', async () => {
    const edge = noon + 59_900
    let admitted = 0
    for (let count = 0; count < 20; count += 1) {
      if ((await admit({ rpm: 10 }, edge + count * 10)).allowed) admitted += 1
    }
    expect(admitted).toBe(10)
  })

  it('admits no more than the limits in any 60 seconds, in requests and in tokens', async () => {
    const request = fc.record({ waitMs: fc.nat({ max: 20_000 }), tokens: fc.nat({ max: 60 }) })
    const property = fc.asyncProperty(fc.array(request, { minLength: 10, maxLength: 40 }), async (requests) => {
      await redis.flushdb()
      let nowMs = noon
      const admitted: { atMs: number; tokens: number }[] = []
      for (const { waitMs, tokens } of requests) {
        nowMs += waitMs
        if ((await admit({ rpm: 5, tpm: 100 }, nowMs, tokens)).allowed) admitted.push({ atMs: nowMs, tokens })
        const counted = admitted.filter(({ atMs }) => atMs > nowMs - 60_000)
        expect(counted.length).toBeLessThanOrEqual(5)
        expect(counted.reduce((sum, each) => sum + each.tokens, 0)).toBeLessThanOrEqual(100)
      }
    })
    await fc.assert(property, { numRuns: 40 })
  })

  it('admits what it said would be admitted, no sooner and no later', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.record({ waitMs: fc.nat({ max: 8_000 }), tokens: fc.nat({ max: 60 }) }), { maxLength: 30 }),
      fc.nat({ max: 100 }),
      async (requests, tokens) => {
        await redis.flushdb()
        let nowMs = noon
        for (const each of requests) {
          nowMs += each.waitMs
          await admit({ rpm: 9, tpm: 100 }, nowMs, each.tokens)
        }
        const answer = await admit({ rpm: 9, tpm: 100 }, nowMs, tokens)
        if (answer.allowed || answer.retryAfterMs === null || answer.retryAfterMs === 60_000) return
        expect((await admit({ rpm: 9, tpm: 100 }, nowMs + answer.retryAfterMs - 1, tokens)).allowed).toBe(false)
        expect((await admit({ rpm: 9, tpm: 100 }, nowMs + answer.retryAfterMs, tokens)).allowed).toBe(true)
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })

  it('counts a request that one limit refuses in neither', async () => {
    await admit({ rpm: 2, tpm: 100 }, noon, 90)
    expect(await admit({ rpm: 2, tpm: 100 }, noon, 20)).toMatchObject({ allowed: false, limit: 'tokens' })
    expect((await admit({ rpm: 2, tpm: 100 }, noon, 10)).allowed).toBe(true)
    expect(await admit({ rpm: 2, tpm: 1_000 }, noon, 1)).toMatchObject({ allowed: false, limit: 'requests' })
  })

  it('says that waiting does not help when the request alone is above the limit', async () => {
    expect(await admit({ tpm: 100 }, noon, 101)).toEqual({
      ...{ allowed: false, limit: 'tokens', perMinute: 100, retryAfterMs: null },
    })
  })

  it('counts tenants apart, and nothing where there is no limit', async () => {
    const limiter = new RedisRateLimiter(redis)
    await admit({ rpm: 1 }, noon)
    const other = { job: job(0), tenant: 'umbrella', tokens: 5, nowMs: noon }
    expect((await limiter.admit({ ...other, limits: limitsOf({ rpm: 1 }) })).allowed).toBe(true)
    await redis.flushdb()
    expect((await limiter.admit({ ...other, limits: limitsOf({ concurrency: 3 }) })).allowed).toBe(true)
    expect(await redis.dbsize()).toBe(0)
  })

  it('admits the limit to a thousand at once', async () => {
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => admit({ rpm: 250, tpm: 10_000 }, noon, 10)))
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(250)
  })

  it('leaves nothing behind when a tenant is silent', async () => {
    await admit({ rpm: 5, tpm: 100 }, noon, 10)
    for (const limit of ['requests', 'tokens'] as const) {
      expect(await redis.pttl(keys.rate(limit, tenant))).toBeGreaterThan(61_000)
      expect(await redis.pttl(keys.rate(limit, tenant))).toBeLessThan(121_000)
    }
  })

  describe('with an estimate of tokens', () => {
    const limits = limitsOf({ tpm: 100 })
    const limiter = () => new RedisRateLimiter(redis)
    const admitJob = (number: number, tokens: number, nowMs = noon) =>
      limiter().admit({ job: job(number), tenant, limits, tokens, nowMs })
    const left = async (nowMs = noon) => {
      const spent = Number((await redis.hget(keys.rate('tokens', tenant), 'spent')) ?? 0)
      return { nowMs, left: 100 - spent }.left
    }

    it('gives back what was not used when the job ends', async () => {
      await admitJob(1, 80)
      await limiter().settle({ job: job(1), tenant, tokens: 30, nowMs: noon + 5_000 })
      expect((await admitJob(2, 21, noon + 5_000)).allowed).toBe(false)
      await limiter().release({ job: job(1), tenant, nowMs: noon + 5_000 })
      expect(await left()).toBe(70)
      await limiter().release({ job: job(1), tenant, nowMs: noon + 5_000 })
      expect(await left()).toBe(70)
    })

    it('counts what was used beyond it from then on, over all attempts', async () => {
      await admitJob(1, 50)
      await limiter().settle({ job: job(1), tenant, tokens: 40, nowMs: noon + 20_000 })
      expect(await left()).toBe(50)
      await limiter().settle({ job: job(1), tenant, tokens: 40, nowMs: noon + 20_000 })
      expect(await left()).toBe(20)
      expect((await admitJob(2, 71, noon + 61_000)).allowed).toBe(false)
      expect((await admitJob(2, 70, noon + 61_000)).allowed).toBe(true)
    })

    it('gives nothing back that has left the minute already', async () => {
      await admitJob(1, 80)
      await admitJob(2, 20, noon + 30_000)
      await limiter().release({ job: job(1), tenant, nowMs: noon + 70_000 })
      expect(await left()).toBe(80)
    })

    it('does nothing for a job that was never admitted', async () => {
      await limiter().settle({ job: job(9), tenant, tokens: 30, nowMs: noon })
      await limiter().release({ job: job(9), tenant, nowMs: noon })
      expect(await redis.dbsize()).toBe(0)
    })
  })
})

describe('permits to run', () => {
  const leaseMs = 30_000
  const permits = () => new RedisPermits({ redis, leaseMs })
  const acquire = (
    number: number,
    { limit = 2, priority = 'standard' as Priority, nowMs = noon + number, who = tenant } = {},
  ) => permits().acquire({ job: job(number), tenant: who, limit, priority, nowMs })
  const release = (number: number) => permits().release(job(number), noon)

  it('are granted up to the limit; the others are parked and woken one by one, in order', async () => {
    const kinds = await Promise.all([1, 2, 3, 4].map(async (number) => (await acquire(number)).kind))
    expect(kinds).toEqual(['granted', 'granted', 'parked', 'parked'])
    expect(await permits().count(tenant)).toEqual({ running: 2, parked: 2 })
    expect(await release(2)).toEqual(['job_3'])
    expect(await release(1)).toEqual(['job_4'])
    expect(await release(3)).toEqual([])
    expect(await release(4)).toEqual([])
    expect(await permits().count(tenant)).toEqual({ running: 0, parked: 0 })
  })

  it('go to the more urgent first', async () => {
    await acquire(1, { limit: 1 })
    await acquire(2, { limit: 1, priority: 'batch' })
    await acquire(3, { limit: 1, priority: 'standard' })
    await acquire(4, { limit: 1, priority: 'interactive' })
    await acquire(5, { limit: 1, priority: 'interactive' })
    expect([await release(1), await release(4), await release(5), await release(3)]).toEqual([
      ...[['job_4'], ['job_5'], ['job_3'], ['job_2']],
    ])
  })

  it('are one per job, however often it asks', async () => {
    await acquire(1, { limit: 1 })
    expect(await acquire(1, { limit: 1 })).toEqual({ kind: 'granted', wake: [] })
    await acquire(2, { limit: 1, nowMs: noon })
    await acquire(3, { limit: 1, nowMs: noon + 1 })
    // It keeps its place though it asks later.
    expect((await acquire(2, { limit: 1, nowMs: noon + 9 })).kind).toBe('parked')
    expect(await release(1)).toEqual(['job_2'])
    expect(await acquire(2, { limit: 1 })).toEqual({ kind: 'granted', wake: [] })
  })

  it('are given back once', async () => {
    await acquire(1, { limit: 1 })
    await acquire(2, { limit: 1 })
    await acquire(3, { limit: 1 })
    expect(await release(1)).toEqual(['job_2'])
    expect(await release(1)).toEqual([])
    expect(await permits().count(tenant)).toEqual({ running: 1, parked: 1 })
  })

  it('are not for a job that ended while it was parked', async () => {
    await acquire(1, { limit: 1 })
    await acquire(2, { limit: 1 })
    await acquire(3, { limit: 1 })
    expect(await release(2)).toEqual([])
    expect(await release(1)).toEqual(['job_3'])
  })

  it('belong to a tenant', async () => {
    await acquire(1, { limit: 1 })
    expect((await acquire(2, { limit: 1, who: 'umbrella' })).kind).toBe('granted')
  })

  it('come in more when the limit is raised, and nobody loses one when it is lowered', async () => {
    for (const number of [1, 2, 3, 4]) await acquire(number, { limit: 1 })
    expect(await acquire(5, { limit: 3 })).toEqual({ kind: 'parked', wake: ['job_2', 'job_3'] })
    expect((await acquire(6, { limit: 1 })).kind).toBe('parked')
    expect([await release(1), await release(2)]).toEqual([[], []])
    expect(await release(3)).toEqual(['job_4'])
  })

  it('are never more than the limit, and all are handed on, under a thousand jobs at once', async () => {
    const limit = 7
    let running = 0
    let most = 0
    let done = 0
    const run = async (name: JobId): Promise<void> => {
      running += 1
      most = Math.max(most, running)
      // Others come and go here.
      await redis.ping()
      running -= 1
      done += 1
      await Promise.all((await permits().release(name, noon)).map(run))
    }
    await Promise.all(
      Array.from({ length: 1_000 }, async (_, number) => {
        const { kind, wake } = await acquire(number, { limit })
        await Promise.all([...wake, ...(kind === 'granted' ? [job(number)] : [])].map(run))
      }),
    )
    expect({ most, done, running }).toEqual({ most: limit, done: 1_000, running: 0 })
    const left = await redis.keys('sluice:*')
    expect(left).toEqual([keys.permitLimits])
  })

  describe('whose holder died', () => {
    const reconcile = (statuses: Record<string, JobRecord['status']>, nowMs: number) => {
      const read = async (id: JobId) => (statuses[id] ? ({ id, status: statuses[id] } as JobRecord) : null)
      return reconcilePermits({ permits: permits(), store: { read }, nowMs })
    }

    it('are left alone until nobody has looked after them for a lease', async () => {
      await acquire(1, { nowMs: noon })
      expect(await reconcile({}, noon + leaseMs - 1)).toEqual([])
      expect((await permits().count(tenant)).running).toBe(1)
    })

    it('go to the next when the job ended or is gone', async () => {
      for (const number of [1, 2, 3, 4]) await acquire(number)
      const later = noon + leaseMs + 10
      expect(await reconcile({ job_1: 'completed', job_3: 'queued', job_4: 'queued' }, later)).toEqual([
        'job_3',
        'job_4',
      ])
      expect(await permits().count(tenant)).toEqual({ running: 2, parked: 0 })
    })

    it('are named again while the job is open, for it may never have been handed on', async () => {
      await acquire(1, { limit: 1 })
      await acquire(2, { limit: 1 })
      // The process that gave it back dies before it wakes the next.
      await release(1)
      const later = noon + 2 * leaseMs
      expect(await reconcile({ job_2: 'queued' }, later)).toEqual(['job_2'])
      expect(await permits().due(later, 10)).toEqual([])
      expect(await permits().due(later + leaseMs, 10)).toEqual([{ job: 'job_2', dueAtMs: later + leaseMs }])
    })

    it('do not keep parked jobs that ended', async () => {
      await acquire(1, { limit: 1 })
      await acquire(2, { limit: 1 })
      expect(await reconcile({ job_1: 'in_progress', job_2: 'cancelled' }, noon + 2 * leaseMs)).toEqual(['job_1'])
      expect(await permits().count(tenant)).toEqual({ running: 1, parked: 0 })
    })
  })
})
