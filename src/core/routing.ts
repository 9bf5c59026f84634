/**
 * Which deployments serve a job, in which order, and why each other one does not. Pure: the catalogue, the signals and the
 * time come in as data.
 *
 *     1. the deployments of the model that was asked for
 *     2. those of its `fallbacks`, then of theirs
 *     3. after `context_too_long` only: those of `context_window_fallbacks`, then of theirs
 *     4. after `content_policy` only: those of `content_policy_fallbacks`, then of theirs
 *
 * Every model goes by its own rules, tiers, weights and strategy (`route-order.ts`), and whatever a deployment can't do for
 * this request leaves it out, wherever it stands (`route-checks.ts`). A prompt that is too long for every deployment of
 * the model goes to 3 at once.
 */
import type { Candidate } from './job.ts'
import { findObstacle, type LeftOut } from './route-checks.ts'
import type { ModelFacts, RouteRequest } from './route-facts.ts'
import { isGone, orderDeployments, type Ranked } from './route-order.ts'
import { findRule } from './route-rules.ts'
import type { RoutingSignals } from './routing-signals.ts'
import type { Residency } from './vocabulary.ts'

/** What routing knows of the configuration. */
export interface Catalogue {
  /** Undefined for an unknown model. */
  modelOf(model: string): ModelFacts | undefined
  /** The deployments that a job for this model may ever come to, by any fallback; undefined for an unknown model. */
  deploymentsOf(model: string): readonly Candidate[] | undefined
  residencyOf(pool: string): Residency
}

/** The pools whose dispatchers may hold a copy of the body of a job for this model. */
export function poolsOf(model: string, catalogue: Pick<Catalogue, 'deploymentsOf'>): string[] {
  return [...new Set((catalogue.deploymentsOf(model) ?? []).map(({ pool }) => pool))]
}

type FallbackKind = NonNullable<Candidate['after']>

export interface RoutedDeployment extends Ranked {
  /** Set where it only serves after this failure. */
  readonly after: FallbackKind | null
}

export interface Routing {
  /** In the order in which they are tried. */
  readonly candidates: readonly RoutedDeployment[]
  /** Each once, whatever the ways that lead to it. */
  readonly leftOut: readonly LeftOut[]
  /** The rule that decided at each model, counted from 1, where one did. */
  readonly rules: ReadonlyMap<string, number>
}

type Models = Pick<Catalogue, 'modelOf'>

/** Nothing qualifies where no candidate is without `after`. An unknown model has no deployments. */
export function routeJob(request: RouteRequest, catalogue: Models, signals: RoutingSignals): Routing {
  const asked = catalogue.modelOf(request.model)
  const walk = new Walk(request, signals)
  if (!asked) return walk.routing([])
  const general = reach([asked], ({ fallbacks }) => fallbacks, catalogue)
  const tooLong = reachAfter('contextWindowFallbacks', general, catalogue)
  const refused = reachAfter('contentPolicyFallbacks', general, catalogue)

  const own = walk.visit(asked)
  const isTooLong = own.length === 0 && walk.hasObstacle(asked, 'context')
  const others = isTooLong ? [...tooLong, ...general.slice(1)] : general.slice(1)
  const always = unique([...own, ...others.flatMap((model) => walk.visit(model))])
  const onlyAfter = (after: FallbackKind, models: readonly ModelFacts[]) =>
    unique(models.flatMap((model) => walk.visit(model))).map((ranked) => ({ ...ranked, after }))
  return walk.routing([
    ...putBack(always, asked).map((ranked) => ({ ...ranked, after: null })),
    ...(isTooLong ? [] : onlyAfter('context_too_long', tooLong)),
    ...onlyAfter('content_policy', refused),
  ])
}

/** All models that a job for this one may come to, itself first. */
export function reachableModels(model: string, catalogue: Models): ModelFacts[] {
  const asked = catalogue.modelOf(model)
  if (!asked) return []
  return reach([asked], (each) => kinds.flatMap((kind) => each[kind]), catalogue)
}

