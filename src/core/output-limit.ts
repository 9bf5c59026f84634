import type { Allowance } from './job.ts'
import { type MicroUsd, outputTokensFor, type Price } from './pricing.ts'

/** How OpenAI's dialects call the limit on output tokens; OpenAI's reasoning models refuse the older name. */
export type OutputLimitField = 'max_tokens' | 'max_completion_tokens'

/**
 * The output limit that keeps one more call within what its job holds. Null: the request's own limit does, or no budget
 * counts the job. 0: nothing is left to call with. The upstream is told the limit that the hold was made for: without
 * one a long answer would cost more than anybody reserved.
 */
export function limitOutput(input: {
  allowance: Allowance | undefined
  /** What the attempts before this one cost. */
  spent: MicroUsd
  price: Price | null
  /** The most that the deployment writes in one answer. */
  maxOutputTokens: number
}): number | null {
  const { allowance, spent, price, maxOutputTokens } = input
  if (!allowance || !price) return null
  const all = outputTokensFor(allowance.reserved - spent, allowance.promptTokens, price)
  const perAnswer = Math.floor(all / allowance.choices)
  if (allowance.outputTokens !== null && allowance.outputTokens <= perAnswer) return null
  return Math.min(perAnswer, allowance.outputTokens ?? maxOutputTokens)
}

/** A chat body with this limit instead of its own, if it has any. */
export function withOutputLimit(bodyJson: string, tokens: number, field: OutputLimitField): string {
  const { max_tokens: _old, max_completion_tokens: _new, ...body } = JSON.parse(bodyJson)
  return JSON.stringify({ ...body, [field]: tokens })
}
