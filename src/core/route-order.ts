import { costAtMost, type MicroUsd, type Price } from './pricing.ts'
import { drawFor, weightedPlace } from './route-draw.ts'
import type { DeploymentFacts, ModelFacts, RouteRequest, Strategy } from './route-facts.ts'
import { type FoundRule, placeAmong } from './route-rules.ts'
import { answerTokens, expectedAnswerMs, type Stand, standOf } from './route-standing.ts'
import type { DeploymentSignals, RoutingSignals } from './routing-signals.ts'

export interface Ranked {
  readonly deployment: DeploymentFacts
  readonly stand: Stand
}

/** Of ten jobs, one tries a deployment whose speed nobody knows. */
const explored = 0.1
/** Longer than any answer takes. */
const unknownMs = 1e9

/**
 * The deployments of one model in the order in which they are tried. Each line decides between those that the lines before
 * it leave equal:
 *
 *     those that can answer now or soon, before those that are late or away
 *     those with a weight other than 0
 *     those that are not busy
 *     those that the rule prefers, in its order
 *     the lower tier
 *     in a tier with weights: a weighted draw; in one without: the strategy
 *     the order of the configuration
 */
export function orderDeployments(
  deployments: readonly DeploymentFacts[],
  model: ModelFacts,
  found: FoundRule | null,
  request: RouteRequest,
  signals: RoutingSignals,
): Ranked[] {
  if (deployments.length === 1) {
    return deployments.map((deployment) => ({
      deployment,
      stand: standOf(deployment, signals.of(deployment.id), request),
    }))
  }
  const drawnTiers = new Set(model.deployments.flatMap(({ weight, tier }) => (weight === null ? [] : [tier])))
  const scoreOf = createScore(found?.rule.strategy ?? model.strategy, deployments, request)
  const prefer = found?.rule.prefer ?? null
  const rows = deployments.map((deployment) => {
    const known = signals.of(deployment.id)
    const stand = standOf(deployment, known, request)
    const { id, tier, weight } = deployment
    const isDrawn = drawnTiers.has(tier)
    const places = [
      isGone(stand) ? 1 : 0,
      weight === 0 ? 1 : 0,
      stand.standing === 'ready' ? 0 : 1,
      stand.standing === 'away' ? 1 : 0,
      (prefer && placeAmong(prefer, deployment)) ?? Number.MAX_SAFE_INTEGER,
      tier,
      isDrawn ? weightedPlace(request.seed, id, weight ?? 1) : scoreOf(deployment, known),
    ]
    return { deployment, stand, places }
  })
  // Sorting is stable: what is equal stays in the order of the configuration.
  return rows.sort((left, right) => comparePlaces(left.places, right.places))
}

/** Too late or not there: of no use to a job that can go elsewhere. */
export function isGone({ standing }: Stand): boolean {
  return standing === 'late' || standing === 'away'
}

function comparePlaces(left: readonly number[], right: readonly number[]): number {
  for (const [index, place] of left.entries()) {
    const other = right[index] ?? 0
    if (place !== other) return place < other ? -1 : 1
  }
  return 0
}

/** The lowest goes first. */
type Score = (deployment: DeploymentFacts, signals: DeploymentSignals) => number

function createScore(strategy: Strategy, deployments: readonly DeploymentFacts[], request: RouteRequest): Score {
  if (strategy === 'cheapest') return createPriceScore(deployments, request)
  if (strategy === 'fastest') return createSpeedScore(request)
  if (strategy === 'least-busy') {
    // Equals share the work instead of all being sent to the first one until the next look.
    return ({ id }, { load }) => load + drawFor(request.seed, id) / 2
  }
  return () => 0
}

function createPriceScore(deployments: readonly DeploymentFacts[], request: RouteRequest): Score {
  const prices = deployments.flatMap(({ price }) => price ?? [])
  // Where whoever asks less for input asks less for output, too, the length of the prompt changes nothing.
  if (areNested(prices)) return ({ price }) => (price ? price.input + price.output : 0)
  return ({ price }) => estimateCost(price, request)
}

function areNested(prices: readonly Price[]): boolean {
  const sorted = prices.toSorted((left, right) => left.input - right.input || left.output - right.output)
  return sorted.every((price, index) => index === 0 || (sorted[index - 1]?.output ?? 0) <= price.output)
}

/** What a call costs by the estimated tokens of its prompt and of a usual answer: for comparing, not for budgets. */
export function estimateCost(price: Price | null, { prompt, wish }: RouteRequest): MicroUsd {
  if (price === null) return 0
  return costAtMost({ prompt: prompt.count(), output: wish().choices * answerTokens(wish()) }, price)
}

/**
 * A speed that nobody knows is found out by trying: one job of ten begins with those, in an order drawn for it; for the
 * others they come after the known ones. Where none is known, every job tries them in an order drawn for it.
 */
function createSpeedScore(request: RouteRequest): Score {
  const explores = drawFor(request.seed, 'explores') < explored
  return ({ id }, signals) => {
    const expectedMs = expectedAnswerMs(signals, request)
    if (expectedMs !== null) return expectedMs
    return drawFor(request.seed, id) + (explores ? -1 : unknownMs)
  }
}
