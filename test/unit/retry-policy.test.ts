import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/core/errors.ts'
import { gateOutcomeOf } from '../../src/core/failure-policy.ts'
import type { GateClosed } from '../../src/core/gate.ts'
import type { Attempt, Candidate } from '../../src/core/job.ts'
import { countAttempts, decideNextStep, type FailedAttempt, type NextStep } from '../../src/core/retry-policy.ts'

const policy = { maxAttempts: 6, baseDelayMs: 1_000, maxDelayMs: 30_000 }
const nowMs = 5_000_000
const half = 0.5

/**
 * What follows a job's last attempt. `history` tells the attempts as `<deployment> <outcome>`, the last of which has
 * just failed; the plan has the deployments `a`, `b` and `c` unless given.
 */
function stepAfter(history: readonly string[], more: Partial<FailedAttempt> = {}): NextStep {
  const plan = more.plan ?? { candidates: plain('a', 'b', 'c') }
  const attempts = history.map(toAttempt)
  const last = attempts.at(-1)
  return decideNextStep({
    failure: last?.outcome as FailedAttempt['failure'],
    retryAfterMs: null,
    plan,
    candidate: plan.candidates.findIndex(({ deployment }) => deployment === last?.deployment),
    attempts,
    closed: plan.candidates.map(() => null),
    nowMs,
    deadlineMs: nowMs + 3_600_000,
    canStartOver: true,
    policy,
    random: half,
    ...more,
  })
}

/** Who is called for a job whose every call fails, in order. */
function turnsOf(candidates: readonly Candidate[], maxAttempts: number): string[] {
  const made: string[] = []
  for (let index = 0; ; ) {
    made.push(candidates[index]?.deployment ?? '')
    const history = made.map((deployment) => `${deployment} server_error`)
    const step = stepAfter(history, { plan: { candidates }, policy: { ...policy, maxAttempts } })
    if (step.action === 'dead-letter') return made
    index = step.candidate
  }
}

function toAttempt(line: string): Attempt {
  const [deployment = '', outcome = ''] = line.split(' ')
  return { deployment, outcome, status: null, ms: 1, cost: 0 }
}

function plain(...names: string[]): Candidate[] {
  return names.map((deployment) => ({ deployment, pool: 'cloud' }))
}

const only = { plan: { candidates: plain('a') } }
const go = (candidate: number, delayMs = 0): NextStep => ({ action: 'retry', candidate, delayMs })
const deadLetter = (code: ErrorCode): NextStep => ({ action: 'dead-letter', code })
const until = (inMs: number): GateClosed => ({ reason: 'breaker', opensAtMs: nowMs + inMs })

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
const busy = ['rate_limited', 'overloaded'] as const
const forGood = ['auth', 'quota_exhausted', 'model_not_found', 'unsupported'] as const
const all = [...passing, ...busy, ...forGood, 'context_too_long', 'content_policy', 'invalid_request'] as const

describe('after a failure that may pass', () => {
  it.each(passing)('%s is tried once more here, then with the next, then from the first again', (failure) => {
    expect(stepAfter([`a ${failure}`])).toEqual(go(0, 500))
    expect(stepAfter([`a ${failure}`, `a ${failure}`])).toEqual(go(1))
    expect(stepAfter([`a ${failure}`, `a ${failure}`, `b ${failure}`])).toEqual(go(1, 500))
    const two = { plan: { candidates: plain('a', 'b') } }
    const tried = ['a', 'a', 'b', 'b'].map((deployment) => `${deployment} ${failure}`)
    expect(stepAfter(tried, two)).toEqual(go(0, 1_000))
    expect(stepAfter([...tried, `a ${failure}`], two)).toEqual(go(1, 1_000))
    expect(stepAfter([...tried, `a ${failure}`, `b ${failure}`], two)).toEqual(deadLetter('upstream_failed'))
  })

  it('spends what is left of the budget on the only deployment', () => {
    const lines = (count: number) => Array.from({ length: count }, () => 'a server_error')
    expect(stepAfter(lines(4), only)).toEqual(go(0, 4_000))
    expect(stepAfter(lines(6), only)).toEqual(deadLetter('upstream_failed'))
  })

  it('goes to the next at once where this one is closed by now, or asks to wait', () => {
    expect(stepAfter(['a server_error'], { closed: [until(10_000), null, null] })).toEqual(go(1))
    expect(stepAfter(['a server_error'], { retryAfterMs: 700 })).toEqual(go(1))
  })

  it('leaves enough attempts for those that have not had their turn', () => {
    const plan = { candidates: plain('a', 'b', 'c', 'd') }
    expect(turnsOf(plan.candidates, 6)).toEqual(['a', 'a', 'b', 'b', 'c', 'd'])
    expect(turnsOf(plan.candidates, 4)).toEqual(['a', 'b', 'c', 'd'])
    expect(turnsOf(plan.candidates, 2)).toEqual(['a', 'b'])
    expect(turnsOf(plan.candidates, 9)).toEqual(['a', 'a', 'b', 'b', 'c', 'c', 'd', 'd', 'a'])
    const closed = [null, until(9_000), until(9_000), until(9_000)]
    expect(stepAfter(['a server_error'], { plan, closed, policy: { ...policy, maxAttempts: 2 } })).toEqual(go(0, 500))
  })

  it('passes over gates that are closed', () => {
    const closed = [null, until(10_000), null]
    expect(stepAfter(['a server_error', 'a server_error'], { closed })).toEqual(go(2))
  })

  it('lines up behind the gate that opens first where all are closed', () => {
    expect(stepAfter(['a connection'], { closed: [until(9_000), until(8_000), until(20_000)] })).toEqual(go(1))
  })

  it('doubles the backoff up to its limit', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 60].map((count) =>
      stepAfter(
        Array.from({ length: count }, () => 'a server_error'),
        { ...only, policy: { ...policy, maxAttempts: 100 } },
      ),
    )
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000].map((delayMs) => go(0, delayMs)))
  })
})

