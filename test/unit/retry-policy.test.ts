import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decideNextStep, type FailedAttempt, type NextStep } from '../../src/core/retry-policy.ts'

const policy = { maxAttempts: 5, baseDelayMs: 1_000, maxDelayMs: 30_000 }

/** The first attempt of a job with time, budget and one more deployment left. */
function stepAfter(overrides: Partial<FailedAttempt>): NextStep {
  return decideNextStep({
    failure: 'server_error',
    status: null,
    retryAfterMs: null,
    attemptsMade: 1,
    attemptsOnThisDeployment: 1,
    deploymentsLeft: 1,
    msToDeadline: 3_600_000,
    canStartOver: true,
    policy,
    random: 0.5,
    ...overrides,
  })
}

const fallback: NextStep = { action: 'fallback', delayMs: 0 }
const retryIn = (delayMs: number): NextStep => ({ action: 'retry', delayMs })
const deadLetter = (
  code: 'upstream_failed' | 'upstream_rejected' | 'deadline_exceeded' | 'stream_interrupted',
): NextStep => ({
  action: 'dead-letter',
  code,
})

const passing = [
  'server_error',
  'connection',
  'connect_timeout',
  'first_byte_timeout',
  'idle_timeout',
  'total_timeout',
  'cut_stream',
  'invalid_response',
] as const

describe('after a failure that may pass', () => {
  it.each(passing)('%s is tried once more on the same deployment, then on the next', (failure) => {
    expect(stepAfter({ failure })).toEqual(retryIn(500))
    expect(stepAfter({ failure, attemptsMade: 2, attemptsOnThisDeployment: 2 })).toEqual(fallback)
    expect(stepAfter({ failure, attemptsMade: 3, attemptsOnThisDeployment: 1, deploymentsLeft: 0 })).toEqual(
      retryIn(500),
    )
  })

  it('spends what is left of the budget on the last deployment', () => {
    const last = { deploymentsLeft: 0 }
    expect(stepAfter({ ...last, attemptsMade: 4, attemptsOnThisDeployment: 4 })).toEqual(retryIn(4_000))
    expect(stepAfter({ ...last, attemptsMade: 5, attemptsOnThisDeployment: 5 })).toEqual(deadLetter('upstream_failed'))
  })

  it('does not fall back once the budget of the job is used up', () => {
    expect(stepAfter({ attemptsMade: 5, attemptsOnThisDeployment: 1, deploymentsLeft: 3 })).toEqual(
      deadLetter('upstream_failed'),
    )
  })

  it('waits as long as the upstream asks, and by chance a little longer', () => {
    expect(stepAfter({ retryAfterMs: 7_000, random: 0 })).toEqual(retryIn(7_000))
    expect(stepAfter({ retryAfterMs: 7_000, random: 0.5 })).toEqual(retryIn(7_500))
  })

  it('doubles the backoff up to its limit', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 60, 2_000].map((attemptsOnThisDeployment) =>
      stepAfter({ attemptsOnThisDeployment, deploymentsLeft: 0, random: 0.5 }),
    )
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000].map(retryIn))
  })
})

describe('after a rate limit', () => {
  const failure = 'rate_limited'

  it('falls back rather than wait', () => {
    expect(stepAfter({ failure, status: 429, retryAfterMs: 1_000 })).toEqual(fallback)
  })

  it('waits where there is no other deployment, for as long as it is asked to', () => {
    expect(stepAfter({ failure, deploymentsLeft: 0, retryAfterMs: 12_000, random: 0 })).toEqual(retryIn(12_000))
  })

  it('backs off where it is not told for how long', () => {
    expect(stepAfter({ failure, deploymentsLeft: 0, attemptsMade: 3, attemptsOnThisDeployment: 3 })).toEqual(
      retryIn(2_000),
    )
  })

  it('honours no more of Retry-After than the longest delay', () => {
    expect(stepAfter({ failure, deploymentsLeft: 0, retryAfterMs: 86_400_000, random: 0 })).toEqual(retryIn(30_000))
  })

  it('is a dead letter where waiting would pass the deadline', () => {
    expect(stepAfter({ failure, deploymentsLeft: 0, retryAfterMs: 20_000, random: 0, msToDeadline: 20_000 })).toEqual(
      deadLetter('deadline_exceeded'),
    )
  })
})

describe('after a refusal', () => {
  const failure = 'invalid_request'

  it.each([400, 413, 422])('with status %i no other upstream is asked', (status) => {
    expect(stepAfter({ failure, status })).toEqual(deadLetter('upstream_rejected'))
  })

  it.each([
    ['the upstream lacks the model', 404],
    ['the adapter lacks a field, and so made no call', null],
  ])('because %s the next deployment is asked', (_why, status) => {
    expect(stepAfter({ failure, status })).toEqual(fallback)
    expect(stepAfter({ failure, status, deploymentsLeft: 0 })).toEqual(deadLetter('upstream_rejected'))
    expect(stepAfter({ failure, status, attemptsMade: 5 })).toEqual(deadLetter('upstream_rejected'))
  })

  it('says so even if the deadline has passed', () => {
    expect(stepAfter({ failure, status: 400, msToDeadline: -1 })).toEqual(deadLetter('upstream_rejected'))
  })
})

