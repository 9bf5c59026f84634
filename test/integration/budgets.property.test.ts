import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AccountHolder, Budget, Refusal } from '../../src/core/budget.ts'
import type { JobId } from '../../src/core/job.ts'
import { keys } from '../../src/store/keys.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisAccounts } from '../../src/store/redis-accounts.ts'
import { ModelAccounts } from '../support/model-accounts.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

const scope = { tenant: 'acme' }
const ordinary = { scope, limit: 1_000, softLimit: null, per: 'day', window: 'calendar' } as const
const budgets: readonly Budget[] = [
  { ...ordinary, id: 'hour', per: 'hour' },
  { ...ordinary, id: 'day', limit: 1_500 },
  { ...ordinary, id: 'month', per: 'month', limit: 4_000, scope: { ...scope, model: 'small' } },
  { ...ordinary, id: 'total', per: 'total', limit: 20_000 },
  { ...ordinary, id: 'key', scope: { ...scope, key: 'ci' }, limit: 700 },
  { ...ordinary, id: 'rolling hour', per: 'hour', window: 'rolling' },
  { ...ordinary, id: 'rolling:day', window: 'rolling', scope: { ...scope, tag: { name: 'team', value: 'a' } } },
  { ...ordinary, id: 'rolling-month', per: 'month', window: 'rolling', limit: 5_000 },
  { ...ordinary, id: 'other', scope: { tenant: 'umbrella' } },
]

const minuteMs = 60_000
const holder = fc.record<AccountHolder>({
  tenant: fc.constantFrom('acme', 'acme', 'acme', 'umbrella', 'nobody'),
  key: fc.constantFrom('ci', 'app'),
  model: fc.constantFrom('small', 'large'),
  tags: fc.constantFrom({}, { team: 'a' }, { team: 'b' }),
})
const number = fc.nat({ max: 5 })
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('reserve' as const), job: number, amount: fc.nat({ max: 600 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      job: number,
      attempt: fc.nat({ max: 12 }),
      cost: fc.nat({ max: 500 }),
      isLast: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), job: number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('extend' as const), job: number }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc
        .constantFrom(1, 30_000, 59_999, minuteMs, 59 * minuteMs, 60 * minuteMs, 61 * minuteMs)
        .chain((ms) => fc.constantFrom(ms, ms * 24, ms * 24 * 30)),
    }),
  },
)
const start = fc.constantFrom(
  '2096-02-28T23:59:59.999Z',
  '2096-12-31T23:30:00Z',
  '2100-02-28T22:59:30Z',
  '2097-03-31T11:59:00Z',
)

/** Where nothing is held, the reset is the first moment at which there is room. */
function checkRefusal(
  { budget: id, amount, reserved, resetsAtMs }: Refusal,
  refusing: readonly string[],
  model: ModelAccounts,
) {
  expect(refusing).toContain(id)
  const budget = budgets.find((each) => each.id === id)
  if (!budget || resetsAtMs === null || reserved > 0) return
  expect(model.state(budget, resetsAtMs).spent + amount).toBeLessThanOrEqual(budget.limit)
  expect(model.state(budget, resetsAtMs - 1).spent + amount).toBeGreaterThan(budget.limit)
}

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

it('agrees with a model that adds everything up anew, in every budget after every step', async () => {
  const property = fc.asyncProperty(
    start,
    fc.array(holder, { minLength: 6, maxLength: 6 }),
    fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }),
    async (startsAt, holders, steps) => {
      await redis.flushdb()
      const accounts = new RedisAccounts({ redis, budgets, leaseMs: 1_000 })
      const model = new ModelAccounts(budgets)
      const overruns = new Map<string, number>()
      let nowMs = Date.parse(startsAt)
      for (const each of steps) {
        if (each.kind === 'wait') {
          nowMs += each.ms
          continue
        }
        const job = `job_${each.job}` as JobId
        const who = holders[each.job] as AccountHolder
        if (each.kind === 'reserve') {
          const refusing = model.reserve(job, who, each.amount, nowMs)
          const reply = await accounts.reserve({ job, holder: who, amount: each.amount, nowMs })
          if (reply.kind === 'reserved') expect(refusing).toEqual([])
          else checkRefusal(reply.refusal, refusing, model)
        } else if (each.kind === 'settle') {
          const attempt = `${job}.${each.attempt}`
          const overrun = model.settle(job, attempt, who, each.cost, each.isLast, nowMs)
          const entry = { job, attemptId: attempt, holder: who, cost: each.cost, isLast: each.isLast, nowMs }
          expect((await accounts.settle(entry)).overrun).toBe(overrun)
          for (const { id } of budgets) overruns.set(id, (overruns.get(id) ?? 0) + overrun)
        } else if (each.kind === 'release') {
          expect(await accounts.release(job, nowMs)).toBe(model.release(job))
        } else {
          await accounts.extend(job, nowMs)
        }
        for (const { budget, spent, reserved } of await accounts.inspect(null, nowMs)) {
          expect({ id: budget.id, spent, reserved }).toEqual({ id: budget.id, ...model.state(budget, nowMs) })
          // The invariant: only what attempts cost beyond their holds can have overdrawn it.
          expect(spent + reserved).toBeLessThanOrEqual(budget.limit + (overruns.get(budget.id) ?? 0))
        }
      }
      for (let index = 0; index < 6; index += 1) await accounts.release(`job_${index}` as JobId, nowMs)
      expect(await redis.zcard(keys.holds)).toBe(0)
      for (const { reserved } of await accounts.inspect(null, nowMs)) expect(reserved).toBe(0)
    },
  )
  await fc.assert(property, { numRuns: 80 })
}, 60_000)