describe.each(busy)('after %s', (failure) => {
  it('another open candidate is asked rather than waited for', () => {
    expect(stepAfter([`a ${failure}`], { retryAfterMs: 1_000 })).toEqual(go(1))
    expect(stepAfter([`a ${failure}`], { closed: [null, until(1), null] })).toEqual(go(2))
  })

  it('the job waits where there is no other, for as long as it is asked to and by chance a little longer', () => {
    expect(stepAfter([`a ${failure}`], { ...only, retryAfterMs: 12_000, random: 0 })).toEqual(go(0, 12_000))
    expect(stepAfter([`a ${failure}`], { ...only, retryAfterMs: 12_000 })).toEqual(go(0, 12_500))
  })

  it('the job backs off where it is not told for how long', () => {
    expect(stepAfter([`a ${failure}`, `a ${failure}`, `a ${failure}`], only)).toEqual(go(0, 2_000))
  })

  it('no more of Retry-After is honoured than the longest delay', () => {
    expect(stepAfter([`a ${failure}`], { ...only, retryAfterMs: 86_400_000, random: 0 })).toEqual(go(0, 30_000))
  })

  it('the one that can be called first is waited for where all others are closed', () => {
    const closed = [null, until(20_000), until(60_000)]
    expect(stepAfter([`a ${failure}`], { closed, retryAfterMs: 3_000, random: 0 })).toEqual(go(0, 3_000))
    expect(stepAfter([`a ${failure}`], { closed, retryAfterMs: 25_000, random: 0 })).toEqual(go(1))
  })
})

describe.each(forGood)('after %s', (failure) => {
  it('only another deployment can help', () => {
    expect(stepAfter([`a ${failure}`])).toEqual(go(1))
    expect(stepAfter([`a ${failure}`, `b ${failure}`])).toEqual(go(2))
  })

  it('the job ends where there is none', () => {
    const code = failure === 'unsupported' ? 'unsupported_by_deployments' : 'upstream_failed'
    expect(stepAfter([`a ${failure}`], only)).toEqual(deadLetter(code))
    expect(stepAfter(['b server_error', `a ${failure}`], only)).toEqual(deadLetter('upstream_failed'))
  })
})

describe('after a prompt that was too long', () => {
  const long: Candidate = { deployment: 'long', pool: 'cloud', after: 'context_too_long' }

  it('the candidates that are there for it are asked, then those that take more', () => {
    const plan = { candidates: [...plain('a', 'b'), long] }
    expect(stepAfter(['a context_too_long'], { plan })).toEqual(go(2))
    const sized = {
      candidates: [
        { ...plain('a')[0], contextTokens: 8_000 },
        { ...plain('b')[0], contextTokens: 9_000 },
      ],
    }
    expect(stepAfter(['a context_too_long'], { plan: sized as { candidates: Candidate[] } })).toEqual(go(1))
  })

  it('the job ends where none takes more', () => {
    expect(stepAfter(['a context_too_long'])).toEqual(deadLetter('context_length_exceeded'))
    const plan = { candidates: [...plain('a'), long] }
    expect(stepAfter(['a context_too_long', 'long context_too_long'], { plan })).toEqual(
      deadLetter('context_length_exceeded'),
    )
  })

  it('an outage of the one that takes more is no reason to go back to the one that does not', () => {
    const plan = { candidates: [...plain('a'), long] }
    expect(stepAfter(['a context_too_long', 'long connection', 'long connection'], { plan })).toEqual(go(1, 1_000))
  })
})

