import { describe, expect, it } from 'vitest'
import { readRetryAfterMs } from '../../src/cli/client/api-client.ts'
import { ApiError, ConnectionError } from '../../src/cli/client/failures.ts'
import { GaveUpError, judge, Patience, retryDelayMs } from '../../src/cli/client/patience.ts'

function refusal(status: number, more: { isRetryable?: boolean; retryAfterMs?: number } = {}): ApiError {
  return new ApiError({ status, code: `http_${status}`, message: 'no', isRetryable: true, ...more })
}

const lost = new ConnectionError('http://fake', 'ECONNREFUSED')
const { signal } = new AbortController()

describe('judge', () => {
  it.each([
    ['a lost connection', lost, 'away'],
    ['a 503', refusal(503), 'away'],
    ['a 429', refusal(429), 'busy'],
    ['a 429 that the server says not to repeat', refusal(429, { isRetryable: false }), 'final'],
    ['a 500', refusal(500), 'faulty'],
    ['a 400', refusal(400, { isRetryable: false }), 'final'],
    ['a bug', new TypeError('x'), 'final'],
  ])('takes %s for what it is', (_, error, kind) => {
    expect(judge(error)).toBe(kind)
  })
})

describe('retryDelayMs', () => {
  it('grows up to five seconds, and never by less than half', () => {
    const delays = [0, 1, 2, 5, 50].map((attempt) => [retryDelayMs(lost, attempt, 0), retryDelayMs(lost, attempt, 1)])
    expect(delays).toEqual([
      [125, 250],
      [250, 500],
      [500, 1000],
      [2500, 5000],
      [2500, 5000],
    ])
  })

  it('does what the server asks for', () => {
    expect(retryDelayMs(refusal(429, { retryAfterMs: 7_000 }), 0, 0.5)).toBe(7_000)
  })
})

describe('readRetryAfterMs', () => {
  it.each([
    ['2', 2_000],
    ['0.5', 500],
    ['Sat, 21 Nov 2026 10:00:09 GMT', 9_000],
    ['Sat, 21 Nov 2026 09:00:00 GMT', 0],
    ['soon', null],
    [undefined, null],
  ])('reads %j', (header, expected) => {
    expect(readRetryAfterMs(header, Date.parse('2026-11-21T10:00:00Z'))).toBe(expected)
  })
})

describe('Patience', () => {
  it('gives up on a server that has never answered sooner than on one that has', async () => {
    const impatient = { notify: () => {}, firstContactMs: 0, giveUpMs: 60_000, random: () => 0 }
    await expect(new Patience(impatient).try(() => Promise.reject(lost), { signal })).rejects.toThrow(GaveUpError)

    const known = new Patience(impatient)
    await known.try(async () => 'there', { signal })
    let calls = 0
    const answer = known.try(
      async () => {
        calls += 1
        if (calls < 3) throw lost
        return 'again'
      },
      { signal },
    )
    await expect(answer).resolves.toBe('again')
  })

  it('tries a server that fails a few times and then passes the failure on', async () => {
    let calls = 0
    const patience = new Patience({ notify: () => {}, random: () => 0 })
    const failing = patience.try(
      () => {
        calls += 1
        return Promise.reject(refusal(500, { retryAfterMs: 0 }))
      },
      { signal },
    )
    await expect(failing).rejects.toMatchObject({ status: 500 })
    expect(calls).toBe(5)
  })

  it('stops waiting when it is told to', async () => {
    const stop = new AbortController()
    const patience = new Patience({ notify: () => stop.abort(new Error('enough')) })
    const waiting = patience.try(() => Promise.reject(refusal(429, { retryAfterMs: 3_600_000 })), {
      signal: stop.signal,
    })
    await expect(waiting).rejects.toThrow('enough')
  })
})
