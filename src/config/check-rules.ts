/** Rules name what there is, and leave somebody to serve. */
import {
  type DeploymentOutline,
  fallbackChain,
  type ModelOutline,
  type RoutingOutline,
  type RuleOutline,
} from './outline.ts'
import type { ConfigPath, Finding } from './problems.ts'
import { describeAllowed } from './suggestion.ts'

export function checkRules(outline: RoutingOutline): Finding[] {
  return Object.entries(outline.models).flatMap(([name, model]) =>
    model.rules.flatMap((rule, index) => checkRule(['models', name, 'rules', index], rule, { name, model, outline })),
  )
}

interface Place {
  readonly name: string
  readonly model: ModelOutline
  readonly outline: RoutingOutline
}

function checkRule(path: ConfigPath, rule: RuleOutline, place: Place): Finding[] {
  const tenants = Object.keys(place.outline.tenants)
  return [
    // A file for dispatchers has no tenants at all.
    ...(tenants.length === 0
      ? []
      : checkNames('tenant', [...path, 'when', 'tenants'], rule.when?.tenants ?? [], tenants)),
    ...checkTargets([...path, 'only'], rule.only, place),
    ...checkTargets([...path, 'prefer'], rule.prefer, place),
    ...checkLeft(path, rule, place),
  ]
}

function checkTargets(path: ConfigPath, targets: RuleOutline['only'], { model, outline }: Place): Finding[] {
  if (!targets) return []
  const ids = model.deployments.flatMap(({ id }) => id ?? [])
  return [
    ...checkNames('deployment of this model', [...path, 'deployments'], targets.deployments ?? [], ids),
    ...checkNames('pool', [...path, 'pools'], targets.pools ?? [], Object.keys(outline.pools)),
  ]
}

function checkNames(
  kind: string,
  path: ConfigPath,
  names: readonly (string | undefined)[],
  allowed: readonly string[],
): Finding[] {
  return names.flatMap((name, index) =>
    name === undefined || allowed.includes(name)
      ? []
      : [{ path: [...path, index], message: `unknown ${kind}`, value: name, advice: describeAllowed(name, allowed) }],
  )
}

function checkLeft(path: ConfigPath, { when, only }: RuleOutline, { name, model, outline }: Place): Finding[] {
  if (!only || (only.deployments ?? only.pools) === undefined) return []
  const { deployments = [], pools = [] } = only
  // A name that is wrong has been told of.
  const known = new Set([...model.deployments.map(({ id }) => id), ...Object.keys(outline.pools)])
  if ([...deployments, ...pools].some((each) => !known.has(each))) return []
  const left = model.deployments.filter(({ id, pool }) => deployments.includes(id) || pools.includes(pool))
  if (left.length === 0) {
    return [{ path: [...path, 'only'], message: 'leaves no deployment of this model' }]
  }
  const isForRestricted = when?.sensitivities.length === 1 && when.sensitivities[0] === 'restricted'
  const others = fallbackChain(outline.models, name).slice(1)
  if (!isForRestricted || [...left, ...others.flatMap((each) => each.deployments)].some(isOnPremises(outline)))
    return []
  const message = 'leaves restricted jobs no deployment'
  return [{ path: [...path, 'only'], message, advice: 'they may only be served on-premises' }]
}

export function isOnPremises({ pools }: RoutingOutline): (deployment: DeploymentOutline) => boolean {
  return ({ pool }) => pool !== undefined && Object.hasOwn(pools, pool) && pools[pool]?.residency === 'onprem'
}
