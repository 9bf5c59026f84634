import { usualCapabilities } from '../config/provider-capabilities.ts'
import type { Config } from '../config/schema.ts'
import type { DeploymentConfig, ModelConfig, RuleConfig } from '../config/schema-models.ts'
import { leavesPremises } from '../config/upstream-place.ts'
import type { BreakerPolicy, GateLimits } from '../core/gate.ts'
import type { Candidate } from '../core/job.ts'
import type { DeploymentFacts, ModelFacts, RuleFacts, RuleTargets } from '../core/route-facts.ts'
import { type Catalogue, reachableModels } from '../core/routing.ts'
import { findPrice, toMicroUsd } from '../pricing/catalogue.ts'
import { tariffOf } from './tariffs.ts'

/** What routing knows of a configuration. */
export function createCatalogue(config: Config): Catalogue {
  const models = new Map(
    Object.entries(config.models).map(([name, model]) => [name, toModelFacts(name, model, config)]),
  )
  const modelOf = (name: string) => models.get(name)
  const reachable = new Map(
    [...models.keys()].map((name) => [
      name,
      reachableModels(name, { modelOf }).flatMap(({ deployments }) => deployments.map(toPlace)),
    ]),
  )
  return {
    modelOf,
    deploymentsOf: (model) => reachable.get(model),
    residencyOf: (pool) => config.pools[pool]?.residency ?? 'cloud',
  }
}

function toPlace({ id, pool }: DeploymentFacts): Candidate {
  return { deployment: id, pool }
}

function toModelFacts(name: string, model: ModelConfig, config: Config): ModelFacts {
  const { input, output } = model.max_price ?? {}
  const ceilingOf = (usd: number | undefined) => (usd === undefined ? null : toMicroUsd(usd))
  return {
    name,
    strategy: model.strategy,
    deployments: model.deployments.map((deployment) => toDeploymentFacts(name, deployment, config)),
    rules: model.rules.map(toRuleFacts),
    fallbacks: model.fallbacks,
    contextWindowFallbacks: model.context_window_fallbacks,
    contentPolicyFallbacks: model.content_policy_fallbacks,
    maxPrice: { input: ceilingOf(input), output: ceilingOf(output) },
    onOutage: model.on_outage,
    onCutStream: model.on_cut_stream,
  }
}

function toDeploymentFacts(model: string, deployment: DeploymentConfig, config: Config): DeploymentFacts {
  const { id, pool, provider, tier, weight, per_node: isPerNode } = deployment
  return {
    id,
    model,
    pool,
    residency: config.pools[pool]?.residency ?? 'cloud',
    leavesPremises: leavesPremises(deployment),
    provider,
    tier,
    weight: weight ?? null,
    price: tariffOf(deployment).price,
    contextTokens: contextTokensOf(deployment),
    capabilities: new Set(deployment.capabilities ?? usualCapabilities(provider, deployment.model)),
    limits: gateLimitsOf(deployment),
    breaker: breakerPolicyOf(config),
    isPerNode,
  }
}

/** Ollama cuts what is longer than the context it has loaded, without a word; that one counts. */
function contextTokensOf({ provider, model, context_tokens: own, num_ctx: loaded }: DeploymentConfig): number | null {
  const given = [own, loaded].filter((tokens) => tokens !== undefined)
  return given.length > 0 ? Math.min(...given) : (findPrice(provider, model)?.contextWindow ?? null)
}

/** The limits of a deployment's gate. */
export function gateLimitsOf({ rpm, tpm, max_parallel: parallel }: DeploymentConfig): GateLimits {
  return { requestsPerMinute: rpm ?? null, tokensPerMinute: tpm ?? null, parallel: parallel ?? null }
}

/** When the breakers of a configuration open. */
export function breakerPolicyOf({ breaker }: Pick<Config, 'breaker'>): BreakerPolicy {
  const { failures, window: windowMs, open: openMs, max_open: maxOpenMs } = breaker
  return { failures, windowMs, openMs, maxOpenMs }
}

function toRuleFacts({ when, only, prefer, strategy }: RuleConfig): RuleFacts {
  return {
    when: {
      tags: when.tags ?? {},
      tenants: when.tenants ?? null,
      priorities: when.priorities ?? null,
      sensitivities: when.sensitivities ?? null,
      minPromptTokens: when.min_prompt_tokens ?? null,
      maxPromptTokens: when.max_prompt_tokens ?? null,
      needs: when.needs ?? [],
    },
    only: toTargets(only),
    prefer: toTargets(prefer),
    strategy: strategy ?? null,
  }
}

function toTargets(targets: RuleConfig['only']): RuleTargets | null {
  return targets ? { deployments: targets.deployments ?? [], pools: targets.pools ?? [] } : null
}
