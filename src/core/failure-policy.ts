import type { GateOutcome } from './gate.ts'
import type { ProviderFailure } from './provider.ts'

/**
 * What a failed call means for the job and for the deployment, class by class.
 *
 * `again`: the same call may pass in a moment: once more here, then elsewhere, then back. `elsewhere`: another
 * deployment at once, here only after a wait. `never_here`: the same job would fail here again, however long it waits.
 * `end`: it would fail everywhere.
 */
export interface FailurePolicy {
  readonly next: 'again' | 'elsewhere' | 'never_here' | 'end'
  /** What the breaker of the deployment is told. */
  readonly gate: Exclude<GateOutcome['outcome'], 'success'>
}

const passing = { next: 'again', gate: 'failure' } as const
const busy = { next: 'elsewhere', gate: 'failure' } as const
/** Of the job, not of the deployment. */
const unfit = { next: 'never_here', gate: 'neutral' } as const

export const failurePolicies: Readonly<Record<ProviderFailure, FailurePolicy>> = {
  rate_limited: busy,
  overloaded: busy,
  server_error: passing,
  connection: passing,
  connect_timeout: passing,
  first_byte_timeout: passing,
  idle_timeout: passing,
  total_timeout: passing,
  cut_stream: passing,
  invalid_response: passing,
  // Our account or our key: every other call would fail too.
  quota_exhausted: { next: 'never_here', gate: 'broken' },
  auth: { next: 'never_here', gate: 'broken' },
  model_not_found: { next: 'never_here', gate: 'failure' },
  context_too_long: unfit,
  content_policy: unfit,
  unsupported: unfit,
  invalid_request: { next: 'end', gate: 'neutral' },
  aborted: { next: 'end', gate: 'neutral' },
}

/** The policy behind the outcome of an attempt; null for one that is no failure of a call, such as `worker_lost`. */
export function policyOf(outcome: string): FailurePolicy | null {
  return Object.hasOwn(failurePolicies, outcome) ? failurePolicies[outcome as ProviderFailure] : null
}

/**
 * What the breaker is told. An upstream that says when to come back is alive, and its gate is shut until then anyway: no
 * reason to leave it alone for longer. One that says so for longer than is honoured would refuse all who come back
 * earlier, so they don't.
 */
export function gateOutcomeOf(
  failure: ProviderFailure,
  retryAfterMs: number | null,
  { maxDelayMs }: { readonly maxDelayMs: number },
): FailurePolicy['gate'] {
  const { next, gate } = failurePolicies[failure]
  if (next !== 'elsewhere' || retryAfterMs === null) return gate
  return retryAfterMs <= maxDelayMs ? 'neutral' : 'broken'
}

/** Whether a failure says that the deployment is away, rather than something about the job or the account. */
export function isOutage(failure: ProviderFailure): boolean {
  const { next } = failurePolicies[failure]
  return next === 'again' || next === 'elsewhere'
}
