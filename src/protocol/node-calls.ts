/**
 * The calls between a node that works over HTTPS and its broker: `/node/v1/…`. Both ends validate with these schemas.
 *
 *     claim ──→ start ──→ append… ──→ end | retry ──→ complete
 *       │         └─ closed ──→ moveOn | park ─────────┘
 *       └── renew, at least three times in a lease; stops: a long poll for what was cancelled
 *
 * A **lease** stands for a queue entry, an **attempt** for a claim of its job. Both are signed by the broker and opaque to
 * the node, so the broker keeps nothing between two calls and any of its processes takes the next one.
 */
import { z } from 'zod'
import {
  attemptFacts,
  attemptStart,
  attempts,
  gateFacts,
  gateView,
  jobError,
  jobId,
  leasedEntry,
  microUsd,
  nodeReport,
  pass,
  passes,
  traceparent,
  usage,
  usedSoFar,
} from './node-facts.ts'

/** Raised when a release can't work with nodes of the one before. */
export const protocolVersion = 1
export const protocolHeader = 'x-sluice-node-protocol'
/** Who calls, and for which pool. A name is a node's own choice; what it may do is decided by its token. */
export const nodeHeader = 'x-sluice-node'
export const poolHeader = 'x-sluice-pool'
export const nodeNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/** The longest that the broker holds a call back, in milliseconds. Proxies cut quiet ones after 30 to 60 s. */
export const maxWaitMs = 25_000
/** One write of a stream holds at most this many deltas. */
const maxEntriesPerAppend = 500

const count = z.int().min(0).max(1_000_000_000)
const waitMs = z.number().min(0).max(maxWaitMs)
const delayMs = z
  .number()
  .min(0)
  .max(31 * 24 * 3_600_000)
/** False: the attempt is no longer the job's own. */
const isOurs = z.object({ isOurs: z.boolean() })
const nothing = z.object({})

const claimCall = {
  request: z.object({ max: z.int().min(1).max(5_000), maxBatch: z.int().min(0).max(5_000), waitMs }),
  answer: z.object({ entries: z.array(leasedEntry) }),
}
const renewCall = {
  request: z.object({ leases: passes, attempts: passes }),
  answer: z.object({ lostLeases: passes, lostAttempts: passes }),
}
const leasesCall = { request: z.object({ leases: passes }), answer: nothing }
const stopsCall = {
  request: z.object({ attempts: passes, waitMs }),
  /** Jobs that ended under the node while it waited, and attempts that counted no more when it asked. */
  answer: z.object({ stopped: z.array(jobId), lostAttempts: passes }),
}
const startCall = {
  request: z.object({
    lease: pass,
    tokens: count,
    /** The node can't serve the deployment now: the job is only looked at. */
    shut: z.literal(true).optional(),
    inputPrice: z.number().min(0).optional(),
  }),
  answer: attemptStart,
}
const appendCall = {
  request: z.object({
    attempt: pass,
    /** Counts the writes of the attempt, from 1; the same number again changes nothing. */
    number: count,
    entries: z.array(z.string()).max(maxEntriesPerAppend),
    isFirst: z.boolean(),
    used: usedSoFar.optional(),
  }),
  answer: isOurs,
}
const retryCall = {
  request: z.object({
    attempt: pass,
    candidate: count,
    delayMs,
    attempts,
    record: attemptFacts,
    resetOutput: z.boolean(),
    gate: gateFacts.optional(),
  }),
  answer: isOurs,
}
const endCall = {
  request: z.object({
    attempt: pass,
    ending: z.enum(['complete', 'fail', 'expire']),
    resultJson: z.string().optional(),
    usage: usage.nullish(),
    error: jobError.optional(),
    attempts: attempts.optional(),
    cost: microUsd.optional(),
    record: attemptFacts.optional(),
    gate: gateFacts.optional(),
  }),
  answer: isOurs,
}
const moveOnCall = { request: z.object({ attempt: pass, candidate: count, delayMs }), answer: isOurs }
const parkCall = { request: z.object({ attempt: pass, candidate: count, tokens: count }), answer: isOurs }
/** Adds the job of a lease to the lane in which it belongs by now. */
const handOverCall = { request: z.object({ lease: pass, traceparent }), answer: nothing }
const peekCall = {
  request: z.object({ deployments: z.array(z.string().min(1).max(200)).max(1_000) }),
  answer: z.object({ views: z.array(gateView.nullable()) }),
}
const wakeCall = {
  request: z.object({ deployment: z.string().min(1).max(200), limit: z.int().min(1).max(1_000) }),
  answer: z.object({ woken: count, againInMs: z.number().nullable(), parked: count }),
}
const reportCall = {
  request: z.object({ report: nodeReport, upMs: z.number().min(0), heartbeatMs: z.number().min(1).max(3_600_000) }),
  answer: z.object({ mustDrain: z.boolean(), readyElsewhere: z.array(z.string()) }),
}
const leaveCall = { request: nothing, answer: nothing }

/** What a node is told of its pool. `config` has the form of `sluice.yaml`, with deployments of this pool only. */
export const configAnswer = z.object({
  pool: z.string(),
  leaseMs: z.number().min(1),
  config: z.looseObject({}),
  /** Deployments of the pool that the broker's own configuration has a key for. The key stays there. */
  keyed: z.array(z.string()),
})

export const nodeCalls = {
  claim: claimCall,
  renew: renewCall,
  complete: leasesCall,
  release: leasesCall,
  stops: stopsCall,
  start: startCall,
  append: appendCall,
  retry: retryCall,
  end: endCall,
  'move-on': moveOnCall,
  park: parkCall,
  'hand-over': handOverCall,
  peek: peekCall,
  wake: wakeCall,
  report: reportCall,
  leave: leaveCall,
} as const

export type NodeCall = keyof typeof nodeCalls
export type CallRequest<Call extends NodeCall> = z.output<(typeof nodeCalls)[Call]['request']>
export type CallAnswer<Call extends NodeCall> = z.output<(typeof nodeCalls)[Call]['answer']>

export const pathOf = (call: NodeCall): string => `/node/v1/${call}`
export const configPath = '/node/v1/config'
