/** What choosing goes by: facts of the configuration and facts of one request. */
import type { Capability } from './capabilities.ts'
import type { BreakerPolicy, GateLimits } from './gate.ts'
import type { Price } from './pricing.ts'
import type { Priority, Residency, Sensitivity } from './vocabulary.ts'

export const strategies = ['ordered', 'cheapest', 'fastest', 'least-busy'] as const
export type Strategy = (typeof strategies)[number]

export interface DeploymentFacts {
  readonly id: string
  /** The logical model that it serves. */
  readonly model: string
  readonly pool: string
  /** Where the dispatchers of its pool run. */
  readonly residency: Residency
  /** Its upstream is a cloud's although its pool may be on-premises: what it gets has left the house. */
  readonly leavesPremises: boolean
  readonly provider: string
  readonly tier: number
  /** Null where it has none: it then counts as 1 among those that have one. */
  readonly weight: number | null
  /** Null where calls cost nothing. */
  readonly price: Price | null
  /** Tokens that prompt and answer may have together; null where nobody knows. */
  readonly contextTokens: number | null
  readonly capabilities: ReadonlySet<Capability>
  readonly limits: GateLimits
  readonly breaker: BreakerPolicy
  /** Every node of the pool has an upstream of its own, with a gate of its own. */
  readonly isPerNode: boolean
}

/** Deployments by id, and all those of some pools, each in order of preference. */
export interface RuleTargets {
  readonly deployments: readonly string[]
  readonly pools: readonly string[]
}

/** All that is given must fit; null fits everything. */
export interface RuleCondition {
  readonly tags: Readonly<Record<string, string>>
  readonly tenants: readonly string[] | null
  readonly priorities: readonly Priority[] | null
  readonly sensitivities: readonly Sensitivity[] | null
  readonly minPromptTokens: number | null
  readonly maxPromptTokens: number | null
  readonly needs: readonly Capability[]
}

export interface RuleFacts {
  readonly when: RuleCondition
  readonly only: RuleTargets | null
  readonly prefer: RuleTargets | null
  readonly strategy: Strategy | null
}

export interface ModelFacts {
  readonly name: string
  readonly strategy: Strategy
  /** In the order of the configuration. */
  readonly deployments: readonly DeploymentFacts[]
  readonly rules: readonly RuleFacts[]
  readonly fallbacks: readonly string[]
  readonly contextWindowFallbacks: readonly string[]
  readonly contentPolicyFallbacks: readonly string[]
  /** Micro-USD per million tokens; null where there is no ceiling. */
  readonly maxPrice: { readonly input: number | null; readonly output: number | null }
  readonly onOutage: 'fallback' | 'wait'
  readonly onCutStream: 'restart' | 'fail'
}

/** How long a prompt is. Counting is dear, so it happens at most once, and only where the bound does not decide. */
export interface PromptSize {
  /** Never less than its tokens. */
  readonly atMost: number
  /** An estimate. */
  count(): number
  /** What was counted; null where nobody needed it. */
  readonly counted: number | null
}

/** What a body says about itself. */
export interface RequestWish {
  readonly needs: ReadonlySet<Capability>
  /** Answers that it asks for. */
  readonly choices: number
  /** The most output tokens per answer that it names; null where it names no limit. */
  readonly outputTokens: number | null
}

export interface RouteRequest {
  /** Weighted draws go by it, so that the same job is always drawn the same way. */
  readonly seed: string
  readonly model: string
  readonly tenant: string
  readonly tags: Readonly<Record<string, string>>
  readonly priority: Priority
  /** As decided. */
  readonly sensitivity: Sensitivity
  readonly prompt: PromptSize
  /** Read at the first call. */
  readonly wish: () => RequestWish
  readonly deadlineMs: number
  readonly nowMs: number
}