describe('after a refusal by the rules of the upstream', () => {
  it('only the candidates that are there for it are asked', () => {
    const lenient: Candidate = { deployment: 'lenient', pool: 'cloud', after: 'content_policy' }
    expect(stepAfter(['a content_policy'], { plan: { candidates: [...plain('a', 'b'), lenient] } })).toEqual(go(2))
    expect(stepAfter(['a content_policy'])).toEqual(deadLetter('content_filter'))
  })
})

describe('after a request that is wrong', () => {
  it('nobody else is asked, whatever the time', () => {
    expect(stepAfter(['a invalid_request'])).toEqual(deadLetter('upstream_rejected'))
    expect(stepAfter(['a invalid_request'], { deadlineMs: nowMs - 1 })).toEqual(deadLetter('upstream_rejected'))
  })
})

describe('where the model waits for its deployment', () => {
  const plan = { candidates: plain('a', 'b'), onOutage: 'wait' } as const

  it('no outage takes a job to another one', () => {
    for (const failure of [...passing, ...busy]) {
      expect(stepAfter([`a ${failure}`, `a ${failure}`], { plan })).toEqual(go(0, 1_000))
      expect(stepAfter([`a ${failure}`], { plan, closed: [until(9_000), null] })).toEqual(go(0, 500))
    }
  })

  it('what waiting does not cure does', () => {
    expect(stepAfter(['a auth'], { plan })).toEqual(go(1))
  })
})

describe('near the deadline', () => {
  it('falls back rather than wait past it', () => {
    expect(stepAfter(['a server_error'], { deadlineMs: nowMs + 500 })).toEqual(go(1))
    expect(stepAfter(['a server_error'], { deadlineMs: nowMs + 501 })).toEqual(go(0, 500))
  })

  it('ends where nobody could answer in time', () => {
    expect(stepAfter(['a server_error'], { ...only, deadlineMs: nowMs + 500 })).toEqual(deadLetter('deadline_exceeded'))
    expect(stepAfter(['a server_error'], { deadlineMs: nowMs })).toEqual(deadLetter('deadline_exceeded'))
  })

  it('does not line up behind a gate that opens too late', () => {
    const closed = [until(9_000), until(8_000), until(20_000)]
    expect(stepAfter(['a server_error'], { closed, deadlineMs: nowMs + 8_000 })).toEqual(
      deadLetter('deadline_exceeded'),
    )
  })
})

describe('once output can no longer be taken back', () => {
  it.each([...passing, ...busy, ...forGood])('%s ends the job', (failure) => {
    expect(stepAfter([`a ${failure}`], { canStartOver: false })).toEqual(deadLetter('stream_interrupted'))
  })
})

describe('a probe that failed', () => {
  const probe: Attempt = { deployment: 'a', outcome: 'connection', status: null, ms: 1, cost: 0, isProbe: true }

  it('does not count against the budget of the job that had to make it', () => {
    const attempts = [...Array.from({ length: 50 }, () => probe), toAttempt('a connection')]
    expect(countAttempts(attempts)).toBe(1)
    expect(stepAfter(['a connection'], { ...only, attempts }).action).toBe('retry')
  })

  it('counts from the hundred and first on', () => {
    expect(countAttempts(Array.from({ length: 105 }, () => probe))).toBe(5)
  })
})

describe('what the breaker of the deployment is told', () => {
  it('is a failure where the upstream is away, and nothing where the job is at fault', () => {
    for (const failure of passing) expect(gateOutcomeOf(failure, null, policy)).toBe('failure')
    for (const failure of ['context_too_long', 'content_policy', 'unsupported', 'invalid_request', 'aborted'] as const)
      expect(gateOutcomeOf(failure, null, policy)).toBe('neutral')
  })

  it('opens it at once where every other call would fail too', () => {
    expect(gateOutcomeOf('auth', null, policy)).toBe('broken')
    expect(gateOutcomeOf('quota_exhausted', null, policy)).toBe('broken')
    for (const failure of busy) expect(gateOutcomeOf(failure, policy.maxDelayMs + 1, policy)).toBe('broken')
  })

  it('is nothing where the upstream says when to come back: until then the gate is closed anyway', () => {
    for (const failure of busy) {
      expect(gateOutcomeOf(failure, policy.maxDelayMs, policy)).toBe('neutral')
      expect(gateOutcomeOf(failure, null, policy)).toBe('failure')
    }
  })
})

