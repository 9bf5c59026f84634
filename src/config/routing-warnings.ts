/** What routing will do that a file may not have meant. */
import { findPrice } from '../pricing/catalogue.ts'
import { priceOf } from '../pricing/price.ts'
import type { ConfigPath, Finding } from './problems.ts'
import type { Config } from './schema.ts'
import type { DeploymentConfig, ModelConfig } from './schema-models.ts'

export function findRoutingWarnings(config: Config): readonly Finding[] {
  return Object.entries(config.models).flatMap(([name, model]) => {
    const path = ['models', name]
    return [
      ...findPartWeights(path, model),
      ...findDeadRules(path, model),
      ...findPriceless(path, model),
      ...findSmallerWindows(path, model, config),
      ...findCloudFallbacks(path, model, config),
      ...model.deployments.flatMap((each, index) => findIdleKeys([...path, 'deployments', index], each)),
    ]
  })
}

/** A weight beside none is a guess at what the other one is. */
function findPartWeights(path: ConfigPath, { deployments }: ModelConfig): Finding[] {
  const weighed = new Set(deployments.flatMap(({ tier, weight }) => (weight === undefined ? [] : [tier])))
  return deployments.flatMap(({ tier, weight }, index) => {
    if (weight !== undefined || !weighed.has(tier)) return []
    const message = `is missing; others of tier ${tier} have one, so it counts as 1`
    return [{ path: [...path, 'deployments', index, 'weight'], message }]
  })
}

function findDeadRules(path: ConfigPath, { rules }: ModelConfig): Finding[] {
  const all = rules.findIndex(({ when }) => Object.keys(when).length === 0)
  if (all < 0 || all === rules.length - 1) return []
  const message = `is never reached: rule ${all + 1} fits every job`
  return [{ path: [...path, 'rules', all + 1], message }]
}

function findPriceless(path: ConfigPath, { max_price: most, deployments }: ModelConfig): Finding[] {
  if (!most) return []
  const isAbove = (deployment: DeploymentConfig) => {
    const price = priceOf({ ...deployment, free: deployment.free || deployment.provider === 'sandbox' })
    if (price === null) return false
    const sides = [
      [price.input, most.input],
      [price.output, most.output],
    ] as const
    return sides.some(([asked, ceiling]) => ceiling !== undefined && asked > ceiling * 1_000_000)
  }
  const message = 'is less than every deployment of this model asks: none is left'
  return deployments.every(isAbove) ? [{ path: [...path, 'max_price'], message }] : []
}

/** Who goes on because a prompt was too long needs more room, not as much. */
function findSmallerWindows(path: ConfigPath, model: ModelConfig, { models }: Config): Finding[] {
  const own = windowOf(model)
  return model.context_window_fallbacks.flatMap((name, index) => {
    const other = models[name]
    const room = other && windowOf(other)
    if (!own || !room || room > own) return []
    const message = `takes ${room} tokens, no more than this model with ${own}`
    return [{ path: [...path, 'context_window_fallbacks', index], message }]
  })
}

/** The most tokens that a deployment of the model takes; undefined where one of them may take any number. */
function windowOf({ deployments }: ModelConfig): number | undefined {
  const windows = deployments.map(
    ({ provider, model, context_tokens: own, num_ctx: loaded }) =>
      own ?? loaded ?? findPrice(provider, model)?.contextWindow,
  )
  const known = windows.filter((tokens) => tokens !== undefined)
  return known.length === windows.length ? Math.max(...known) : undefined
}

/** A model that is served at home, and goes on in the cloud. */
function findCloudFallbacks(path: ConfigPath, model: ModelConfig, { models, pools }: Config): Finding[] {
  const isInside = ({ pool }: DeploymentConfig) => pools[pool]?.residency === 'onprem'
  if (!model.deployments.every(isInside)) return []
  return model.fallbacks.flatMap((name, index) => {
    const other = models[name]
    if (!other || other.deployments.some(isInside)) return []
    const message = 'has cloud deployments only: restricted jobs do not go on to it, internal ones do, masked'
    return [{ path: [...path, 'fallbacks', index], message }]
  })
}

const homes = {
  keep_alive: 'ollama',
  num_ctx: 'ollama',
  api_version: 'azure',
  aws: 'bedrock',
} as const

function findIdleKeys(path: ConfigPath, deployment: DeploymentConfig): Finding[] {
  return Object.entries(homes).flatMap(([key, provider]) =>
    deployment[key as keyof typeof homes] === undefined || deployment.provider === provider
      ? []
      : [{ path: [...path, key], message: `has no effect: it is for ${provider}` }],
  )
}
