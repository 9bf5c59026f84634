import type { GateView } from './gate.ts'

export interface DeploymentSpeed {
  /** 0 where no answer was streamed: then the tokens per second include it. */
  readonly firstTokenMs: number
  readonly tokensPerSecond: number
}

/** In the order of the question; null where nothing was measured lately. */
export interface SpeedReader {
  read(deployments: readonly string[], nowMs: number): Promise<readonly (DeploymentSpeed | null)[]>
}

/** What is known of a deployment at the moment, as far as choosing goes. */
export interface DeploymentSignals {
  /** Null where its gate has never been used. */
  readonly gate: GateView | null
  /** Live nodes of its pool that take jobs for it. Null before the registry was read for the first time. */
  readonly readyNodes: number | null
  /** Decayed averages over its latest attempts; null before the first. */
  readonly speed: DeploymentSpeed | null
  /** Calls under way, jobs parked, and jobs in its lanes as far as nodes have reported them. */
  readonly load: number
}

/**
 * A snapshot that is refreshed in the background, so that choosing costs no round trip: at most a second old while Redis
 * is there. With nothing known every deployment counts as open and idle.
 */
export interface RoutingSignals {
  of(deployment: string): DeploymentSignals
  /** A job was just sent there: counts as load until the next look. */
  chose(deployment: string): void
}

/** Nothing is known of a deployment: it counts as open and idle. */
export const unknownSignals: DeploymentSignals = { gate: null, readyNodes: null, speed: null, load: 0 }