const kinds = ['fallbacks', 'contextWindowFallbacks', 'contentPolicyFallbacks'] as const

/** What a model names comes before what those name in turn; each model once. */
function reach(
  from: readonly ModelFacts[],
  next: (model: ModelFacts) => readonly string[],
  catalogue: Models,
): ModelFacts[] {
  const found = new Map(from.map((model) => [model.name, model]))
  // A map's iteration goes on over what is added meanwhile.
  for (const model of found.values()) {
    for (const name of next(model)) {
      const other = found.has(name) ? undefined : catalogue.modelOf(name)
      if (other) found.set(name, other)
    }
  }
  return [...found.values()]
}

/** Where jobs go after one kind of failure. The model that was asked for has failed that way already. */
function reachAfter(
  kind: 'contextWindowFallbacks' | 'contentPolicyFallbacks',
  general: readonly ModelFacts[],
  catalogue: Models,
): ModelFacts[] {
  const first = general.flatMap((model) => model[kind]).flatMap((name) => catalogue.modelOf(name) ?? [])
  if (first.length === 0) return []
  const all = reach(first, (model) => [...model[kind], ...model.fallbacks], catalogue)
  return all.filter(({ name }) => name !== general[0]?.name)
}

/** A job that can go elsewhere does not wait for what is away or too slow, unless its model says so. */
function putBack(ranked: readonly Ranked[], { onOutage }: ModelFacts): readonly Ranked[] {
  if (onOutage === 'wait') return ranked
  const isBack = ({ stand }: Ranked) => isGone(stand)
  return [...ranked.filter((each) => !isBack(each)), ...ranked.filter(isBack)]
}

function unique(ranked: readonly Ranked[]): Ranked[] {
  return [...new Map(ranked.map((each) => [each.deployment.id, each])).values()]
}

/** Judges and orders each model at most once. */
class Walk {
  readonly #request: RouteRequest
  readonly #signals: RoutingSignals
  readonly #visited = new Map<string, readonly Ranked[]>()
  readonly #leftOut: LeftOut[] = []
  readonly #rules = new Map<string, number>()

  constructor(request: RouteRequest, signals: RoutingSignals) {
    this.#request = request
    this.#signals = signals
  }

  visit(model: ModelFacts): readonly Ranked[] {
    let ranked = this.#visited.get(model.name)
    if (!ranked) {
      ranked = this.#rank(model)
      this.#visited.set(model.name, ranked)
    }
    return ranked
  }

  hasObstacle({ name }: ModelFacts, obstacle: LeftOut['obstacle']): boolean {
    return this.#leftOut.some((each) => each.deployment.model === name && each.obstacle === obstacle)
  }

  routing(candidates: readonly RoutedDeployment[]): Routing {
    return { candidates, leftOut: this.#leftOut, rules: this.#rules }
  }

  #rank(model: ModelFacts): Ranked[] {
    const found = findRule(model, this.#request)
    if (found) this.#rules.set(model.name, found.index + 1)
    const eligible = model.deployments.filter((deployment) => {
      const obstacle = findObstacle(deployment, model, found, this.#request)
      if (obstacle) this.#leftOut.push(obstacle)
      return obstacle === null
    })
    return orderDeployments(eligible, model, found, this.#request, this.#signals)
  }
}

/** What a dispatcher is told of the candidates of a job for this model. */
export function toCandidates(model: string, routed: readonly RoutedDeployment[]): Candidate[] {
  return routed.map(({ deployment, after }) => ({
    deployment: deployment.id,
    pool: deployment.pool,
    ...(deployment.model !== model && { model: deployment.model }),
    ...(after && { after }),
    ...(deployment.contextTokens !== null && { contextTokens: deployment.contextTokens }),
  }))
}
