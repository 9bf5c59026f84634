import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'

type Effort = Exclude<LanguageModelV4CallOptions['reasoning'], undefined | 'provider-default' | 'none'>

const efforts: readonly Effort[] = ['minimal', 'low', 'medium', 'high', 'xhigh', 'max']

/** The effort of those that a model knows which is nearest to the wanted one; of two, the lower. */
export function nearestEffort(wanted: Effort, known: readonly string[]): Effort {
  const position = efforts.indexOf(wanted)
  const distanceTo = (effort: Effort) => Math.abs(efforts.indexOf(effort) - position)
  const candidates = efforts.filter((effort) => known.includes(effort))
  return candidates.toSorted((left, right) => distanceTo(left) - distanceTo(right))[0] ?? wanted
}

const shares: Readonly<Record<Effort, number>> = {
  minimal: 0.1,
  low: 0.2,
  medium: 0.5,
  high: 0.8,
  xhigh: 0.9,
  max: 0.95,
}

/** The share of an answer's tokens that is for thoughts. */
export function thinkingShare(effort: Effort): number {
  return shares[effort]
}

/** The least that Claude takes for a budget. */
const smallestBudgetTokens = 1_024

/**
 * The tokens to think of the tokens that an answer may have in all, for models that want a number; null where there is
 * not enough for both. In OpenAI's dialect the limit on output covers the thoughts, so they are taken out of it.
 */
export function thinkingBudgetTokens(effort: Effort, outputTokens: number): number | null {
  if (outputTokens < 2 * smallestBudgetTokens) return null
  return Math.max(smallestBudgetTokens, Math.floor(outputTokens * shares[effort]))
}
