import type { GateSettings, Gates } from '../core/gate.ts'
import type { NodeRefusal } from '../core/node.ts'
import type { OutputLimitField } from '../core/output-limit.ts'
import type { AttemptStore, LaneQueues } from '../core/ports.ts'
import type { Price } from '../core/pricing.ts'
import type { Provider } from '../core/provider.ts'
import type { RetryPolicy } from '../core/retry-policy.ts'
import type { Logger, Telemetry } from '../core/telemetry.ts'
import type { TokenCounter } from '../core/token-counter.ts'
import type { Sensitivity } from '../core/vocabulary.ts'

/** What a dispatcher needs to serve jobs, whichever way it reaches the broker. */
export interface DispatchDeps {
  readonly store: AttemptStore
  readonly queues: LaneQueues
  readonly gates: Pick<Gates, 'peek' | 'park'>
  /**
   * The gate of any deployment of the configuration, those of other pools included. Null for an unknown one, and for one
   * of another pool that every node there has for itself.
   */
  readonly gateOf: (deployment: string) => GateSettings | null
  /** Null for a deployment unknown here. */
  readonly upstreamOf: (deployment: string) => Upstream | null
  /**
   * Why this node does not serve a deployment at the moment, or not jobs of this class, or not what shows what was found
   * in it. Absent: it always does.
   */
  readonly refusalOf?: (deployment: string, sensitivity: Sensitivity, isUnmasked?: boolean) => NodeRefusal | null
  /** The class of the jobs in a queue, by which a node refuses what it may not see before it claims it. */
  readonly sensitivityOf?: (queue: string) => Sensitivity
  readonly telemetry: Telemetry
  readonly log: Logger
  readonly pool: string
  readonly node: string
  readonly policy: RetryPolicy
  readonly tokens: TokenCounter
  readonly random: () => number
}

export interface Upstream {
  /** Runs work with the deployment's provider. */
  readonly run: <Result>(work: (provider: Provider) => Promise<Result>) => Promise<Result>
  /** Null where calls cost nothing. */
  readonly price: Price | null
  /** The most tokens of one answer whose request names no limit. */
  readonly maxOutputTokens: number
  readonly outputLimitField: OutputLimitField
}
