import type { Residency } from '../../core/vocabulary.ts'
import { findPrice } from '../../pricing/catalogue.ts'
import type { ProviderName } from '../provider-presets.ts'
import type { ImportContext } from './drafts.ts'
import { toVariableName } from './environment.ts'
import type { Section } from './sections.ts'

interface Priced {
  readonly id: string
  readonly provider: ProviderName
  readonly model: string
  readonly residency: Residency
  readonly baseModel: string | undefined
}

interface PriceSettings {
  readonly free?: true
  readonly price?: Readonly<Record<string, number | string>>
  readonly note?: string
}

/**
 * What calls cost: as the file says, nothing in the house, as the catalogue knows, or else a question that must be
 * answered before Sluice starts, since spending that nobody counts would pass every budget.
 */
export function readPrice(
  priced: Priced,
  { params, info }: { params: Section; info: Section | undefined },
  { environment, report }: ImportContext,
): PriceSettings {
  const per = (key: string) => [params, info].map((each) => each?.number(key)).find((value) => value !== undefined)
  const input = per('input_cost_per_token')
  const output = per('output_cost_per_token')
  const cached = per('cache_read_input_token_cost')
  if (input !== undefined || output !== undefined) {
    if ((input ?? 0) === 0 && (output ?? 0) === 0) return { free: true }
    return {
      price: {
        input: perMillion(input ?? 0),
        output: perMillion(output ?? 0),
        ...(cached !== undefined && { cached_input: perMillion(cached) }),
      },
    }
  }
  const { provider, model, residency, baseModel, id } = priced
  if (residency === 'onprem') return { free: true }
  if (findPrice(provider, model)) return {}
  const known = findElsewhere(provider, model, baseModel)
  if (known) {
    const { price, model: name } = known
    return {
      price: {
        input: price.input / million,
        output: price.output / million,
        cached_input: price.cachedInput / million,
      },
      note: `The price is that of ${name} in the catalogue.`,
    }
  }
  const variable = (side: string) => `PRICE_${toVariableName(id.toUpperCase())}_${side}`
  const why = 'the catalogue does not know what this model costs'
  report.add(
    'needed',
    params.placeOf('model'),
    why,
    `set ${variable('INPUT')} and ${variable('OUTPUT')}, or write \`price\``,
  )
  const refer = (side: string) =>
    environment.refer(variable(side), 'dollars', `dollars per million ${side.toLowerCase()} tokens of ${id}`)
  return {
    price: { input: refer('INPUT'), output: refer('OUTPUT') },
    note: 'US dollars per million tokens: the catalogue does not know.',
  }
}

const million = 1_000_000

function perMillion(perToken: number): number {
  return Number((perToken * million).toPrecision(12))
}

/** The same model at its maker's: Azure has OpenAI's prices, Bedrock and Gemini those of the models' makers. */
function findElsewhere(provider: ProviderName, model: string, baseModel: string | undefined) {
  const names = [baseModel, model].flatMap((name) => (name === undefined ? [] : [name.replace(/^[a-z_]{1,40}\//, '')]))
  for (const name of names) {
    if (provider === 'azure')
      return findPrice('openai', name) ?? (baseModel === undefined ? null : findPrice('openai', model))
    if (provider === 'gemini') return findPrice('google', name)
    const claude = /^(?:[a-z]{2,6}\.)?anthropic\.(claude-[a-z0-9-]{1,60}?)(?:-v\d{1,2}(?::\d{1,2})?)?$/.exec(name)?.[1]
    if (provider === 'bedrock') return claude === undefined ? null : findPrice('anthropic', claude)
    const found = baseModel === undefined ? null : findPrice(provider, name)
    if (found) return found
  }
  return null
}
