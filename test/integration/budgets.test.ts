import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type AccountHolder, type Budget, describeRefusal, type Expense, type Reserved } from '../../src/core/budget.ts'
import type { JobId, JobRecord } from '../../src/core/job.ts'
import { reconcileAccounts } from '../../src/pipeline/reconcile-accounts.ts'
import { keys } from '../../src/store/keys.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisAccounts } from '../../src/store/redis-accounts.ts'
import { silentLog } from '../support/mortal.ts'
import { startTestRedis, type TestRedis } from '../support/redis.ts'

const leaseMs = 30_000
const holder: AccountHolder = { tenant: 'acme', key: 'ci', model: 'small', tags: { team: 'search' } }
const ordinary: Budget = {
  ...{ id: 'acme/day', scope: { tenant: 'acme' }, limit: 1_000, softLimit: null, per: 'day', window: 'calendar' },
}
const rollingHour: Budget = { ...ordinary, id: 'acme/rolling-hour', per: 'hour', window: 'rolling' }

const at = (time: string) => Date.parse(time)
const noon = at('2096-02-29T12:00:00Z')
const minuteMs = 60_000
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

function open(...budgets: Budget[]): Account {
  return new Account(new RedisAccounts({ redis, budgets, leaseMs }))
}

/** The accounts with less to write: one holder, and jobs by number. */
class Account {
  readonly accounts: RedisAccounts
  constructor(accounts: RedisAccounts) {
    this.accounts = accounts
  }

  reserve(number: number, amount: number, nowMs = noon, who = holder): Promise<Reserved> {
    return this.accounts.reserve({ job: job(number), holder: who, amount, nowMs })
  }

  settle(number: number, cost: number, nowMs = noon, { attempt = 1, isLast = true, who = holder } = {}) {
    const entry = { job: job(number), attemptId: `job_${number}.${attempt}`, holder: who, cost, isLast, nowMs }
    return this.accounts.settle(entry)
  }

  async spend(number: number, cost: number, nowMs = noon): Promise<void> {
    expect(await this.reserve(number, cost, nowMs)).toMatchObject({ kind: 'reserved' })
    await this.settle(number, cost, nowMs)
  }

  async state(nowMs = noon, id?: string): Promise<{ spent: number; reserved: number } | undefined> {
    const [state] = await this.accounts.inspect(id === undefined ? null : [id], nowMs)
    return state && { spent: state.spent, reserved: state.reserved }
  }
}

function refusalOf(reserved: Reserved) {
  if (reserved.kind === 'reserved') throw new Error('it was not refused')
  return reserved.refusal
}

