/**
 * The gate of a deployment: whether another call may go there now, over all dispatchers. It is shut by a circuit breaker
 * (too many failures), by an upstream that said when to come back (`Retry-After`), and by limits on requests and tokens
 * per minute and on calls at once.
 *
 *     closed ──failures──→ open ──its time is over──→ half-open ──probe succeeds──→ closed
 *                           ↑                            │
 *                           └──────probe fails: longer───┘
 *
 * The clock of gates is the store's: those of dispatchers differ. Moments go in and out by the caller's clock.
 *
 * "Closed" is the breaker's good state: calls pass. A claim is checked and counted in the same atomic step in which the
 * job starts (`JobStore.startAttempt`), and given back in the one in which the attempt ends, so no crash leaks a place:
 * a job whose worker died keeps its place until it is claimed again or ends.
 *
 * A job that no candidate takes now is **parked** behind one gate, in order of priority and then time, without an entry
 * in any queue: nobody polls for it. Whoever learns that the gate has room wakes as many as fit and adds them to their
 * lane; a parked job that was woken has its place reserved, so that later ones don't overtake it.
 */
import type { JobId } from './job.ts'
import type { Lane } from './ports.ts'
import type { MicroUsd } from './pricing.ts'
import type { Priority } from './vocabulary.ts'

/**
 * Over all dispatchers; null where there is none. Per minute means: in any 60 seconds as the upstream sees it, provided
 * that a call arrives there within a second after it was let in.
 */
export interface GateLimits {
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  /** Calls at the same time. */
  readonly parallel: number | null
}

/** When a breaker opens, and for how long. */
export interface BreakerPolicy {
  /** Failures in a row, without a success in between and none older than `windowMs`, that open it. */
  readonly failures: number
  readonly windowMs: number
  /** How long it is open the first time; doubles with every probe that fails. */
  readonly openMs: number
  readonly maxOpenMs: number
}

export interface GateClaim {
  /** The deployment; `<deployment>@<node>` where each node has an upstream of its own. */
  readonly gate: string
  readonly deployment: string
  readonly limits: GateLimits
  readonly breaker: BreakerPolicy
  /**
   * Estimate of the tokens of the call, in and out, where the caller has one; else that of the job's plan counts. A call
   * that needs more than a minute has goes when it has a minute for itself.
   */
  readonly tokens: number
  /** Calls under way are counted though no limit needs it, for `GateView.running`: somebody chooses by it. */
  readonly countsRunning?: boolean
}

/** Which gate a deployment has, and what the configuration says about it. */
export type GateSettings = Omit<GateClaim, 'tokens'>

/** `not_ready`: not the gate, the node can't serve the deployment. */
export type GateClosedReason = 'breaker' | 'retry_after' | 'requests' | 'tokens' | 'parallel' | 'parked' | 'not_ready'

export interface GateClosed {
  readonly reason: GateClosedReason
  /** When it may open; null where that depends on others (calls that end, a probe that is under way). */
  readonly opensAtMs: number | null
}

/** What an attempt says about the deployment that it called. */
export interface GateOutcome {
  readonly gate: string
  readonly deployment: string
  readonly breaker: BreakerPolicy
  /**
   * `failure` counts against the breaker; `broken` opens it at once (a key that is refused, an account that is used up:
   * every other call would fail too); `neutral` says nothing (a request that is wrong, a call that we aborted).
   */
  readonly outcome: 'success' | 'failure' | 'broken' | 'neutral'
  /** The upstream asked everybody to stay away so long, in milliseconds; null where it did not. */
  readonly stayAwayMs: number | null
  /** Tokens that were really used, in and out, where a limit counts them; null where they are unknown. */
  readonly tokens: number | null
}

/** How a gate stands, for choosing and for people. Looking changes nothing. */
export interface GateView {
  readonly gate: string
  readonly breaker: 'closed' | 'open' | 'half_open'
  /** Null where a call could pass now. */
  readonly closed: GateClosed | null
  /** Calls under way and places reserved, where a limit on them or `countsRunning` has them counted; else 0. */
  readonly running: number
  readonly parked: number
  /** Failures that count now. */
  readonly failures: number
}

/** A parked job that has a place now: add it to its lane. */
export interface WokenJob {
  readonly id: JobId
  readonly hop: number
  readonly lane: Lane
  readonly deployment: string
}

export interface Gates {
  /** In the order of the question. The limits are those of the configuration that the asker has. */
  peek(gates: readonly Omit<GateClaim, 'tokens'>[], nowMs: number): Promise<readonly GateView[]>
  /**
   * Parks a job behind a deployment, which becomes its candidate. False when it has moved on meanwhile. Harmless when
   * it is called again: the job keeps its place.
   */
  park(
    id: JobId,
    at: {
      fromHop: number
      candidate: number
      deployment: string
      lane: Lane
      priority: Priority
      tokens: number
      nowMs: number
    },
  ): Promise<boolean>
  /**
   * Gives parked jobs of a deployment the places that its gate has free, at most `limit`. `againAtMs` is when the gate
   * will have room for the next one; null where none is parked, or where room comes with the end of a call.
   */
  wake(
    claim: Omit<GateClaim, 'tokens'>,
    limit: number,
    nowMs: number,
  ): Promise<{ readonly woken: readonly WokenJob[]; readonly againAtMs: number | null; readonly parked: number }>
  /**
   * Woken jobs that nobody has claimed, nor looked after since `olderThanMs`: their waker may have died before it added
   * them to a lane. Add them again, it is harmless.
   */
  stranded(deployments: readonly string[], olderThanMs: number, limit: number): Promise<readonly WokenJob[]>
}

/** What an attempt has used so far, in tokens and money: counted here, not by the upstream. */
export interface UsedSoFar {
  readonly promptTokens: number
  readonly outputTokens: number
  readonly cost: MicroUsd
}
