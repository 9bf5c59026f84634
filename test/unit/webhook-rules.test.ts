import { describe, expect, it } from 'vitest'
import type { EndpointId, NewDelivery } from '../../src/core/webhook.ts'
import { listEventPatterns, matchesEvent, webhookEventTypes, writeEvent } from '../../src/core/webhook-events.ts'
import { decideAfterAttempt } from '../../src/core/webhook-schedule.ts'
import { retryAfterOf } from '../../src/delivery/receiver-answer.ts'
import { notifyBudget } from '../../src/pipeline/notify-budget.ts'

describe('a filter of events', () => {
  it.each([
    [['*'], 'job.completed', true],
    [['job.*'], 'job.failed', true],
    [['job.*'], 'budget.alert', false],
    [['job.failed', 'budget.*'], 'budget.alert', true],
    [['job.failed'], 'job.completed', false],
    [['jo.*'], 'job.completed', false],
  ])('%j lets %s through: %s', (patterns, type, expected) => {
    expect(matchesEvent(patterns, type)).toBe(expected)
  })

  it('has a pattern for every type and for every kind', () => {
    const patterns = listEventPatterns()
    for (const type of webhookEventTypes) {
      expect(patterns).toContain(type)
      expect(patterns).toContain(`${type.split('.')[0]}.*`)
    }
    expect(new Set(patterns).size).toBe(patterns.length)
  })
})

describe('an event', () => {
  it('has the shape of OpenAI and of Standard Webhooks at once', () => {
    const event = { id: 'evt_1', type: 'job.completed' as const, atMs: 1_700_000_000_999 }
    expect(JSON.parse(writeEvent(event, { id: 'job_1' }))).toEqual({
      id: 'evt_1',
      object: 'event',
      type: 'job.completed',
      created_at: 1_700_000_000,
      timestamp: '2023-11-14T22:13:20.999Z',
      data: { id: 'job_1' },
    })
  })
})

describe('what follows an attempt', () => {
  const nowMs = 1_000_000
  const attempt = { status: 500, isDelivered: false, retryAfterMs: null, failures: 0, nowMs, random: 0.5 }

  it.each([
    ['a 200', { status: 200, isDelivered: true }, { action: 'done' }, null, false],
    ['a first failure', {}, { action: 'retry', atMs: nowMs + 5_000 }, null, false],
    ['a second one', { failures: 1 }, { action: 'retry', atMs: nowMs + 300_000 }, null, false],
    ['the ninth', { failures: 8 }, { action: 'retry', atMs: nowMs + 24 * 3_600_000 }, null, false],
    ['the tenth', { failures: 9 }, { action: 'give-up' }, null, false],
    ['a 410', { status: 410 }, { action: 'give-up' }, null, true],
    ['no answer', { status: null }, { action: 'retry', atMs: nowMs + 5_000 }, null, false],
    ['a pause longer than the wait', paused(429, 60_000), { action: 'retry', atMs: nowMs + 60_000 }, 60_000, false],
    ['a pause shorter than it', paused(503, 1_000), { action: 'retry', atMs: nowMs + 5_000 }, 1_000, false],
    ['a pause of days', paused(429, 9e9), { action: 'retry', atMs: nowMs + 3_600_000 }, 3_600_000, false],
    ['a pause with a 500', paused(500, 60_000), { action: 'retry', atMs: nowMs + 5_000 }, null, false],
  ])('is right after %s', (_what, change, next, pauseMs, isGone) => {
    const pauseUntilMs = pauseMs === null ? null : nowMs + pauseMs
    expect(decideAfterAttempt({ ...attempt, ...change })).toEqual({ next, pauseUntilMs, isGone })
  })

  function paused(status: number, retryAfterMs: number) {
    return { status, retryAfterMs }
  }
})

describe('a soft limit that is reached', () => {
  const alert = {
    id: 'acme:0@2026-11',
    tenant: 'acme',
    budget: 'acme:0',
    per: 'month' as const,
    window: 'calendar' as const,
    spent: 8_000_000,
    softLimit: 7_500_000,
    limit: 10_000_000,
    atMs: 1_700_000_000_000,
  }
  const endpoint = {
    id: `we_${'1'.repeat(32)}` as EndpointId,
    tenant: 'acme',
    url: 'https://example.com/',
    description: null,
    payload: 'thin' as const,
    status: 'enabled' as const,
    disabledReason: null,
    disabledAtMs: null,
    failingSinceMs: null,
    createdAtMs: 0,
  }

  async function told(events: readonly string[], url: string | undefined): Promise<NewDelivery[]> {
    const added: NewDelivery[] = []
    const add = async (delivery: NewDelivery) => {
      added.push(delivery)
      return true
    }
    await notifyBudget(alert, url, { endpoints: { list: async () => [{ ...endpoint, events }] }, deliveries: { add } })
    return added
  }

  it('is told to the URL of the configuration and to the endpoints that want it, under one id', async () => {
    const [first, second] = await told(['budget.*'], 'https://example.com/budgets')
    expect([first?.url, second?.endpoint]).toEqual(['https://example.com/budgets', endpoint.id])
    expect(second?.eventId).toBe(first?.eventId)
    expect(second?.id).not.toBe(first?.id)
    expect(JSON.parse(second?.body ?? '')).toMatchObject({
      type: 'budget.alert',
      data: { spent_usd: 8, limit_usd: 10 },
    })
  })

  it('is told to nobody else', async () => {
    expect(await told(['job.*'], undefined)).toEqual([])
  })
})

describe('Retry-After', () => {
  const nowMs = Date.parse('Sat, 21 Nov 2026 16:00:00 GMT')
  it.each([
    ['120', 120_000],
    ['0', 0],
    [['60', '90'], 60_000],
    ['Sat, 21 Nov 2026 16:01:00 GMT', 60_000],
    ['Sat, 21 Nov 2026 15:00:00 GMT', 0],
    ['soon', null],
    ['-5', null],
    ['1.5', null],
    ['', null],
    [undefined, null],
  ])('%j is %s ms', (header, expected) => {
    expect(retryAfterOf(header, nowMs)).toBe(expected)
  })
})
