import type { ConfigInput } from '../../src/config/schema.ts'
import { type ErrorCode, errorRow } from '../../src/core/errors.ts'
import { failurePolicies } from '../../src/core/failure-policy.ts'
import type { FaultUpstream } from './fault-upstream.ts'
import { type Fault, faults } from './faults.ts'

export const modes = ['waiting', 'streaming', 'job'] as const
export const remedies = ['retry', 'fallback', 'dead letter'] as const

/** One cell of the matrix: a fault, how the caller asks, and what is there to help. */
export interface Cell {
  readonly fault: Fault
  readonly mode: (typeof modes)[number]
  /** `retry`: one deployment that recovers at once. `fallback`: a second one that works. `dead letter`: nothing does. */
  readonly remedy: (typeof remedies)[number]
  /** The model, and the beginning of its deployments' names. */
  readonly name: string
}

export const cells: readonly Cell[] = faults.flatMap((fault, row) =>
  modes.flatMap((mode) =>
    remedies.map((remedy) => ({ fault, mode, remedy, name: `f${row}-${mode}-${remedy.replace(' ', '-')}` })),
  ),
)

/** What the policy says about a cell. */
export interface Expected {
  readonly status: 'completed' | 'failed'
  readonly code: ErrorCode | null
  /** The status that a waiting chat is answered with. */
  readonly httpStatus: number
  /** Each attempt as `<deployment> <outcome>`. */
  readonly attempts: readonly string[]
}

/** As many as the configuration of the test allows. */
export const maxAttempts = 3

export function expectedOf({ fault, mode, remedy, name }: Cell): Expected {
  const failure = mode === 'waiting' ? fault.waiting : (fault.streaming ?? fault.waiting)
  const fails = `${name}-a ${failure}`
  const done = (...attempts: string[]): Expected => ({ status: 'completed', code: null, httpStatus: 200, attempts })
  const dead = (code: ErrorCode, ...attempts: string[]): Expected => ({
    status: 'failed',
    code,
    httpStatus: errorRow(code).status,
    attempts,
  })
  // A chat that has begun to speak can't take it back.
  if (mode === 'streaming' && fault.isMidStream) return dead('stream_interrupted', fails)
  const { next } = failurePolicies[failure]
  if (next === 'never_here') {
    const code = failure === 'content_policy' ? 'content_filter' : 'context_length_exceeded'
    if (remedy === 'fallback') return done(fails, `${name}-b completed`)
    return dead(code, fails)
  }
  if (remedy === 'dead letter') return dead('upstream_failed', ...Array.from({ length: maxAttempts }, () => fails))
  if (remedy === 'retry') return done(fails, `${name}-a completed`)
  return next === 'again' ? done(fails, fails, `${name}-b completed`) : done(fails, `${name}-b completed`)
}

type ModelsInput = ConfigInput['models']

/** The models of the matrix, each with upstreams of its own. */
export function modelsOf(upstream: FaultUpstream): ModelsInput {
  const deployment = (id: string, fault: Fault | null, times?: number) => ({
    id,
    pool: 'cloud',
    provider: 'openai-compatible' as const,
    model: 'upstream-model',
    base_url: upstream.deploy(id, fault, times),
    price: { input: 1_000, output: 2_000 },
    concurrency: 2,
    // A busy machine is no hanging upstream.
    timeouts: fault?.name.startsWith('hang') ? { first_byte: '1s', idle: '1s' } : { first_byte: '15s', idle: '15s' },
  })
  return Object.fromEntries(
    cells.flatMap(({ fault, remedy, name }) => {
      const first = deployment(`${name}-a`, fault, remedy === 'retry' ? 1 : undefined)
      if (remedy !== 'fallback') return [[name, { deployments: [first] }]]
      const second = deployment(`${name}-b`, null)
      const other = `${name}-other`
      if (failurePolicies[fault.waiting].next !== 'never_here') return [[name, { deployments: [first, second] }]]
      const fallbacks =
        fault.waiting === 'content_policy'
          ? { content_policy_fallbacks: [other] }
          : { context_window_fallbacks: [other] }
      return [
        [name, { deployments: [first], ...fallbacks }],
        [other, { deployments: [second] }],
      ]
    }),
  ) as ModelsInput
}
