import type { Config } from '../config/schema.ts'
import type { GateSettings } from '../core/gate.ts'
import { breakerPolicyOf, gateLimitsOf } from './catalogue.ts'

/**
 * The gates that a node may ask about. A deployment that every node has for itself has a gate per node: those of its own
 * pool are this node's, those of other pools it knows nothing of.
 */
export function gatesOf(
  config: Config,
  at: { readonly pool: string; readonly node: string },
): ReadonlyMap<string, GateSettings> {
  const breaker = breakerPolicyOf(config)
  const deployments = Object.values(config.models).flatMap((model) => {
    const strategies = [model.strategy, ...model.rules.map(({ strategy }) => strategy)]
    const countsRunning = strategies.includes('least-busy')
    return model.deployments.map((deployment) => ({ ...deployment, countsRunning }))
  })
  return new Map(
    deployments
      .filter(({ per_node: isPerNode, pool }) => !isPerNode || pool === at.pool)
      .map((deployment) => {
        const { id, per_node: isPerNode, countsRunning } = deployment
        const gate = isPerNode ? `${id}@${at.node}` : id
        return [id, { gate, deployment: id, limits: gateLimitsOf(deployment), breaker, countsRunning }]
      }),
  )
}
