import type { ConsumeOptions, EntryConsumer } from '../core/consumer.ts'
import type { Gates } from '../core/gate.ts'
import type { JobId } from '../core/job.ts'
import type { NodeRegistry, NodeTransport } from '../core/node.ts'
import type { AttemptStore, JobStore, LaneQueues } from '../core/ports.ts'
import type { Priority } from '../core/vocabulary.ts'
import type { TakePlace } from '../pipeline/direct-work.ts'
import type { Slot } from '../queue/held-entries.ts'
import type { Turns } from '../queue/turns.ts'

/**
 * How a dispatcher reaches the broker: by Redis, or over HTTPS where there is nothing but an outbound connection. Both
 * give the same leases and the same fences.
 */
export interface DispatcherLink {
  readonly transport: NodeTransport
  readonly store: AttemptStore
  readonly queues: LaneQueues
  readonly gates: Pick<Gates, 'peek' | 'park' | 'wake'>
  readonly registry: Pick<NodeRegistry, 'report' | 'remove'>
  /** Call it once. */
  consume(options: ConsumeOptions): EntryConsumer
  /** Set where jobs can be accepted in this process: how they are worked on without a way through a lane. */
  readonly direct: DirectLink | null
  /** What evens out work that is only held among the nodes of a pool; null where nobody could be asked. */
  shareWork(turns: Turns): WorkExchange | null
  /** Calls `listener` with jobs that this node must stop working on. */
  onStop(listener: (id: JobId) => void): Promise<void>
  checkReady(): Promise<void>
  close(): Promise<void>
}

interface DirectLink {
  readonly keeper: Pick<JobStore, 'keep'>
  readonly leaseMs: number
  /** A slot of what `consume` returned. */
  takeSlot(priority: Priority): Slot | null
  /** Has jobs ask here for a place before they go to a lane. */
  offer(takePlace: TakePlace): void
}

interface WorkExchange {
  start(): Promise<void>
  stop(): void
}
