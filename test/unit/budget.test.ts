import { describe, expect, it } from 'vitest'
import { type Budget, budgetsFor, describeRefusal, formatUsd, type Refusal } from '../../src/core/budget.ts'
import { windowOf } from '../../src/core/budget-window.ts'
import { describeRateRefusal } from '../../src/core/rate-limit.ts'

const at = (time: string) => Date.parse(time)

describe('the window of a calendar budget', () => {
  it.each([
    ['hour', '2096-02-29T23:59:59.999Z', '2096-02-29T23', '2096-02-29T23:00:00Z', '2096-03-01T00:00:00Z'],
    ['day', '2096-02-28T23:59:59.999Z', '2096-02-28', '2096-02-28T00:00:00Z', '2096-02-29T00:00:00Z'],
    ['day', '2096-02-29T00:00:00.000Z', '2096-02-29', '2096-02-29T00:00:00Z', '2096-03-01T00:00:00Z'],
    ['day', '2100-02-28T12:00:00.000Z', '2100-02-28', '2100-02-28T00:00:00Z', '2100-03-01T00:00:00Z'],
    ['month', '2096-02-29T23:59:59.999Z', '2096-02', '2096-02-01T00:00:00Z', '2096-03-01T00:00:00Z'],
    ['month', '2026-01-31T10:00:00.000Z', '2026-01', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'],
    ['month', '2026-12-31T23:59:59.999Z', '2026-12', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    // The clocks of Berlin and New York change here; a day in UTC does not notice.
    ['day', '2026-03-29T01:00:00.000Z', '2026-03-29', '2026-03-29T00:00:00Z', '2026-03-30T00:00:00Z'],
    ['hour', '2026-11-01T06:30:00.000Z', '2026-11-01T06', '2026-11-01T06:00:00Z', '2026-11-01T07:00:00Z'],
  ] as const)('of one %s holds %s', (per, now, id, startsAt, endsAt) => {
    expect(windowOf({ per, window: 'calendar' }, at(now))).toEqual({
      id,
      startsAtMs: at(startsAt),
      endsAtMs: at(endsAt),
    })
  })

  it('has no end for a total, rolling or not', () => {
    const total = { id: 'total', startsAtMs: null, endsAtMs: null }
    expect(windowOf({ per: 'total', window: 'calendar' }, 0)).toEqual(total)
    expect(windowOf({ per: 'total', window: 'rolling' }, 0)).toEqual(total)
  })

  it('does not depend on the time zone of the process', () => {
    const before = process.env.TZ
    try {
      process.env.TZ = 'America/New_York'
      expect(windowOf({ per: 'day', window: 'calendar' }, at('2026-03-08T03:00:00Z')).id).toBe('2026-03-08')
    } finally {
      if (before === undefined) delete process.env.TZ
      else process.env.TZ = before
    }
  })
})

describe('the window of a rolling budget', () => {
  it.each([
    ['hour', 60 * 60_000, 60_000],
    ['day', 24 * 3_600_000, 1_800_000],
    ['month', 30 * 24 * 3_600_000, 12 * 3_600_000],
  ] as const)('of one %s is never shorter than that, and longer by one bucket at most', (per, lengthMs, bucketMs) => {
    for (const nowMs of [at('2096-02-29T12:34:56.789Z'), at('2026-03-01T00:00:00Z'), at('2026-12-31T23:59:59.999Z')]) {
      const { startsAtMs, endsAtMs } = windowOf({ per, window: 'rolling' }, nowMs)
      expect(nowMs - (startsAtMs ?? 0)).toBeGreaterThanOrEqual(lengthMs)
      expect(nowMs - (startsAtMs ?? 0)).toBeLessThan(lengthMs + bucketMs)
      expect((endsAtMs ?? 0) - nowMs).toBeGreaterThan(lengthMs)
      expect((endsAtMs ?? 0) - nowMs).toBeLessThanOrEqual(lengthMs + bucketMs)
    }
  })
})

describe('budgetsFor', () => {
  const budget = (id: string, scope: Budget['scope']): Budget => ({
    ...{ id, scope, limit: 1, softLimit: null, per: 'day', window: 'calendar' },
  })
  const budgets = [
    budget('all', { tenant: 'acme' }),
    budget('key', { tenant: 'acme', key: 'ci' }),
    budget('tag', { tenant: 'acme', tag: { name: 'team', value: 'search' } }),
    budget('model', { tenant: 'acme', model: 'small' }),
    budget('combined', { tenant: 'acme', key: 'ci', model: 'small', tag: { name: 'team', value: 'search' } }),
    budget('other', { tenant: 'umbrella' }),
    budget('proto', { tenant: 'acme', tag: { name: 'constructor', value: 'Object' } }),
  ]
  const idsFor = (holder: Parameters<typeof budgetsFor>[1]) => budgetsFor(budgets, holder).map(({ id }) => id)

  it('counts a job in every scope that it is in, and in no other', () => {
    const tags = { team: 'search' }
    expect(idsFor({ tenant: 'acme', key: 'ci', model: 'small', tags })).toEqual([
      'all',
      'key',
      'tag',
      'model',
      'combined',
    ])
    expect(idsFor({ tenant: 'acme', key: 'ci', model: 'large', tags })).toEqual(['all', 'key', 'tag'])
    expect(idsFor({ tenant: 'acme', key: 'app', model: 'large', tags: { team: 'ads' } })).toEqual(['all'])
    expect(idsFor({ tenant: 'initech', key: 'ci', model: 'small', tags })).toEqual([])
  })
})

describe('the sentence for a client', () => {
  const refusal: Refusal = {
    budget: 'acme/day',
    per: 'day',
    window: 'calendar',
    limit: 50_000_000,
    spent: 49_980_000,
    reserved: 20_000,
    amount: 1_000,
    resetsAtMs: at('2026-11-22T00:00:00Z'),
  }

  it.each([
    [{}, 'Budget acme/day of $50.00 per day is used up: $49.98 spent, $0.02 held; it resets at 2026-11-22T00:00:00Z.'],
    [
      { reserved: 0, amount: 25_125 },
      'Budget acme/day of $50.00 per day has no room for the $0.025125 that this request may cost: ' +
        '$49.98 spent, $0.00 held; it resets at 2026-11-22T00:00:00Z.',
    ],
    [
      { amount: 50_000_001 },
      'Budget acme/day of $50.00 per day is less than the $50.000001 that this request may cost.',
    ],
    [
      { window: 'rolling' as const },
      'Budget acme/day of $50.00 per 24 hours is used up: $49.98 spent, $0.02 held; ' +
        'there is room again by 2026-11-22T00:00:00Z.',
    ],
    [
      { per: 'total' as const, resetsAtMs: null },
      'Budget acme/day of $50.00 in total is used up: $49.98 spent, $0.02 held; it does not reset.',
    ],
  ])('names the window, the amounts and the reset: %o', (change, sentence) => {
    expect(describeRefusal({ ...refusal, ...change })).toBe(sentence)
  })

  it('writes money exactly', () => {
    const amounts = [0, 1, 10_000, 12_340_000, 100_000, 1_000_000_000_000_000, 999_999, -20_000]
    const texts = ['$0.00', '$0.000001', '$0.01', '$12.34', '$0.10', '$1000000000.00', '$0.999999', '-$0.02']
    expect(amounts.map(formatUsd)).toEqual(texts)
  })

  it('says when to come back to a rate limit, and when not to', () => {
    const rate = { allowed: false, limit: 'requests', perMinute: 600, retryAfterMs: 1_200 } as const
    expect(describeRateRefusal(rate)).toBe('The limit of 600 requests per minute is reached; try again in 2 s.')
    expect(describeRateRefusal({ ...rate, limit: 'tokens', retryAfterMs: null })).toBe(
      'The request alone needs more than the limit of 600 tokens per minute.',
    )
  })
})