describe('after a failure of our own key', () => {
  const failure = 'auth'

  it('only another deployment can help', () => {
    expect(stepAfter({ failure, status: 401 })).toEqual(fallback)
    expect(stepAfter({ failure, status: 401, deploymentsLeft: 0 })).toEqual(deadLetter('upstream_failed'))
  })
})

describe('near the deadline', () => {
  it('falls back rather than wait past it', () => {
    expect(stepAfter({ msToDeadline: 500 })).toEqual(fallback)
    expect(stepAfter({ msToDeadline: 501 })).toEqual(retryIn(500))
  })

  it('is a dead letter where nobody could answer in time', () => {
    expect(stepAfter({ msToDeadline: 500, deploymentsLeft: 0 })).toEqual(deadLetter('deadline_exceeded'))
    expect(stepAfter({ msToDeadline: 0 })).toEqual(deadLetter('deadline_exceeded'))
  })

  it('waits in full where there is none', () => {
    expect(stepAfter({ msToDeadline: Number.POSITIVE_INFINITY, deploymentsLeft: 0 })).toEqual(retryIn(500))
  })
})

describe('once output can no longer be taken back', () => {
  it.each([...passing, 'rate_limited', 'auth'] as const)('%s ends the job', (failure) => {
    expect(stepAfter({ failure, canStartOver: false })).toEqual(deadLetter('stream_interrupted'))
  })
})

describe('whatever happened', () => {
  const attempts: fc.Arbitrary<FailedAttempt> = fc.record({
    failure: fc.constantFrom(...passing, 'rate_limited', 'auth', 'invalid_request'),
    status: fc.option(fc.constantFrom(400, 401, 404, 429, 500, 503)),
    retryAfterMs: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
    attemptsMade: fc.integer({ min: 1, max: 12 }),
    attemptsOnThisDeployment: fc.integer({ min: 1, max: 12 }),
    deploymentsLeft: fc.integer({ min: 0, max: 5 }),
    msToDeadline: fc.oneof(fc.integer({ min: -1_000, max: 100_000 }), fc.constant(Number.POSITIVE_INFINITY)),
    canStartOver: fc.boolean(),
    policy: fc.record({
      maxAttempts: fc.integer({ min: 1, max: 10 }),
      baseDelayMs: fc.integer({ min: 0, max: 5_000 }),
      maxDelayMs: fc.integer({ min: 0, max: 60_000 }),
    }),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  })

  it('a delay is whole, within its limits and ends before the deadline', () => {
    fc.assert(
      fc.property(attempts, (attempt) => {
        const step = decideNextStep(attempt)
        if (step.action !== 'retry') return
        expect(Number.isSafeInteger(step.delayMs)).toBe(true)
        expect(step.delayMs).toBeGreaterThanOrEqual(0)
        expect(step.delayMs).toBeLessThan(attempt.msToDeadline)
        expect(step.delayMs).toBeLessThanOrEqual(attempt.policy.maxDelayMs + attempt.policy.baseDelayMs)
        expect(step.delayMs).toBeGreaterThanOrEqual(Math.min(attempt.retryAfterMs ?? 0, attempt.policy.maxDelayMs))
      }),
    )
  })

  it('nothing follows the last attempt, and no fallback goes to a deployment that is not there', () => {
    fc.assert(
      fc.property(attempts, (attempt) => {
        const { action } = decideNextStep(attempt)
        if (attempt.attemptsMade >= attempt.policy.maxAttempts) expect(action).toBe('dead-letter')
        if (attempt.deploymentsLeft === 0) expect(action).not.toBe('fallback')
      }),
    )
  })

  it('a key or a request that was refused is never tried again where it was refused', () => {
    fc.assert(
      fc.property(attempts, fc.constantFrom('auth', 'invalid_request'), (attempt, failure) => {
        expect(decideNextStep({ ...attempt, failure }).action).not.toBe('retry')
      }),
    )
  })

  it('a whole job ends within its budget, whichever way its attempts fail', () => {
    const outcomes = fc.array(fc.constantFrom(...passing, 'rate_limited', 'auth'), { minLength: 10, maxLength: 10 })
    fc.assert(
      fc.property(
        outcomes,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 10 }),
        (failures, deployments, maxAttempts) => {
          let deploymentsLeft = deployments - 1
          let attemptsOnThisDeployment = 0
          let attemptsMade = 0
          for (const failure of failures) {
            attemptsMade += 1
            attemptsOnThisDeployment += 1
            const step = stepAfter({
              failure,
              attemptsMade,
              attemptsOnThisDeployment,
              deploymentsLeft,
              policy: { ...policy, maxAttempts },
            })
            if (step.action === 'dead-letter') break
            if (step.action === 'fallback') {
              deploymentsLeft -= 1
              attemptsOnThisDeployment = 0
            }
          }
          expect(attemptsMade).toBeLessThanOrEqual(maxAttempts)
          expect(deploymentsLeft).toBeGreaterThanOrEqual(0)
        },
      ),
    )
  })
})
