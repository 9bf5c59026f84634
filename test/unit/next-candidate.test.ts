import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { failurePolicies } from '../../src/core/failure-policy.ts'
import type { GateClosed } from '../../src/core/gate.ts'
import type { Attempt, Candidate } from '../../src/core/job.ts'
import { chooseAtGate, eligibleCandidates, type GateDilemma } from '../../src/core/next-candidate.ts'

const nowMs = 1_000_000
const until = (inMs: number): GateClosed => ({ reason: 'breaker', opensAtMs: nowMs + inMs })
const full: GateClosed = { reason: 'parallel', opensAtMs: null }

function candidates(...names: string[]): Candidate[] {
  return names.map((deployment) => ({ deployment, pool: 'cloud' }))
}

function failed(deployment: string, outcome: string): Attempt {
  return { deployment, outcome, status: null, ms: 1, cost: 0 }
}

function choice(overrides: Partial<GateDilemma>) {
  return chooseAtGate({
    plan: { candidates: candidates('a', 'b', 'c') },
    candidate: 0,
    attempts: [],
    closed: [until(2_000), null, null],
    nowMs,
    deadlineMs: nowMs + 60_000,
    mayMove: true,
    ...overrides,
  })
}

describe('the candidates that may serve a job', () => {
  const plan = {
    candidates: [
      { deployment: 'small', pool: 'cloud', contextTokens: 8_000 },
      { deployment: 'unknown', pool: 'cloud' },
      { deployment: 'medium', pool: 'cloud', contextTokens: 32_000 },
      { deployment: 'long', pool: 'cloud', after: 'context_too_long' },
      { deployment: 'lenient', pool: 'cloud', after: 'content_policy' },
    ],
  } as const
  const namesAfter = (...attempts: [string, string][]) =>
    eligibleCandidates(
      plan,
      attempts.map(([deployment, outcome]) => failed(deployment, outcome)),
    ).map((index) => plan.candidates[index]?.deployment)

  it.each<[string, [string, string][], string[]]>([
    ['at first are those for every failure', [], ['small', 'unknown', 'medium']],
    ['after an outage are the same', [['small', 'server_error']], ['small', 'unknown', 'medium']],
    ['after a lost worker are the same', [['small', 'worker_lost']], ['small', 'unknown', 'medium']],
    ['after a refused key lack that one', [['small', 'auth']], ['unknown', 'medium']],
    ['after a used-up account lack that one', [['small', 'quota_exhausted']], ['unknown', 'medium']],
    ['after a missing model lack that one', [['unknown', 'model_not_found']], ['small', 'medium']],
    ['after a missing ability lack that one', [['unknown', 'unsupported']], ['small', 'medium']],
    ['after a prompt that was too long take more', [['small', 'context_too_long']], ['medium', 'long']],
    ['after the larger was too small are made for it', [['medium', 'context_too_long']], ['long']],
    ['after a limit that nobody knows are made for it', [['unknown', 'context_too_long']], ['long']],
    ['after a refusal are the lenient', [['small', 'content_policy']], ['lenient']],
    [
      'after both are the lenient',
      [
        ['small', 'context_too_long'],
        ['long', 'content_policy'],
      ],
      ['lenient'],
    ],
    [
      'are none when those made for it fail likewise',
      [
        ['medium', 'context_too_long'],
        ['long', 'context_too_long'],
      ],
      [],
    ],
  ])('%s', (_case, attempts, expected) => {
    expect(namesAfter(...attempts)).toEqual(expected)
  })

  it('take a prompt that is known to fit where the limit of the one that failed is not known', () => {
    const attempts = [failed('unknown', 'context_too_long')]
    expect(eligibleCandidates({ ...plan, promptTokens: 20_000 }, attempts)).toEqual([2, 3])
    expect(eligibleCandidates({ ...plan, promptTokens: 40_000 }, attempts)).toEqual([3])
  })

  it('never hold one that failed for good, nor one for another failure', () => {
    const names = plan.candidates.map(({ deployment }) => deployment)
    const outcomes = [...Object.keys(failurePolicies), 'worker_lost']
    const attempt = fc.record({ deployment: fc.constantFrom(...names), outcome: fc.constantFrom(...outcomes) })
    fc.assert(
      fc.property(fc.array(attempt, { maxLength: 8 }), (list) => {
        const attempts = list.map(({ deployment, outcome }) => failed(deployment, outcome))
        const seen = new Set(list.map(({ outcome }) => outcome))
        for (const index of eligibleCandidates(plan, attempts)) {
          const chosen: Candidate | undefined = plan.candidates[index]
          if (chosen?.after) expect(seen).toContain(chosen.after)
          const outcomesThere = list.filter(({ deployment }) => deployment === chosen?.deployment)
          for (const { outcome } of outcomesThere) {
            expect(['auth', 'quota_exhausted', 'model_not_found', 'unsupported', 'invalid_request']).not.toContain(
              outcome,
            )
          }
        }
      }),
    )
  })
})

