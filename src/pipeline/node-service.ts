import { BrokerError } from '../core/errors.ts'
import type { GateClaim, GateOutcome, Gates } from '../core/gate.ts'
import type { JobId } from '../core/job.ts'
import type { LeaseDesk } from '../core/lease-desk.ts'
import type { NodeRegistry } from '../core/node.ts'
import type { AttemptPass, LeasePass, NodeIdentity, NodePasses } from '../core/node-pass.ts'
import type { AttemptStore, Lane, LaneQueues } from '../core/ports.ts'
import type { Residency } from '../core/vocabulary.ts'
import type { CallAnswer, CallRequest, NodeCall } from '../protocol/node-calls.ts'

/** What the broker's side of HTTPS nodes needs. All of it works the same in every process of the API. */
export interface NodeServiceDeps {
  readonly store: AttemptStore
  readonly queues: LaneQueues
  readonly gates: Gates
  readonly registry: Pick<NodeRegistry, 'report' | 'remove'>
  readonly passes: NodePasses
  /** The desk of a pool's lanes, opened when it is wanted first. */
  readonly deskOf: (pool: string) => Promise<LeaseDesk>
  readonly checks: {
    /** Of each attempt whether it counts no more: its job was ended by others, or claimed by others. */
    lost(attempts: readonly { job: JobId; fence: number }[]): Promise<readonly boolean[]>
    /** Of each hand-over whether its job runs by somebody's claim of this very hand-over. */
    running(entries: readonly { job: JobId; hop: number }[]): Promise<readonly boolean[]>
  }
  readonly stops: { listen(node: string, listener: (id: JobId) => void): Promise<() => void> }
  /** Fires when this process takes its leave: nobody is kept waiting any more. */
  readonly stopping: AbortSignal
  /** From the broker's own configuration: limits that a node sends would be worth nothing. */
  readonly gateOf: (deployment: string, who: NodeIdentity) => Omit<GateClaim, 'tokens'> | null
  readonly poolOf: (deployment: string) => string | undefined
  readonly residencyOf: (pool: string) => Residency
}

/** One call of a node. `gone` fires when nobody waits for the answer any more. */
export type NodeHandler<Call extends NodeCall> = (
  who: NodeIdentity,
  request: CallRequest<Call>,
  gone: AbortSignal,
) => Promise<CallAnswer<Call>>

/** @throws BrokerError `node_forbidden` */
export function openLease(sealed: string, who: NodeIdentity, { passes }: NodeServiceDeps): LeasePass {
  return passes.open('lease', sealed, who) ?? refuse('This lease is not this node’s.')
}

/** @throws BrokerError `node_forbidden` */
export function openAttempt(sealed: string, who: NodeIdentity, { passes }: NodeServiceDeps): AttemptPass {
  return passes.open('attempt', sealed, who) ?? refuse('This attempt is not this node’s.')
}

/** An attempt that may write. @throws BrokerError `node_forbidden` */
export function openClaim(sealed: string, who: NodeIdentity, deps: NodeServiceDeps): AttemptPass & { fence: number } {
  const pass = openAttempt(sealed, who, deps)
  return pass.fence === null ? refuse('This attempt was not let in.') : { ...pass, fence: pass.fence }
}

/** Where a job goes that is handed to another of its candidates. @throws BrokerError `node_forbidden` */
export function laneOf({ candidates, sensitivity, priority }: AttemptPass, candidate: number): Lane {
  const { pool } = candidates[candidate] ?? refuse('The job has no such candidate.')
  return { pool, sensitivity, priority }
}

/** What the node says about its deployment, for the gate that the broker knows. */
export function outcomeOf(
  facts: Pick<GateOutcome, 'outcome' | 'stayAwayMs' | 'tokens'> | undefined,
  { candidate, candidates, pool, node }: AttemptPass,
  { gateOf }: NodeServiceDeps,
): { gate?: GateOutcome } {
  const { deployment } = candidates[candidate] ?? refuse('The job has no such candidate.')
  const settings = facts && gateOf(deployment, { pool, node })
  return settings ? { gate: { ...facts, gate: settings.gate, deployment, breaker: settings.breaker } } : {}
}

export function refuse(message: string): never {
  throw new BrokerError('node_forbidden', message)
}
