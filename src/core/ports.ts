import type { AnswerPolicy } from './audit-policy.ts'
import type { JobError } from './errors.ts'
import type { GateClaim, GateClosed, GateOutcome, UsedSoFar } from './gate.ts'
import type { Attempt, DispatchPlan, JobId, JobRecord, JobSpec, MaskedCounts } from './job.ts'
import type { JobEvent } from './job-event.ts'
import type { Ending, JobStatus } from './job-state.ts'
import type { MicroUsd } from './pricing.ts'
import type { TokenUsage } from './provider.ts'
import type { ActionRecord, AttemptRecord, DecisionRecord } from './records.ts'
import type { Endpoint, Priority, Sensitivity } from './vocabulary.ts'

/** Where a job waits for a dispatcher. */
export interface Lane {
  readonly pool: string
  readonly sensitivity: Sensitivity
  readonly priority: Priority
}

/** A reader that a job's events are pushed to: an API process, and whether it wants all events or just the last. */
export interface Watcher {
  readonly processId: string
  readonly wants: 'all' | 'terminal'
}

export interface NewJob {
  readonly id: JobId
  readonly spec: JobSpec
  /** The endpoint's request body as JSON text. */
  readonly bodyJson: string
  /** What was kept of a request whose body was made from it. */
  readonly requestJson?: string | undefined
  readonly watcher?: Watcher
  readonly idempotency?: { readonly key: string; readonly fingerprint: string }
  /** It runs a dead letter again, which is done once for each: noted in the same step. */
  readonly replay?: { readonly record: ActionRecord }
  /** Made on arrival: the job begins in its lane instead of intake. */
  readonly decision?: RouteDecision
  /** With a decision: the first attempt at its first candidate begins in the same step, unless the gate is shut. */
  readonly claim?: FirstClaim
}

/** An attempt that begins without a queue entry. What brings the job back when its worker dies is `JobStore.untaken`. */
export interface FirstClaim {
  readonly node: string
  readonly nowMs: number
  readonly gate: GateClaim
  readonly inputPrice: number
  /** Until when nobody else looks after the job; `keep` moves it on. */
  readonly keptUntilMs: number
}

export type CreateResult =
  /** `start` is null where nothing was claimed. */
  | { readonly kind: 'created'; readonly start: ClaimedStart | null }
  /** The idempotency key belongs to this job already, or the dead letter was replayed by it. */
  | { readonly kind: 'exists'; readonly id: JobId; readonly fingerprint: string }
  /** The dead letter that it was to replay has expired, or its batch no longer waits for this line. */
  | { readonly kind: 'gone' }

export type AuditStart =
  | { readonly kind: 'go'; readonly spec: JobSpec; readonly bodyJson: string; readonly audits: number }
  /** A worker before this one decided; only the hand-over to the lane may be missing. */
  | {
      readonly kind: 'routed'
      readonly spec: JobSpec
      readonly lane: Lane
      readonly hop: number
      readonly deployment: string
    }
  | { readonly kind: 'ended' }

export interface RouteDecision {
  readonly plan: DispatchPlan
  readonly lane: Lane
  readonly sensitivity: Sensitivity
  readonly reason: string
  readonly masked: MaskedCounts
  /** What each candidate pool's dispatchers will read. */
  readonly bodies: ReadonlyMap<string, string>
  /** From placeholder to original value; empty when nothing was masked. */
  readonly vault: ReadonlyMap<string, string>
  readonly deadlineMs: number
  /** What the audit trail will say of it. */
  readonly record: Omit<DecisionRecord, 'job'>
}

export type Started = Extract<AttemptStart, { kind: 'go' }>
/** What only the store can say of an attempt that has begun with its job. */
export type ClaimedStart = Pick<Started, 'fence' | 'isProbe'>

