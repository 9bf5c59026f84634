import type { TokenUsage } from './provider.ts'

/** Whole millionths of a US dollar. All money is counted in these: they add up exactly. */
export type MicroUsd = number

/** Micro-USD per million tokens, which is the number of US dollars per million tokens times a million; whole numbers. */
export interface Price {
  readonly input: number
  readonly output: number
  /** Input tokens that the provider had in its cache. */
  readonly cachedInput: number
  /** Output tokens that nobody reads. */
  readonly reasoning: number
}

/** For people and for JSON; never to calculate with. */
export function toUsd(amount: MicroUsd): number {
  return amount / 1_000_000
}

const perTokens = 1_000_000

/** What a call costs, rounded up to a whole micro-dollar. Exact up to 9·10¹⁵ token-prices, beyond any call. */
export function costOf(usage: TokenUsage, price: Price): MicroUsd {
  const cached = Math.min(usage.prompt_tokens, usage.prompt_tokens_details?.cached_tokens ?? 0)
  const reasoning = Math.min(usage.completion_tokens, usage.completion_tokens_details?.reasoning_tokens ?? 0)
  const total =
    (usage.prompt_tokens - cached) * price.input +
    cached * price.cachedInput +
    (usage.completion_tokens - reasoning) * price.output +
    reasoning * price.reasoning
  return Math.ceil(total / perTokens)
}

/** The most that a call can cost: nothing cached, every output token used at the dearer of the two rates. */
export function costAtMost(tokens: { prompt: number; output: number }, price: Price): MicroUsd {
  const dearest = Math.max(price.output, price.reasoning)
  return Math.ceil((tokens.prompt * Math.max(price.input, price.cachedInput) + tokens.output * dearest) / perTokens)
}

/** How many output tokens can be paid for with what is left after the prompt; 0 when none. */
export function outputTokensFor(left: MicroUsd, promptTokens: number, price: Price): number {
  const dearest = Math.max(price.output, price.reasoning)
  const afterPrompt = left * perTokens - promptTokens * Math.max(price.input, price.cachedInput)
  if (afterPrompt <= 0) return 0
  return dearest === 0 ? Number.MAX_SAFE_INTEGER : Math.floor(afterPrompt / dearest)
}
