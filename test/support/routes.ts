import { type Capability, capabilities } from '../../src/core/capabilities.ts'
import type { GateView } from '../../src/core/gate.ts'
import type { Price } from '../../src/core/pricing.ts'
import type { DeploymentFacts, ModelFacts, RouteRequest, RuleFacts } from '../../src/core/route-facts.ts'
import { type Catalogue, routeJob } from '../../src/core/routing.ts'
import { type DeploymentSignals, type RoutingSignals, unknownSignals } from '../../src/core/routing-signals.ts'

/** Micro-USD per million tokens. */
export function priced(input: number, output: number): Price {
  return { input, output, cachedInput: input, reasoning: output }
}

/** A deployment that can do everything, costs nothing and stands in the pool `studio`. */
export function deployment(id: string, facts: Partial<DeploymentFacts> = {}): DeploymentFacts {
  return {
    id,
    model: 'm',
    pool: 'studio',
    residency: 'onprem',
    leavesPremises: false,
    provider: 'openai-compatible',
    tier: 1,
    weight: null,
    price: null,
    contextTokens: null,
    capabilities: new Set(capabilities),
    limits: { requestsPerMinute: null, tokensPerMinute: null, parallel: null },
    breaker: { failures: 5, windowMs: 60_000, openMs: 10_000, maxOpenMs: 120_000 },
    isPerNode: false,
    ...facts,
  }
}

export const inCloud = { pool: 'cloud', residency: 'cloud' } as const

export function model(
  name: string,
  deployments: readonly DeploymentFacts[],
  facts: Partial<ModelFacts> = {},
): ModelFacts {
  return {
    name,
    strategy: 'ordered',
    deployments: deployments.map((each) => ({ ...each, model: name })),
    rules: [],
    fallbacks: [],
    contextWindowFallbacks: [],
    contentPolicyFallbacks: [],
    maxPrice: { input: null, output: null },
    onOutage: 'fallback',
    onCutStream: 'restart',
    ...facts,
  }
}

export function rule(when: Partial<RuleFacts['when']>, then: Partial<Omit<RuleFacts, 'when'>>): RuleFacts {
  return {
    when: {
      tags: {},
      tenants: null,
      priorities: null,
      sensitivities: null,
      minPromptTokens: null,
      maxPromptTokens: null,
      needs: [],
      ...when,
    },
    only: null,
    prefer: null,
    strategy: null,
    ...then,
  }
}

export interface RequestSketch extends Partial<Omit<RouteRequest, 'prompt' | 'wish'>> {
  readonly promptTokens?: number
  /** The bound of the prompt; as many as there are tokens unless given. */
  readonly promptBytes?: number
  readonly needs?: readonly Capability[]
  readonly outputTokens?: number | null
  readonly onCount?: () => void
}

/** A public chat of ten tokens, an hour before its deadline. */
export function request(sketch: RequestSketch = {}): RouteRequest {
  const {
    promptTokens = 10,
    promptBytes = promptTokens,
    needs = ['chat'],
    outputTokens = null,
    onCount,
    ...facts
  } = sketch
  return {
    seed: 'job_1',
    model: 'm',
    tenant: 'acme',
    tags: {},
    priority: 'standard',
    sensitivity: 'public',
    deadlineMs: 3_600_000,
    nowMs: 0,
    ...facts,
    prompt: {
      atMost: promptBytes,
      counted: null,
      count: () => {
        onCount?.()
        return promptTokens
      },
    },
    wish: () => ({ needs: new Set(needs), choices: 1, outputTokens }),
  }
}

export function gate(facts: Partial<GateView>): GateView {
  return { gate: 'g', breaker: 'closed', closed: null, running: 0, parked: 0, failures: 0, ...facts }
}

export const openBreaker = gate({
  breaker: 'open',
  closed: { reason: 'breaker', opensAtMs: 8_000 },
  failures: 5,
})

export function signals(known: Readonly<Record<string, Partial<DeploymentSignals>>> = {}): RoutingSignals {
  return {
    of: (id) => ({ ...unknownSignals, ...known[id] }),
    chose: () => {},
  }
}

export function catalogueOf(models: readonly ModelFacts[]): Pick<Catalogue, 'modelOf'> {
  return { modelOf: (name) => models.find((each) => each.name === name) }
}

/** Ids of the candidates in order; those for one failure only behind its name: `context_too_long:big`. */
export function route(
  models: readonly ModelFacts[],
  sketch: RequestSketch = {},
  known: Parameters<typeof signals>[0] = {},
): string[] {
  const { candidates } = routeJob(request(sketch), catalogueOf(models), signals(known))
  return candidates.map(({ deployment: { id }, after }) => (after ? `${after}:${id}` : id))
}

/** Why each deployment was left out. */
export function reasons(models: readonly ModelFacts[], sketch: RequestSketch = {}): Record<string, string> {
  const { leftOut } = routeJob(request(sketch), catalogueOf(models), signals())
  return Object.fromEntries(leftOut.map((each) => [each.deployment.id, `${each.obstacle}: ${each.reason}`]))
}
