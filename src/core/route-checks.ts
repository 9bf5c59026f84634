import { capabilities as allCapabilities } from './capabilities.ts'
import type { DeploymentFacts, ModelFacts, RouteRequest } from './route-facts.ts'
import { type FoundRule, placeAmong } from './route-rules.ts'
import { formFor } from './sensitivity.ts'
import type { Sensitivity } from './vocabulary.ts'

/** Why a deployment can't serve a request, now or later. */
type Obstacle = 'class' | 'rule' | 'capability' | 'context' | 'price'

export interface LeftOut {
  readonly deployment: DeploymentFacts
  readonly obstacle: Obstacle
  /** In words, with the numbers; no content. */
  readonly reason: string
}

/**
 * The first thing that keeps a deployment from serving a request; null where nothing does. Nothing that passes by itself
 * is one: a breaker, a limit or a node that is away only costs a deployment its place.
 */
export function findObstacle(
  deployment: DeploymentFacts,
  model: ModelFacts,
  found: FoundRule | null,
  request: RouteRequest,
): LeftOut | null {
  const leave = (obstacle: Obstacle, reason: string): LeftOut => ({ deployment, obstacle, reason })
  const unseen = forbiddenClass(deployment, request.sensitivity)
  if (unseen !== null) return leave('class', unseen)
  if (found?.rule.only && placeAmong(found.rule.only, deployment) === null) {
    return leave('rule', `rule ${found.index + 1} of ${model.name} lets only others serve`)
  }
  const lacking = lackingCapabilities(deployment, request)
  if (lacking.length > 0) return leave('capability', `it lacks ${lacking.join(', ')}`)
  const dear = aboveCeiling(deployment, model)
  if (dear !== null) return leave('price', dear)
  const long = beyondContext(deployment, request)
  return long === null ? null : leave('context', long)
}

function forbiddenClass(deployment: DeploymentFacts, sensitivity: Sensitivity): string | null {
  const { residency, leavesPremises, pool } = deployment
  if (formFor(sensitivity, residency) === null) return `${pool} is a cloud pool, the job is ${sensitivity}`
  // What an on-premises pool gets is not masked.
  if (residency === 'onprem' && leavesPremises && sensitivity !== 'public') {
    return `its upstream is a cloud, ${pool} gets no masked text, the job is ${sensitivity}`
  }
  return null
}

function lackingCapabilities({ capabilities }: DeploymentFacts, request: RouteRequest): string[] {
  // Nobody reads a body of megabytes to find that everything is there.
  if (capabilities.size === allCapabilities.length) return []
  return [...request.wish().needs].filter((need) => !capabilities.has(need))
}

function aboveCeiling({ price }: DeploymentFacts, { maxPrice }: ModelFacts): string | null {
  if (price === null) return null
  for (const [side, ceiling] of Object.entries(maxPrice) as ['input' | 'output', number | null][]) {
    if (ceiling === null || price[side] <= ceiling) continue
    const [costs, most] = [price[side], ceiling].map((amount) => amount / 1_000_000)
    return `its ${side} costs $${costs} per million tokens, max_price is $${most}`
  }
  return null
}

function beyondContext({ contextTokens }: DeploymentFacts, { prompt, wish }: RouteRequest): string | null {
  // Each text of a request for embeddings has the context for itself.
  if (contextTokens === null || wish().needs.has('embeddings')) return null
  const answer = wish().outputTokens ?? leastAnswer
  if (prompt.atMost + answer <= contextTokens) return null
  const counted = prompt.count()
  if (counted + answer <= contextTokens) return null
  return `its context has ${contextTokens} tokens, the prompt about ${counted} and the answer ${wish().outputTokens === null ? 'some' : answer}`
}

/** An answer that no request limits needs some room, too. */
const leastAnswer = 1
