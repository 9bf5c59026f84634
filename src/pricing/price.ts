import type { Price } from '../core/pricing.ts'
import { findPrice, toMicroUsd } from './catalogue.ts'

/** A price as configuration has it: US dollars per million tokens. */
export interface ConfiguredPrice {
  readonly input: number
  readonly output: number
  readonly cached_input?: number | undefined
  readonly reasoning?: number | undefined
}

/** What the tokens of a deployment cost: its own price before the catalogue's. Null when it is free, or unknown. */
export function priceOf(deployment: {
  readonly provider: string
  readonly model: string
  readonly free: boolean
  readonly price?: ConfiguredPrice | undefined
}): Price | null {
  const { provider, model, free, price } = deployment
  if (free) return null
  if (!price) return findPrice(provider, model)?.price ?? null
  return {
    input: toMicroUsd(price.input),
    output: toMicroUsd(price.output),
    cachedInput: toMicroUsd(price.cached_input ?? price.input),
    reasoning: toMicroUsd(price.reasoning ?? price.output),
  }
}
