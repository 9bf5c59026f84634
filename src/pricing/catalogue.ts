import type { Price } from '../core/pricing.ts'
import { claudeOnBedrock } from './bedrock-names.ts'
import { type PriceList, type PriceRow, priceLists } from './price-lists.ts'

/** What one model costs and holds. */
export interface CataloguePrice {
  readonly provider: string
  readonly model: string
  readonly price: Price
  /** What a call costs in the vendor's batch API, as a share of the price. */
  readonly batchFactor: number
  /** In tokens, input and output together. */
  readonly contextWindow: number
  readonly maxOutputTokens: number
}

/** How OpenRouter calls vendors that have a list of their own here. */
const vendorsAtOpenRouter: Readonly<Record<string, string>> = {
  openai: 'openai',
  anthropic: 'anthropic',
  google: 'google',
  'x-ai': 'xai',
  mistralai: 'mistral',
  cohere: 'cohere',
}

/** `gpt-4o-2024-08-06`, `claude-sonnet-4-5-20250929`, `codestral-latest`: a moment of a model, at the model's price. */
const datePattern = /-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/

const index = new Map(
  Object.entries(priceLists).map(([provider, list]) => [
    provider,
    new Map(list.rows.map((row) => [row[0].toLowerCase(), toEntry(provider, list, row)])),
  ]),
)

/**
 * The price of a provider's model, or null for one that the release does not know: the name as it is first, then without
 * its date. Names that only look alike find nothing, since a wrong price is worse than none.
 */
export function findPrice(provider: string, model: string): CataloguePrice | null {
  const name = model.toLowerCase()
  if (provider === 'bedrock') return lookUp('anthropic', claudeOnBedrock(name) ?? '')
  const found = lookUp(provider === 'gemini' ? 'google' : provider, name)
  if (found || provider !== 'openrouter') return found
  const [vendor = '', rest = ''] = name.split('/', 2)
  const list = vendorsAtOpenRouter[vendor]
  if (list === undefined) return null
  // OpenRouter writes Anthropic's versions with a dot: `claude-sonnet-4.5`.
  return lookUp(list, rest) ?? (vendor === 'anthropic' ? lookUp(list, rest.replaceAll('.', '-')) : null)
}

function lookUp(provider: string, name: string): CataloguePrice | null {
  const prices = index.get(provider)
  return prices?.get(name) ?? prices?.get(name.replace(datePattern, '')) ?? null
}

function toEntry(provider: string, list: PriceList, row: PriceRow): CataloguePrice {
  const [model, input, cachedInput, output, contextWindow, maxOutputTokens] = row
  const price = {
    input: toMicroUsd(input),
    cachedInput: toMicroUsd(cachedInput),
    output: toMicroUsd(output),
    // No vendor on these lists prices the tokens of reasoning apart from the answer's.
    reasoning: toMicroUsd(output),
  }
  return { provider, model, price, batchFactor: list.batchFactor, contextWindow, maxOutputTokens }
}

/** US dollars per million tokens as micro-USD per million tokens. */
export function toMicroUsd(usd: number): number {
  return Math.round(usd * 1_000_000)
}