describe('a hold', () => {
  it('is made once, however often it is asked for', async () => {
    const account = open(ordinary)
    await account.reserve(1, 400)
    expect(await account.reserve(1, 300)).toMatchObject({ kind: 'reserved' })
    expect(await account.reserve(1, 900)).toEqual({ kind: 'reserved', amount: 400 })
    expect(await account.state()).toEqual({ spent: 0, reserved: 400 })
  })

  it('fits to the last micro-dollar and not one more', async () => {
    const account = open(ordinary)
    expect(await account.reserve(1, 999)).toMatchObject({ kind: 'reserved' })
    expect((await account.reserve(2, 2)).kind).toBe('refused')
    expect(await account.reserve(3, 1)).toMatchObject({ kind: 'reserved' })
  })

  it('is made in all budgets or in none', async () => {
    const narrow = { ...ordinary, id: 'narrow', limit: 100, scope: { tenant: 'acme', model: 'small' } }
    const account = open(ordinary, narrow)
    expect(refusalOf(await account.reserve(1, 101)).budget).toBe('narrow')
    expect(await account.state(noon, 'acme/day')).toEqual({ spent: 0, reserved: 0 })
    expect(await redis.zcard(keys.holds)).toBe(0)
  })

  it('counts only in the scopes of its holder', async () => {
    const byTag: Budget = { ...ordinary, id: 'tag', scope: { tenant: 'acme', tag: { name: 'team', value: 'search' } } }
    const both: Budget = { ...byTag, id: 'both', scope: { ...byTag.scope, key: 'ci', model: 'small' } }
    const account = open(ordinary, byTag, both)
    await account.reserve(1, 100)
    await account.reserve(2, 10, noon, { ...holder, key: 'app' })
    await account.reserve(3, 1, noon, { ...holder, tags: { team: 'ads' } })
    expect((await account.state(noon, 'acme/day'))?.reserved).toBe(111)
    expect((await account.state(noon, 'tag'))?.reserved).toBe(110)
    expect((await account.state(noon, 'both'))?.reserved).toBe(100)
  })

  it('is nobody’s business where no budget counts', async () => {
    const account = open(ordinary)
    expect(await account.reserve(1, 1_000_000, noon, { ...holder, tenant: 'other' })).toMatchObject({
      kind: 'reserved',
    })
    await account.settle(1, 1_000_000, noon, { who: { ...holder, tenant: 'other' } })
    expect(await redis.dbsize()).toBe(0)
  })

  it('is exact in the largest amounts that can be configured', async () => {
    const limit = 1_000_000_000_000_000
    const account = open({ ...ordinary, limit }, { ...rollingHour, limit })
    await account.reserve(1, limit - 1)
    expect(refusalOf(await account.reserve(2, 2))).toMatchObject({ reserved: limit - 1, limit })
    await account.settle(1, limit - 3)
    expect(await account.state(noon, 'acme/day')).toEqual({ spent: limit - 3, reserved: 0 })
    expect(await account.reserve(3, 3)).toMatchObject({ kind: 'reserved' })
    expect(await account.state(noon + minuteMs, 'acme/rolling-hour')).toEqual({ spent: limit - 3, reserved: 3 })
  })

  it('can’t be of half a micro-dollar', async () => {
    const account = open(ordinary)
    for (const amount of [0.5, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(account.reserve(1, amount)).rejects.toThrow(/whole number/)
      await expect(account.settle(1, amount)).rejects.toThrow(/whole number/)
    }
  })
})

describe('settling', () => {
  it('books the cost and gives the rest back at the end', async () => {
    const account = open(ordinary)
    await account.reserve(1, 500)
    await account.settle(1, 100, noon, { attempt: 1, isLast: false })
    expect(await account.state()).toEqual({ spent: 100, reserved: 400 })
    await account.settle(1, 50, noon, { attempt: 2 })
    expect(await account.state()).toEqual({ spent: 150, reserved: 0 })
    expect(await redis.zcard(keys.holds)).toBe(0)
  })

  it('books an attempt once, before and after the end of its job', async () => {
    const account = open(ordinary)
    await account.reserve(1, 500)
    expect(await account.settle(1, 100, noon, { isLast: false })).toMatchObject({ isNew: true, overrun: 0 })
    expect(await account.settle(1, 100, noon, { isLast: false })).toMatchObject({ isNew: false, overrun: 0 })
    await account.settle(1, 70, noon, { attempt: 2 })
    await account.settle(1, 70, noon, { attempt: 2 })
    await account.settle(1, 100, noon, { isLast: false })
    expect(await account.accounts.release(job(1), noon)).toBe(0)
    expect(await account.state()).toEqual({ spent: 170, reserved: 0 })
  })

  it('books the truth when it is more than was held, and tells by how much', async () => {
    const account = open(ordinary)
    await account.reserve(1, 900)
    expect((await account.settle(1, 1_200)).overrun).toBe(300)
    expect(await account.state()).toEqual({ spent: 1_200, reserved: 0 })
    expect((await account.reserve(2, 0)).kind).toBe('refused')
  })

  it('books where it counts now when nothing is held', async () => {
    const account = open(ordinary, rollingHour)
    expect((await account.settle(1, 120)).overrun).toBe(120)
    expect(await account.state(noon, 'acme/day')).toEqual({ spent: 120, reserved: 0 })
    expect(await account.state(noon, 'acme/rolling-hour')).toEqual({ spent: 120, reserved: 0 })
  })

  it('leaves nothing behind for an attempt without cost and without hold', async () => {
    await open(ordinary).settle(1, 0)
    expect(await redis.dbsize()).toBe(0)
  })

  it('frees a job to hold again after it ended, as a replay does', async () => {
    const account = open(ordinary)
    await account.spend(1, 300)
    await account.reserve(1, 200)
    expect(await account.state()).toEqual({ spent: 300, reserved: 200 })
    expect(await redis.ttl(keys.hold(job(1)))).toBe(-1)
    await account.settle(1, 200, noon, { attempt: 2 })
    expect(await account.state()).toEqual({ spent: 500, reserved: 0 })
  })

  it('books in a budget that came into the configuration while the job ran', async () => {
    await open(ordinary).reserve(1, 500)
    const account = open(ordinary, rollingHour)
    await account.settle(1, 200)
    expect(await account.state(noon, 'acme/day')).toEqual({ spent: 200, reserved: 0 })
    expect(await account.state(noon, 'acme/rolling-hour')).toEqual({ spent: 200, reserved: 0 })
  })

  it('books in a budget that only the process knew that held the money', async () => {
    const both = open(ordinary, rollingHour)
    await both.reserve(1, 500)
    await open(ordinary).settle(1, 200)
    expect(await both.state(noon, 'acme/rolling-hour')).toEqual({ spent: 200, reserved: 0 })
  })
})

describe('a calendar window', () => {
  const beforeMidnight = at('2096-02-29T23:59:59.999Z')
  const midnight = at('2096-03-01T00:00:00Z')

  it('starts anew, and nothing has to reset it', async () => {
    const account = open(ordinary)
    await account.spend(1, 1_000, beforeMidnight)
    const { resetsAtMs } = refusalOf(await account.reserve(2, 1, beforeMidnight))
    expect(resetsAtMs).toBe(midnight)
    expect(await account.reserve(2, 1_000, midnight)).toMatchObject({ kind: 'reserved' })
  })

  it('counts what was held before midnight for the day before, whenever it is settled', async () => {
    const account = open(ordinary)
    await account.reserve(1, 600, beforeMidnight)
    await account.settle(1, 500, midnight + minuteMs)
    expect(await account.state(beforeMidnight)).toEqual({ spent: 500, reserved: 0 })
    expect(await account.state(midnight)).toEqual({ spent: 0, reserved: 0 })
  })

  it('gives back where it was held', async () => {
    const account = open(ordinary)
    await account.reserve(1, 600, beforeMidnight)
    await account.reserve(2, 600, midnight)
    expect(await account.accounts.release(job(1), midnight)).toBe(600)
    expect(await account.state(beforeMidnight)).toEqual({ spent: 0, reserved: 0 })
    expect(await account.state(midnight)).toEqual({ spent: 0, reserved: 600 })
  })

  it.each([
    ['hour', '2096-12-31T23:59:00Z', '2097-01-01T00:00:00Z'],
    ['month', '2096-02-29T23:59:59Z', '2096-03-01T00:00:00Z'],
    ['month', '2100-02-28T23:59:59Z', '2100-03-01T00:00:00Z'],
  ] as const)('of one %s resets on the UTC calendar: %s', async (per, now, reset) => {
    const account = open({ ...ordinary, per })
    await account.spend(1, 1_000, at(now))
    expect(refusalOf(await account.reserve(2, 1, at(now))).resetsAtMs).toBe(at(reset))
    expect((await account.reserve(2, 1, at(reset) - 1)).kind).toBe('refused')
    expect((await account.reserve(2, 1, at(reset))).kind).toBe('reserved')
  })

  it('is forgotten some days after its end; a total is not', async () => {
    const account = open(ordinary, { ...ordinary, id: 'total', per: 'total' })
    await account.spend(1, 10)
    const days = (await redis.pttl(keys.budget('acme/day', '2096-02-29'))) / 86_400_000
    expect(days).toBeGreaterThan(3)
    expect(days).toBeLessThan(4)
    expect(await redis.pttl(keys.budget('total', 'total'))).toBe(-1)
  })
})

describe('a rolling window', () => {
  it('gives back what has left it, no earlier than its length and no later than a bucket after', async () => {
    const account = open(rollingHour)
    await account.spend(1, 1_000, noon + 30_000)
    const lengthMs = 60 * minuteMs
    expect((await account.reserve(2, 1, noon + 30_000 + lengthMs)).kind).toBe('refused')
    expect((await account.reserve(2, 1, noon + lengthMs + minuteMs - 1)).kind).toBe('refused')
    expect((await account.reserve(2, 1, noon + lengthMs + minuteMs)).kind).toBe('reserved')
  })

  it('tells when enough of it has left for this request', async () => {
    const account = open(rollingHour)
    await account.spend(1, 300, noon)
    await account.spend(2, 300, noon + 10 * minuteMs)
    await account.spend(3, 400, noon + 20 * minuteMs)
    const nowMs = noon + 30 * minuteMs
    const resetOf = async (amount: number) => refusalOf(await account.reserve(9, amount, nowMs)).resetsAtMs
    expect(await resetOf(300)).toBe(noon + 61 * minuteMs)
    expect(await resetOf(301)).toBe(noon + 71 * minuteMs)
    expect(await resetOf(601)).toBe(noon + 81 * minuteMs)
    for (const [amount, resetsAtMs] of [[300, noon + 61 * minuteMs] as const]) {
      expect((await account.reserve(9, amount, resetsAtMs - 1)).kind).toBe('refused')
      expect((await account.reserve(9, amount, resetsAtMs)).kind).toBe('reserved')
    }
  })

  it('takes what is held for spent now when it tells when there is room', async () => {
    const account = open(rollingHour)
    await account.reserve(1, 1_000, noon)
    expect(refusalOf(await account.reserve(2, 1, noon + minuteMs)).resetsAtMs).toBe(noon + 62 * minuteMs)
  })

  it('counts an attempt from when it was settled, so no 60 minutes cost more than the limit', async () => {
    const account = open(rollingHour)
    await account.reserve(1, 1_000, noon)
    const late = noon + 120 * minuteMs
    await account.settle(1, 1_000, late)
    expect((await account.reserve(2, 1, late + 59 * minuteMs)).kind).toBe('refused')
    expect((await account.reserve(2, 1, late + 61 * minuteMs)).kind).toBe('reserved')
  })

  it('forgets all after a long silence', async () => {
    const account = open(rollingHour)
    for (let minute = 0; minute < 20; minute += 1) await account.spend(minute, 50, noon + minute * minuteMs)
    expect(await account.state(noon + 20 * minuteMs)).toEqual({ spent: 1_000, reserved: 0 })
    await account.reserve(99, 1_000, noon + 400 * 24 * 60 * minuteMs)
    expect((await redis.hkeys(keys.budget('acme/rolling-hour', 'rolling'))).sort()).toEqual(['reserved', 'spent'])
  })

  it('holds against a process whose clock is behind', async () => {
    const account = open(rollingHour)
    await account.spend(1, 600, noon)
    await account.spend(2, 400, noon - 5 * minuteMs)
    expect((await account.reserve(3, 1, noon)).kind).toBe('refused')
    expect(await account.state(noon + 56 * minuteMs)).toEqual({ spent: 600, reserved: 0 })
    expect(await account.reserve(3, 400, noon + 56 * minuteMs)).toMatchObject({ kind: 'reserved' })
  })
})

describe('a refusal', () => {
  it('says what a client needs to know', async () => {
    const account = open(ordinary)
    await account.spend(1, 700)
    await account.reserve(2, 200)
    const refusal = refusalOf(await account.reserve(3, 101))
    expect(refusal).toEqual({
      ...{ budget: 'acme/day', per: 'day', window: 'calendar', limit: 1_000, spent: 700, reserved: 200, amount: 101 },
      resetsAtMs: at('2096-03-01T00:00:00Z'),
    })
    expect(describeRefusal(refusal)).toBe(
      'Budget acme/day of $0.001 per day has no room for the $0.000101 that this request may cost: ' +
        '$0.0007 spent, $0.0002 held; it resets at 2096-03-01T00:00:00Z.',
    )
  })

  it('names the budget that lasts longest, for until then no other helps', async () => {
    const month: Budget = { ...ordinary, id: 'month', per: 'month' }
    const account = open(ordinary, month, rollingHour)
    await account.spend(1, 1_000, at('2096-02-10T12:00:00Z'))
    expect(refusalOf(await account.reserve(2, 1, at('2096-02-10T12:00:00Z'))).budget).toBe('month')
  })

  it('has no reset for a total, or for more than the whole budget', async () => {
    const total: Budget = { ...ordinary, id: 'total', per: 'total', limit: 5_000 }
    const account = open(ordinary, rollingHour, total)
    expect(refusalOf(await account.reserve(1, 1_001)).resetsAtMs).toBe(null)
    await account.settle(2, 5_000)
    expect(refusalOf(await account.reserve(3, 1))).toMatchObject({ budget: 'total', resetsAtMs: null })
  })
})

describe('a soft limit', () => {
  const soft: Budget = { ...ordinary, id: 'acme/day "soft"', softLimit: 800 }

  it('alerts once per window, by what was spent and not by what is held', async () => {
    const account = open(soft)
    await account.reserve(1, 900)
    expect(await account.accounts.alerts(10)).toEqual([])
    expect((await account.settle(1, 799, noon, { isLast: false })).alerts).toEqual([])
    const alert = {
      ...{ id: 'acme/day "soft"/2096-02-29', budget: soft.id, tenant: 'acme', per: 'day', window: 'calendar' },
      ...{ limit: 1_000, softLimit: 800, spent: 800, atMs: noon },
    }
    expect((await account.settle(1, 1, noon, { attempt: 2 })).alerts).toEqual([alert])
    expect((await account.settle(1, 1, noon, { attempt: 2 })).alerts).toEqual([])
    expect((await account.settle(2, 50)).alerts).toEqual([])
    expect(await account.accounts.alerts(10)).toEqual([alert])
    await account.accounts.alertHandled(alert as never)
    expect(await account.accounts.alerts(10)).toEqual([])
    expect((await account.settle(3, 50)).alerts).toEqual([])
  })

  it('alerts again in the next window', async () => {
    const account = open(soft)
    await account.spend(1, 900)
    const [alert] = (await account.settle(2, 900, at('2096-03-01T00:00:00Z'))).alerts
    expect(alert?.id).toBe('acme/day "soft"/2096-03-01')
    expect((await account.accounts.alerts(10)).map(({ atMs }) => atMs)).toEqual([noon, at('2096-03-01T00:00:00Z')])
  })

  it('names the window in which the money was held', async () => {
    const account = open(soft)
    await account.reserve(1, 900, at('2096-02-29T23:59:00Z'))
    const { alerts } = await account.settle(1, 900, at('2096-03-01T00:01:00Z'))
    expect(alerts[0]?.id).toBe('acme/day "soft"/2096-02-29')
  })

  it('alerts once in the length of a rolling window, however the sum goes up and down', async () => {
    const account = open({ ...rollingHour, softLimit: 500, limit: 10_000 })
    const alertsAt: number[] = []
    for (let minute = 0; minute < 180; minute += 10) {
      const { alerts } = await account.settle(minute, minute % 20 === 0 ? 300 : 20, noon + minute * minuteMs)
      if (alerts.length > 0) alertsAt.push(minute)
    }
    expect(alertsAt).toEqual([20, 80, 140])
  })

  it('has one alert for a thousand settlements at once', async () => {
    const account = open({ ...soft, limit: 1_000_000 })
    const settled = await Promise.all(Array.from({ length: 1_000 }, (_, number) => account.settle(number, 5)))
    expect(settled.flatMap(({ alerts }) => alerts)).toHaveLength(1)
    expect(await redis.hlen(keys.budgetAlerts)).toBe(1)
  })
})

describe('the reconciler', () => {
  const reconcile = (account: Account, jobs: Record<string, number | null>, nowMs: number, recordedUpToMs = nowMs) =>
    reconcileAccounts({
      accounts: account.accounts,
      store: { read: async (id) => (id in jobs ? ({ id, finishedAtMs: jobs[id] } as JobRecord) : null) },
      recordedUpToMs,
      nowMs,
      log: silentLog,
    })

  it('leaves holds alone until their lease is over', async () => {
    const account = open(ordinary)
    await account.reserve(1, 100)
    expect(await reconcile(account, {}, noon + leaseMs - 1)).toEqual({ released: 0, extended: 0 })
    expect(await account.state()).toEqual({ spent: 0, reserved: 100 })
  })

  it('gives back what ended and gone jobs hold, and lets open ones keep theirs', async () => {
    const account = open(ordinary)
    for (const [number, amount] of [1, 20, 300].entries()) await account.reserve(number, amount)
    const nowMs = noon + 2 * leaseMs
    expect(await reconcile(account, { job_0: noon, job_1: null }, nowMs)).toEqual({ released: 2, extended: 1 })
    expect(await account.state()).toEqual({ spent: 0, reserved: 20 })
    expect(await account.accounts.expiredHolds(nowMs, 10)).toEqual([])
    expect(await account.accounts.expiredHolds(nowMs + leaseMs, 10)).toEqual([
      { job: 'job_1', expiredAtMs: nowMs + leaseMs },
    ])
  })

  it('waits for the records of an ended job', async () => {
    const account = open(ordinary)
    await account.reserve(1, 100)
    const nowMs = noon + 100 * leaseMs
    expect(await reconcile(account, { job_1: noon }, nowMs, noon)).toEqual({ released: 0, extended: 1 })
    await account.settle(1, 60, nowMs, { isLast: false })
    const later = nowMs + 2 * leaseMs
    expect(await reconcile(account, { job_1: noon }, later)).toEqual({ released: 1, extended: 0 })
    expect(await account.state()).toEqual({ spent: 60, reserved: 0 })
  })

  it('waits for records of a job that is gone from the store', async () => {
    const account = open(ordinary)
    await account.reserve(1, 100)
    const nowMs = noon + 100 * leaseMs
    expect(await reconcile(account, {}, nowMs, noon)).toEqual({ released: 0, extended: 1 })
  })

  it('keeps the counters of a hold alive for as long as it is extended', async () => {
    const account = open(ordinary)
    await account.reserve(1, 100)
    const counter = keys.budget('acme/day', '2096-02-29')
    await redis.pexpire(counter, 1_000)
    await account.accounts.extend(job(1), noon + 10 * 86_400_000)
    expect(await redis.pttl(counter)).toBeGreaterThan(2 * 86_400_000)
  })

  it('forgets a hold whose data was lost', async () => {
    const account = open(ordinary)
    await account.reserve(1, 100)
    await account.reserve(2, 100)
    await redis.del(keys.hold(job(1)), keys.hold(job(2)))
    expect(await reconcile(account, { job_1: null }, noon + 2 * leaseMs)).toEqual({ released: 0, extended: 0 })
    expect(await redis.zcard(keys.holds)).toBe(0)
  })

  it('does not turn a lost counter into a credit', async () => {
    const account = open(ordinary)
    await account.reserve(1, 900)
    await redis.del(keys.budget('acme/day', '2096-02-29'))
    await account.accounts.release(job(1), noon)
    expect(await account.state()).toEqual({ spent: 0, reserved: 0 })
    expect((await account.reserve(2, 1_001)).kind).toBe('refused')
    expect(await redis.exists(keys.budget('acme/day', '2096-02-29'))).toBe(0)
  })
})

describe('counters rebuilt from the ledger', () => {
  const total: Budget = { ...ordinary, id: 'total', per: 'total', limit: 10_000, softLimit: 400 }
  const small: Budget = { ...ordinary, id: 'small', scope: { tenant: 'acme', model: 'large' } }
  const budgets = [ordinary, rollingHour, total, small]

  it('are those that were lost', async () => {
    const account = open(...budgets)
    const rows: Expense[] = []
    for (let number = 0; number < 12; number += 1) {
      const atMs = noon - number * 20 * minuteMs
      rows.push({ holder, cost: 40 + number, atMs })
    }
    for (const [number, { cost, atMs }] of rows.toReversed().entries()) await account.settle(number, cost, atMs)
    await account.reserve(50, 250)
    const read = async () =>
      (await account.accounts.inspect(null, noon)).map(({ spent, reserved }) => [spent, reserved])
    const before = await read()
    for (const { id } of budgets) {
      for (const window of ['rolling', 'total', '2096-02-29']) await redis.del(keys.budget(id, window))
    }
    await redis.hset(keys.budget('small', '2096-02-29'), 'spent', 77, 'reserved', 5)
    async function* ledger() {
      yield { holder, cost: 5_000, atMs: noon - 400 * 86_400_000 }
      yield* rows
    }
    await account.accounts.rebuild(ledger(), noon)
    const after = await read()
    expect(after[2]).toEqual([(before[2]?.[0] ?? 0) + 5_000, 250])
    after[2] = before[2] ?? []
    expect(after).toEqual(before)
    // The soft limit was told long ago.
    expect((await account.settle(60, 1)).alerts).toEqual([])
    await account.accounts.release(job(50), noon)
    expect(await account.state(noon, 'acme/day')).toMatchObject({ reserved: 0 })
  })
})

describe('a look at budgets', () => {
  it('tells what is spent, what is held and when it resets', async () => {
    const account = open(ordinary, rollingHour, { ...ordinary, id: 'total', per: 'total' })
    await account.settle(1, 100, noon + 5 * minuteMs)
    await account.reserve(2, 30, noon + 5 * minuteMs)
    const states = await account.accounts.inspect(
      ['acme/day', 'acme/rolling-hour', 'total', 'unknown'],
      noon + 10 * minuteMs,
    )
    const facts = states.map(({ budget, spent, reserved, resetsAtMs }) => [budget.id, spent, reserved, resetsAtMs])
    expect(facts).toEqual([
      ['acme/day', 100, 30, at('2096-03-01T00:00:00Z')],
      ['acme/rolling-hour', 100, 30, noon + 66 * minuteMs],
      ['total', 100, 30, null],
    ])
  })
})

describe('a thousand jobs at once', () => {
  it('hold together exactly what there is', async () => {
    const account = open({ ...ordinary, limit: 1_000_000 }, { ...rollingHour, limit: 1_000_000 })
    const connections = Array.from({ length: 4 }, () => connectRedis(server.url, 'worker'))
    const budgets = [
      { ...ordinary, limit: 1_000_000 },
      { ...rollingHour, limit: 1_000_000 },
    ]
    const others = connections.map((own) => new RedisAccounts({ redis: own, budgets, leaseMs }))
    const replies = await Promise.all(
      Array.from({ length: 1_000 }, (_, number) =>
        others[number % 4]?.reserve({ job: job(number), holder, amount: 3_000, nowMs: noon }),
      ),
    )
    expect(replies.filter((reply) => reply?.kind === 'reserved')).toHaveLength(333)
    expect(await account.state(noon, 'acme/rolling-hour')).toEqual({ spent: 0, reserved: 999_000 })
    for (const own of connections) own.disconnect()
  })
})
