import type { GateClaim, GateClosed, GateClosedReason, Gates, GateView } from '../core/gate.ts'
import type { JobId } from '../core/job.ts'
import type { NodeRegistry, NodeReport, ReportAnswer } from '../core/node.ts'
import type { BrokerClient } from './broker-client.ts'
import type { HeldJobs } from './held-jobs.ts'

/** The gates over HTTPS. What a deployment's limits are is the broker's word: those that a caller gives go nowhere. */
export class RemoteGates implements Pick<Gates, 'peek' | 'park' | 'wake'> {
  readonly #broker: BrokerClient
  readonly #jobs: HeldJobs

  constructor(broker: BrokerClient, jobs: HeldJobs) {
    this.#broker = broker
    this.#jobs = jobs
  }

  async peek(gates: readonly Omit<GateClaim, 'tokens'>[], nowMs: number): Promise<readonly GateView[]> {
    if (gates.length === 0) return []
    const deployments = gates.map(({ deployment }) => deployment)
    const { views } = await this.#broker.call('peek', { deployments })
    return gates.map(({ gate }, index): GateView => {
      const view = views[index]
      // A gate that the broker does not know keeps nobody out.
      if (!view) return { gate, breaker: 'closed', closed: null, running: 0, parked: 0, failures: 0 }
      const { closed, ...facts } = view
      return { ...facts, gate, closed: closed && toClosed(closed, nowMs) }
    })
  }

  async park(id: JobId, at: Parameters<Gates['park']>[1]): Promise<boolean> {
    const attempt = this.#jobs.byHop(id, at.fromHop)?.attempt
    if (!attempt) return false
    return (await this.#broker.call('park', { attempt, candidate: at.candidate, tokens: at.tokens })).isOurs
  }

  /** The broker has added the jobs to their lanes already, so none is left for the caller to add. */
  async wake(
    { deployment }: Omit<GateClaim, 'tokens'>,
    limit: number,
    nowMs: number,
  ): Promise<Awaited<ReturnType<Gates['wake']>>> {
    const { againInMs, parked } = await this.#broker.call('wake', { deployment, limit })
    return { woken: [], againAtMs: againInMs === null ? null : nowMs + againInMs, parked }
  }
}

/** Tells the broker of this node. */
export class RemoteNodeRegistry implements Pick<NodeRegistry, 'report' | 'remove'> {
  readonly #broker: BrokerClient

  constructor(broker: BrokerClient) {
    this.#broker = broker
  }

  async report(report: NodeReport, heartbeatMs: number): Promise<ReportAnswer> {
    const { node, pool, transport, startedAtMs, reportedAtMs, ...facts } = report
    return this.#broker.call('report', { report: facts, upMs: Math.max(0, reportedAtMs - startedAtMs), heartbeatMs })
  }

  async remove(): Promise<void> {
    await this.#broker.call('leave', {}, { repeats: 'never' })
  }
}

function toClosed(closed: { reason: string; opensInMs: number | null }, nowMs: number): GateClosed {
  const { reason, opensInMs } = closed
  return { reason: reason as GateClosedReason, opensAtMs: opensInMs === null ? null : nowMs + opensInMs }
}
