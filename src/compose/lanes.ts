import type { Config } from '../config/schema.ts'
import type { Gates } from '../core/gate.ts'
import type { NodeRegistry } from '../core/node.ts'
import { priorities, sensitivities } from '../core/vocabulary.ts'
import type { LaneReader } from '../http/routes/admin-lanes.ts'
import type { BullmqQueues } from '../queue/bullmq-queues.ts'
import { laneName, laneQueues } from '../queue/lane-names.ts'
import { breakerPolicyOf, gateLimitsOf } from './catalogue.ts'

/** Looks at all lanes and gates of a configuration; those of deployments that each node has for itself, per live node. */
export function createLaneReader(
  config: Config,
  from: { queues: Pick<BullmqQueues, 'depths'>; gates: Pick<Gates, 'peek'>; nodes: Pick<NodeRegistry, 'list'> },
): LaneReader {
  const lanes = Object.entries(config.pools).flatMap(([pool, { residency }]) => {
    const names = new Set(laneQueues(pool, residency).map(({ name }) => name))
    return priorities
      .flatMap((priority) => sensitivities.map((sensitivity) => ({ pool, sensitivity, priority })))
      .filter((lane) => names.has(laneName(lane)))
  })
  const deployments = Object.values(config.models).flatMap((model) => model.deployments)
  const breaker = breakerPolicyOf(config)
  return async (nowMs) => {
    const [depths, reports] = await Promise.all([from.queues.depths(lanes.map(laneName)), from.nodes.list()])
    const asked = deployments.flatMap((deployment) => {
      const { id, pool, per_node: isPerNode } = deployment
      const mine = reports.filter((report) => report.pool === pool).map(({ node }) => `${id}@${node}`)
      const settings = { deployment: id, limits: gateLimitsOf(deployment), breaker }
      return (isPerNode ? mine : [id]).map((gate) => ({ pool, settings: { gate, ...settings } }))
    })
    const views = await from.gates.peek(
      asked.map(({ settings }) => settings),
      nowMs,
    )
    return {
      lanes: lanes.map((lane) => ({ lane, waiting: depths.get(laneName(lane)) ?? 0 })),
      gates: asked.flatMap(({ pool, settings: { deployment } }, index) => {
        const view = views[index]
        return view ? [{ deployment, pool, view }] : []
      }),
    }
  }
}
