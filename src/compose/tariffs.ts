import type { Config } from '../config/schema.ts'
import type { DeploymentConfig } from '../config/schema-models.ts'
import type { Tariff } from '../pipeline/hold-money.ts'
import { findPrice } from '../pricing/catalogue.ts'
import { priceOf } from '../pricing/price.ts'
import { estimateMargin } from '../pricing/token-counter.ts'

/** For a model that the catalogue does not know and a deployment that does not say. */
const usualOutputTokens = 4096

export function tariffOf({ provider, model, free, price, max_output_tokens: maxOutput }: DeploymentConfig): Tariff {
  return {
    price: priceOf({ provider, model, free: free || provider === 'sandbox', ...(price && { price }) }),
    maxOutputTokens: maxOutput ?? findPrice(provider, model)?.maxOutputTokens ?? usualOutputTokens,
    tokenMargin: estimateMargin(provider),
  }
}

/** The tariffs of all deployments, by id. */
export function tariffsOf(config: Config): Map<string, Tariff> {
  const deployments = Object.values(config.models).flatMap((model) => model.deployments)
  return new Map(deployments.map((deployment) => [deployment.id, tariffOf(deployment)]))
}
