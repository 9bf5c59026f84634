import type { DeploymentFacts, ModelFacts, RouteRequest, RuleCondition, RuleFacts, RuleTargets } from './route-facts.ts'

export interface FoundRule {
  readonly rule: RuleFacts
  /** Its place in the configuration, from 0. */
  readonly index: number
}

/** The first rule that fits decides; null where none does. */
export function findRule({ rules }: ModelFacts, request: RouteRequest): FoundRule | null {
  const index = rules.findIndex(({ when }) => fits(when, request))
  const rule = rules[index]
  return rule ? { rule, index } : null
}

function fits(when: RuleCondition, request: RouteRequest): boolean {
  const { tags, tenants, priorities, sensitivities } = when
  if (tenants && !tenants.includes(request.tenant)) return false
  if (priorities && !priorities.includes(request.priority)) return false
  if (sensitivities && !sensitivities.includes(request.sensitivity)) return false
  if (!Object.entries(tags).every(([name, value]) => request.tags[name] === value)) return false
  if (when.needs.length > 0 && !when.needs.every((need) => request.wish().needs.has(need))) return false
  return fitsLength(when, request)
}

/** Comes last: it may have to count. */
function fitsLength({ minPromptTokens, maxPromptTokens }: RuleCondition, { prompt }: RouteRequest): boolean {
  if (minPromptTokens !== null && (prompt.atMost < minPromptTokens || prompt.count() < minPromptTokens)) return false
  return maxPromptTokens === null || prompt.atMost <= maxPromptTokens || prompt.count() <= maxPromptTokens
}

/** The place of a deployment among targets, from 0; null where it is none of them. */
export function placeAmong(targets: RuleTargets, { id, pool }: Pick<DeploymentFacts, 'id' | 'pool'>): number | null {
  const own = targets.deployments.indexOf(id)
  if (own >= 0) return own
  const byPool = targets.pools.indexOf(pool)
  return byPool < 0 ? null : targets.deployments.length + byPool
}
