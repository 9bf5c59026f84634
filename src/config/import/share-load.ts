import type { Strategy } from '../../core/route-facts.ts'
import type { DeploymentDraft, ImportContext, ModelDraft } from './drafts.ts'
import type { Section } from './sections.ts'

const strategies: Readonly<Record<string, Strategy>> = {
  'simple-shuffle': 'ordered',
  'least-busy': 'least-busy',
  'latency-based-routing': 'fastest',
  'cost-based-routing': 'cheapest',
  'usage-based-routing': 'least-busy',
  'usage-based-routing-v2': 'least-busy',
}

/** The strategy of all models. */
export function readStrategy(router: Section | undefined): { strategy: Strategy; isShuffle: boolean } {
  const name = router?.text('routing_strategy') ?? 'simple-shuffle'
  const strategy = Object.hasOwn(strategies, name) ? strategies[name] : undefined
  if (strategy === undefined) {
    router?.tell(
      'lost',
      'routing_strategy',
      `there is no strategy ${name}`,
      'see docs/routing.md for those that there are',
    )
    return { strategy: 'ordered', isShuffle: true }
  }
  if (name.startsWith('usage-based')) {
    const why = 'least-busy comes closest: limits per minute are kept over all dispatchers whatever the strategy'
    router?.tell('changed', 'routing_strategy', why)
  }
  return { strategy, isShuffle: name === 'simple-shuffle' }
}

/**
 * Tiers by `order`, and within a tier the shares that simple-shuffle gives: by `weight`, else by `rpm`, else by `tpm`, if
 * the first deployment has it, and else equal ones. Other strategies of LiteLLM don't look at weights.
 */
export function shareLoad(model: ModelDraft, isShuffle: boolean, { report }: ImportContext): void {
  const { deployments } = model
  const orders = [...new Set(deployments.flatMap(({ order }) => order ?? []))].sort((left, right) => left - right)
  for (const deployment of deployments) {
    // Those without an order come last, after all that have one.
    const tier = deployment.order === null ? orders.length + 1 : orders.indexOf(deployment.order) + 1
    if (orders.length > 0) deployment.tier = Math.min(100, tier)
  }
  const tiers = Map.groupBy(deployments, ({ tier }) => tier ?? 1)
  for (const members of tiers.values()) {
    if (members.length < 2) continue
    if (isShuffle) shareTier(model, members, report)
    else if (members.some(({ weight }) => weight !== null)) {
      for (const { place, weight } of members) {
        if (weight === null) continue
        const at = { ...place, path: [...place.path, 'weight'] }
        report.add('native', at, 'is only looked at by simple-shuffle, in LiteLLM too')
      }
    }
  }
}

function shareTier(model: ModelDraft, members: readonly DeploymentDraft[], report: ImportContext['report']): void {
  const by = (['weight', 'rpm', 'tpm'] as const).find((key) => members[0]?.[key] !== null)
  const shares = scale(members.map((each) => (by === undefined ? 1 : (each[by] ?? 0))))
  for (const [index, each] of members.entries()) each.share = shares[index] ?? 1
  if (by === undefined) model.notes.push('LiteLLM shuffles: every deployment of a tier gets an equal share.')
  if (by === undefined || by === 'weight') return
  model.notes.push(`LiteLLM shuffles by ${by}: the weights are those figures, and each is a limit as well.`)
  for (const { place } of members) {
    const at = { ...place, path: [...place.path, by] }
    report.add(
      'changed',
      at,
      `with simple-shuffle it is a weight; here it is a weight and a limit`,
      `remove ${by} where it should be no limit`,
    )
  }
}

/** Whole numbers in the same proportion, as small as they can be. */
function scale(values: readonly number[]): number[] {
  const largest = Math.max(...values)
  if (largest <= 0) return values.map(() => 1)
  // Fractions become whole by a power of ten, or are rounded; nothing is larger than a weight may be.
  const power = [1, 10, 100, 1_000, 10_000].find((each) => values.every((value) => isWhole(value * each)))
  const factor = power === undefined ? 10_000 / largest : Math.min(power, 1_000_000 / largest)
  const whole = values.map((value) => Math.max(value > 0 ? 1 : 0, Math.round(value * factor)))
  const divisor = whole.reduce(greatestCommonDivisor, 0)
  return whole.map((value) => value / Math.max(1, divisor))
}

function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-9 * Math.max(1, value)
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right)
}
