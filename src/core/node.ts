/**
 * Nodes: the dispatchers that run, with what they found on their machine. A node reports itself every few seconds; one
 * that has not for three times as long is lost. Its leases run out by themselves, the registry only tells about it.
 */
export type NodeTransport = 'redis' | 'https'

/** A server of models that a node has found among its deployments' base URLs. */
export interface NodeRuntime {
  readonly kind: 'ollama' | 'mlx' | 'llama.cpp' | 'lm-studio' | 'vllm' | 'openai-compatible'
  readonly url: string
  readonly version: string | null
  readonly models: readonly {
    readonly name: string
    readonly isLoaded: boolean
    readonly sizeBytes: number | null
    /** Somebody else's machines serve it. */
    readonly isRemote: boolean
  }[]
  /** Calls that it works on at once per model, where it says so (`OLLAMA_NUM_PARALLEL`, slots); null where not. */
  readonly parallel: number | null
  /**
   * Whether this server can hand prompts to somebody's cloud. `unknown` counts as yes: restricted jobs stay away from it.
   */
  readonly cloud: 'off' | 'on' | 'unknown'
}

export interface NodeReport {
  readonly node: string
  readonly pool: string
  readonly transport: NodeTransport
  readonly version: string
  readonly startedAtMs: number
  readonly reportedAtMs: number
  readonly isDraining: boolean
  /** Calls under way, and how many there may be. */
  readonly running: number
  readonly slots: number
  /** Entries in hand that wait for their turn. */
  readonly waiting: number
  readonly deployments: readonly {
    readonly id: string
    /** False where the node takes no jobs for it now; `reason` says why, in words without content. */
    readonly isReady: boolean
    readonly reason: string | null
    readonly isLoaded: boolean | null
    /**
     * `cloud`: prompts would leave the premises, so nothing is called there in an on-premises pool. `unknown`: it may be
     * so, and jobs of class `internal` and `restricted` stay away.
     */
    readonly servesFrom: 'here' | 'cloud' | 'unknown'
  }[]
  readonly runtimes: readonly NodeRuntime[]
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number }
  readonly platform: string
}

/** Why a node does not call a deployment now. The reason is in words without content. */
export type NodeRefusal =
  /** Its server is away, has not got the model, or is suspected: it may be well again in a while. */
  | {
      readonly kind: 'not_ready'
      readonly reason: string
      /** Other nodes of the pool take jobs for it: the job should wait for one of them. */
      readonly isElsewhere: boolean
    }
  /** It hands prompts to somebody's cloud, which jobs of an on-premises pool must not meet. */
  | { readonly kind: 'forbidden'; readonly reason: string }

/** What a node learns when it reports. */
export interface ReportAnswer {
  /** Somebody has asked it to take nothing new. */
  readonly mustDrain: boolean
  /** Deployments that other live nodes of its pool take jobs for. */
  readonly readyElsewhere: readonly string[]
}

export interface NodeRegistry {
  /** Keeps the report for three heartbeats. */
  report(report: NodeReport, heartbeatMs: number): Promise<ReportAnswer>
  /** Live nodes by name. */
  list(): Promise<readonly NodeReport[]>
  /** At a clean end, from all pools unless one is named. A word to drain stays for the next node of this name. */
  remove(node: string, pool?: string): Promise<void>
  /** Asks a node to take nothing new, or takes that back. False when there is no such node, or nothing to take back. */
  setDraining(node: string, isDraining: boolean): Promise<boolean>
}