describe('a job whose gate is closed', () => {
  it('goes to the first candidate that is open', () => {
    expect(choice({})).toEqual({ action: 'move', candidate: 1 })
    expect(choice({ closed: [until(2_000), until(1), null] })).toEqual({ action: 'move', candidate: 2 })
  })

  it('goes back to an earlier one that is open', () => {
    expect(choice({ candidate: 2, closed: [null, until(1), until(1)] })).toEqual({ action: 'move', candidate: 0 })
  })

  it('goes rather to one that it was not tried at yet', () => {
    expect(choice({ attempts: [failed('b', 'server_error')] })).toEqual({ action: 'move', candidate: 2 })
  })

  it('leaves out those that failed for good', () => {
    expect(choice({ attempts: [failed('b', 'auth')] })).toEqual({ action: 'move', candidate: 2 })
  })

  it('leaves out those that are there for other failures', () => {
    const plan = {
      candidates: [...candidates('a'), { deployment: 'long', pool: 'cloud', after: 'context_too_long' }],
    } as const
    expect(choice({ plan, closed: [until(2_000), null] })).toEqual({ action: 'park', candidate: 0 })
  })

  it('waits behind the gate that opens first where all are closed', () => {
    expect(choice({ closed: [until(3_000), until(2_000), until(9_000)] })).toEqual({ action: 'park', candidate: 1 })
  })

  it('takes a gate that does not say when it opens for one that opens in seconds', () => {
    expect(choice({ closed: [until(30_000), full, until(60_000)] })).toEqual({ action: 'park', candidate: 1 })
    expect(choice({ closed: [until(500), full, full] })).toEqual({ action: 'park', candidate: 0 })
  })

  it('waits for its first good candidate, open or not, where the model has it so', () => {
    const plan = { candidates: candidates('a', 'b', 'c'), onOutage: 'wait' } as const
    expect(choice({ plan })).toEqual({ action: 'park', candidate: 0 })
    expect(choice({ plan, attempts: [failed('a', 'auth')] })).toEqual({ action: 'move', candidate: 1 })
    expect(choice({ plan, attempts: [failed('a', 'auth')], closed: [null, full, null] })).toEqual({
      action: 'park',
      candidate: 1,
    })
  })

  it('expires where no gate opens before the deadline', () => {
    const closed = [until(2_000), until(3_000), until(4_000)]
    expect(choice({ closed, deadlineMs: nowMs + 2_000 })).toEqual({ action: 'expire' })
    expect(choice({ closed, deadlineMs: nowMs + 2_001 })).toEqual({ action: 'park', candidate: 0 })
  })

  it('hopes for a gate that does not say when it opens up to the deadline', () => {
    expect(choice({ closed: [full, full, full], deadlineMs: nowMs + 1 })).toEqual({ action: 'park', candidate: 0 })
  })

  it('stays behind a gate where it has been handed around for long, that of an open one if there is one', () => {
    expect(choice({ mayMove: false })).toEqual({ action: 'park', candidate: 1 })
  })
})
