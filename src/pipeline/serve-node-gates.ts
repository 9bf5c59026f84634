import type { GateView } from '../core/gate.ts'
import type { GateViewFacts } from '../protocol/node-facts.ts'
import { type NodeHandler, type NodeServiceDeps, refuse } from './node-service.ts'

type GateCall = 'peek' | 'wake' | 'report' | 'leave'

/** What a node asks of the gates, and what it tells of itself. */
export function gateHandlers(deps: NodeServiceDeps): { readonly [Call in GateCall]: NodeHandler<Call> } {
  const { gates, registry } = deps
  return {
    async peek(who, { deployments }) {
      const nowMs = Date.now()
      const settings = deployments.map((deployment) => deps.gateOf(deployment, who))
      const known = settings.filter((each) => each !== null)
      const views = await gates.peek(known, nowMs)
      const byGate = new Map(views.map((view) => [view.gate, describe(view, nowMs)]))
      return { views: settings.map((each) => (each && byGate.get(each.gate)) ?? null) }
    },

    /** The jobs that were woken go to their lanes here: the node has no lease on them, and may die on the way. */
    async wake(who, { deployment, limit }) {
      if (deps.poolOf(deployment) !== who.pool) refuse(`The deployment ${deployment} is not in this node’s pool.`)
      const settings = deps.gateOf(deployment, who)
      if (!settings) return { woken: 0, againInMs: null, parked: 0 }
      const nowMs = Date.now()
      const { woken, againAtMs, parked } = await gates.wake(settings, limit, nowMs)
      // The last one first: each goes before those that are in the lane already.
      const added = woken
        .toReversed()
        .map(({ lane, ...entry }) => deps.queues.addToLane(lane, { ...entry, goesFirst: true }))
      await Promise.all(added)
      return { woken: woken.length, againInMs: againAtMs === null ? null : againAtMs - nowMs, parked }
    },

    async report(who, { report, upMs, heartbeatMs }) {
      const nowMs = Date.now()
      const facts = { transport: 'https', startedAtMs: Math.round(nowMs - upMs), reportedAtMs: nowMs } as const
      const { mustDrain, readyElsewhere } = await registry.report({ ...report, ...who, ...facts }, heartbeatMs)
      return { mustDrain, readyElsewhere: [...readyElsewhere] }
    },

    async leave(who) {
      await registry.remove(who.node, who.pool)
      return {}
    },
  }
}

function describe({ closed, ...view }: GateView, nowMs: number): GateViewFacts {
  if (closed === null) return { ...view, closed }
  const { reason, opensAtMs } = closed
  return { ...view, closed: { reason, opensInMs: opensAtMs === null ? null : opensAtMs - nowMs } }
}