export type AttemptStart =
  | {
      readonly kind: 'go'
      /** The gate let it in to see whether the deployment is back: nobody else is let in until this attempt ends. */
      readonly isProbe: boolean
      /** Counts the claims, this one included; only the holder of the highest may write. */
      readonly fence: number
      readonly plan: DispatchPlan
      readonly candidate: number
      readonly attempts: readonly Attempt[]
      readonly bodyJson: string
      readonly deadlineMs: number
      readonly createdAtMs: number
      readonly sensitivity: Sensitivity
      readonly priority: Priority
      /** An attempt before this one has put deltas into the event stream. */
      readonly hasOutput: boolean
    }
  /** The gate of the deployment is closed. Nothing was changed: the job still waits, and its claim was not counted. */
  | {
      readonly kind: 'closed'
      readonly closed: GateClosed
      readonly plan: DispatchPlan
      readonly candidate: number
      readonly attempts: readonly Attempt[]
      readonly deadlineMs: number
      readonly sensitivity: Sensitivity
      readonly priority: Priority
    }
  /** The job has moved on to another hop; only the hand-over may be missing. */
  | {
      readonly kind: 'superseded'
      readonly lane: Lane
      readonly hop: number
      readonly deployment: string
      readonly readyAtMs: number
    }
  | { readonly kind: 'ended' }

export interface EndFacts {
  readonly error?: JobError
  readonly resultJson?: string
  readonly usage?: TokenUsage | null
  readonly attempts?: readonly Attempt[]
  readonly deployment?: string
  /** Over all attempts. */
  readonly cost?: MicroUsd
  /** The attempt that ended the job, for the ledger. */
  readonly attempt?: AttemptRecord
  /** What the attempt says about its deployment. */
  readonly gate?: GateOutcome
  /** Why a job was rejected, for the audit trail. */
  readonly decision?: DecisionRecord
  readonly masked?: boolean
  /** Set where the answer was made for another job. */
  readonly cache?: 'hit' | 'shared'
  /** Encoded events of an answer that is given without a call, before the last one. */
  readonly deltas?: readonly string[]
  /** The pools whose copy of the body goes with the end. */
  readonly pools?: readonly string[]
}

/** What a reader gets when it starts to follow a job. */
export interface WatchStart {
  readonly status: JobStatus
  readonly events: readonly JobEvent[]
  /** There are more: a reader gets as much at once as it is likely to take. */
  readonly hasMore: boolean
}

export interface JobPage {
  readonly jobs: readonly JobRecord[]
  /** There are older ones that may be what was asked for; with few or no jobs, the search just went on for long enough. */
  readonly hasMore: boolean
  /** Where the next page goes on. */
  readonly lookedUpTo: JobId | null
}

/**
 * The store of jobs. Every method is atomic, and harmless when it is called again: queues deliver at least once.
 * Rejects with `BrokerError('redis_unavailable')` on the API's side when the store is away.
 */