describe('whatever happened', () => {
  const plan = {
    candidates: [
      ...plain('a', 'b'),
      { deployment: 'c', pool: 'studio', contextTokens: 9_000 },
      { deployment: 'long', pool: 'cloud', after: 'context_too_long' as const },
      { deployment: 'lenient', pool: 'cloud', after: 'content_policy' as const },
    ],
  }
  const gate = fc.option(
    fc.oneof(
      fc.integer({ min: 0, max: 100_000 }).map(until),
      fc.constant<GateClosed>({ reason: 'parallel', opensAtMs: null }),
    ),
  )
  const failures: fc.Arbitrary<FailedAttempt> = fc
    .record({
      history: fc.array(
        fc.record({
          deployment: fc.constantFrom(...plan.candidates.map(({ deployment }) => deployment)),
          outcome: fc.constantFrom(...all, 'worker_lost'),
        }),
        { maxLength: 8 },
      ),
      failure: fc.constantFrom(...all),
      candidate: fc.integer({ min: 0, max: plan.candidates.length - 1 }),
      retryAfterMs: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
      closed: fc.tuple(gate, gate, gate, gate, gate),
      msToDeadline: fc.oneof(fc.integer({ min: -1_000, max: 100_000 }), fc.constant(Number.POSITIVE_INFINITY)),
      onOutage: fc.option(fc.constant('wait' as const), { nil: undefined }),
      canStartOver: fc.boolean(),
      policy: fc.record({
        maxAttempts: fc.integer({ min: 1, max: 10 }),
        baseDelayMs: fc.integer({ min: 0, max: 5_000 }),
        maxDelayMs: fc.integer({ min: 0, max: 60_000 }),
      }),
      random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    })
    .map(({ history, msToDeadline, onOutage, ...rest }) => {
      const here = plan.candidates[rest.candidate]?.deployment
      const attempts = [...history, { deployment: here, outcome: rest.failure }].map(({ deployment, outcome }) =>
        toAttempt(`${deployment} ${outcome}`),
      )
      const planned = onOutage === undefined ? plan : { ...plan, onOutage }
      return { ...rest, attempts, plan: planned, nowMs, deadlineMs: nowMs + msToDeadline }
    })

  it('a delay is whole, within its limits and ends before the deadline', () => {
    fc.assert(
      fc.property(failures, (failed) => {
        const step = decideNextStep(failed)
        if (step.action !== 'retry') return
        expect(Number.isSafeInteger(step.delayMs)).toBe(true)
        expect(step.delayMs).toBeGreaterThanOrEqual(0)
        expect(nowMs + step.delayMs).toBeLessThan(failed.deadlineMs)
        expect(step.delayMs).toBeLessThanOrEqual(failed.policy.maxDelayMs + failed.policy.baseDelayMs)
        if (step.candidate !== failed.candidate) return
        expect(step.delayMs).toBeGreaterThanOrEqual(Math.min(failed.retryAfterMs ?? 0, failed.policy.maxDelayMs))
      }),
    )
  })

  it('nothing follows the last attempt of the budget, however many deployments are left', () => {
    fc.assert(
      fc.property(failures, (failed) => {
        const { action } = decideNextStep(failed)
        if (failed.attempts.length >= failed.policy.maxAttempts) expect(action).toBe('dead-letter')
      }),
    )
  })

  it('a whole job ends within its budget, and nobody is left out whom the budget reaches', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 12 }), (count, maxAttempts) => {
        const names = Array.from({ length: count }, (_, index) => `d${index}`)
        const made = turnsOf(plain(...names), maxAttempts)
        expect(made).toHaveLength(maxAttempts)
        expect(new Set(made).size).toBe(Math.min(count, maxAttempts))
      }),
    )
  })

  it('a deployment that failed for good is never asked again, and one for another failure never at all', () => {
    fc.assert(
      fc.property(failures, (failed) => {
        const step = decideNextStep(failed)
        if (step.action !== 'retry') return
        const chosen: Candidate | undefined = plan.candidates[step.candidate]
        const outcomes = failed.attempts.map(({ outcome }) => outcome)
        if (chosen?.after) expect(outcomes).toContain(chosen.after)
        for (const { deployment, outcome } of failed.attempts) {
          if (deployment === chosen?.deployment) expect(forGood).not.toContain(outcome)
        }
      }),
    )
  })

  it('an open candidate is never passed over for one that is closed', () => {
    fc.assert(
      fc.property(failures, (failed) => {
        const step = decideNextStep(failed)
        if (step.action !== 'retry' || step.candidate === failed.candidate || failed.plan.onOutage) return
        const isClosed = failed.closed[step.candidate] !== null
        if (!isClosed) return
        const untried = plan.candidates.findIndex(
          ({ deployment }, index) =>
            failed.closed[index] === null &&
            !plan.candidates[index]?.after &&
            !failed.attempts.some((attempt) => attempt.deployment === deployment),
        )
        const isSpecial = failed.attempts.some(({ outcome }) => /context|policy/.test(outcome))
        if (!isSpecial) expect(untried).toBe(-1)
      }),
    )
  })
})