export interface JobStore {
  create(job: NewJob): Promise<CreateResult>
  startAudit(id: JobId): Promise<AuditStart>
  /** False when the job has left `auditing` meanwhile (cancelled, expired, or routed by another worker). */
  route(id: JobId, decision: RouteDecision): Promise<boolean>
  /** `gate` is that of the candidate's deployment; null where nothing limits it. */
  startAttempt(
    id: JobId,
    claim: {
      hop: number
      pool: string
      node: string
      nowMs: number
      gate: GateClaim | null
      /** Of the deployment, in micro-USD per million input tokens: what an attempt whose worker is lost has cost at least. */
      inputPrice?: number
      /** The node can't serve the deployment now: the answer is `closed`, where the job would have started. */
      shut?: boolean
      /** The same claim made again, by whichever process, is the claim that was made before; one call is one claim unless given. */
      claimId?: string
    },
  ): Promise<AttemptStart>
  /**
   * Appends to the event stream, 500 entries at most. `firstOutput` says that these are the attempt's first deltas.
   * `used` is what the attempt has used so far, for the ledger in case that nobody can report its end. `number` counts
   * the attempt's writes, from 1, where the store can't: one that is not above the last changes nothing. Returns false
   * when the attempt is no longer the job's own: stop at once.
   */
  append(
    id: JobId,
    fence: number,
    entries: readonly string[],
    firstOutput: boolean,
    used?: UsedSoFar,
    number?: number,
  ): Promise<boolean>
  retry(
    id: JobId,
    fence: number,
    next: {
      lane: Lane
      candidate: number
      hop: number
      readyAtMs: number
      attempts: readonly Attempt[]
      /** The attempt that failed, for the ledger. */
      attempt: AttemptRecord
      resetOutput: boolean
      /** What the attempt says about its deployment. */
      gate?: GateOutcome
    },
  ): Promise<boolean>
  /**
   * Hands a job that waits, or was refused by a gate, to another candidate without an attempt. A worker that had it is
   * taken for lost, unless it claimed the job after `lostBeforeMs`. False when the job has moved on meanwhile, or is left
   * to its worker: nothing was changed.
   */
  moveOn(
    id: JobId,
    next: { fromHop: number; candidate: number; lane: Lane; readyAtMs: number; lostBeforeMs?: number },
  ): Promise<boolean>
  /**
   * Ends a job: result, event, outbox row and terminal status in one step. Returns false when the job had ended
   * already or the fence is not the highest; then nothing was changed.
   */
  end(id: JobId, ending: Ending, facts: EndFacts, fence?: number): Promise<boolean>
  read(id: JobId): Promise<JobRecord | null>
  readResult(id: JobId): Promise<string | null>
  /** The body as the caller wrote it; null when it has expired. */
  readBody(id: JobId): Promise<{ readonly endpoint: Endpoint; readonly bodyJson: string } | null>
  /** Leaves a record for the audit trail of what was found in the answer, the first time. */
  noteAnswer(id: JobId, note: { found: MaskedCounts; policy: AnswerPolicy }): Promise<void>
  readVault(id: JobId): Promise<ReadonlyMap<string, string>>
  list(query: { tenant: string; status?: JobStatus; model?: string; after?: JobId; limit: number }): Promise<JobPage>
  /** Registers a watcher and returns what it has missed, as one step: no event can fall between. */
  watch(id: JobId, watcher: Watcher, after: number): Promise<WatchStart | null>
  /** Open jobs past their deadline. */
  overdue(nowMs: number, limit: number): Promise<readonly JobId[]>
  /**
   * Accepted jobs that no worker has taken, or that the worker of their `FirstClaim` has left, and that nobody has
   * looked after since `olderThanMs`; `nowMs` is noted as the time when somebody did.
   */
  untaken(olderThanMs: number, nowMs: number, limit: number): Promise<readonly { id: JobId; spec: JobSpec }[]>
  /** Says of jobs with a `FirstClaim` that their worker is there. */
  keep(ids: readonly JobId[], untilMs: number): Promise<void>
  countOpen(): Promise<number>
  /**
   * Forgets entries in the indexes of these tenants whose jobs have expired. Of jobs that were made before `olderThanMs` all
   * are looked at; of younger ones only the oldest, as long as some of them have expired.
   */
  trimIndexes(tenants: readonly string[], olderThanMs: number): Promise<void>
}

/** The queues between the stages. Adding the same job and hop again is one delivery. */
export interface Queues {
  /** `turn` counts the audits that were put off, 0 is for a job that has got a permit; each is an entry of its own. */
  addToIntake(entry: {
    id: JobId
    priority: Priority
    sensitivity: Sensitivity
    turn?: number
    delayMs?: number
    traceparent?: string | undefined
  }): Promise<void>
  addToLane(lane: Lane, entry: LaneEntry): Promise<void>
}

export interface LaneEntry {
  readonly id: JobId
  readonly hop: number
  /** Of the candidate whose turn it is: a node chooses by it without looking into the job. */
  readonly deployment: string
  readonly delayMs?: number
  /** It was parked and goes before those that came after it. */
  readonly goesFirst?: boolean
  readonly traceparent?: string | undefined
}

/** What a dispatcher needs of the store: it reads no job that it has not claimed. */
export type AttemptStore = Pick<JobStore, 'startAttempt' | 'append' | 'retry' | 'end' | 'moveOn'>

/** Hands jobs to lanes. */
export type LaneQueues = Pick<Queues, 'addToLane'>

/** What a worker takes out of a queue: ids and facts, never content. */
export interface QueueEntry {
  readonly id: JobId
  /** Which hand-over of the job this is; 0 in intake, from 1 in lanes. */
  readonly hop: number
  /** Empty in intake, and in entries of an earlier release. */
  readonly deployment: string
  readonly queue: string
  readonly waitedMs: number
  readonly traceparent: string | undefined
}
