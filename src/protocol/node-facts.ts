/**
 * The parts of which the calls of `node-calls.ts` are made. What the core knows as a type is checked here as far as the
 * reader depends on it; fields that a newer release adds are passed on. Times travel as durations: the clocks of a node
 * and of its broker need not agree.
 */
import { z } from 'zod'
import type { GateView, UsedSoFar } from '../core/gate.ts'
import type { Attempt, DispatchPlan, JobId } from '../core/job.ts'
import type { NodeReport } from '../core/node.ts'
import type { TokenUsage } from '../core/provider.ts'
import type { AttemptRecord } from '../core/records.ts'
import { endpoints, priorities, sensitivities } from '../core/vocabulary.ts'

const name = z.string().min(1).max(200)
const count = z.number().int().min(0)
const amount = z.number().min(0)
// What is added up in Redis must be whole, and far from where it would overflow.
const tokens = z.int().min(0).max(1_000_000_000_000)
export const microUsd = z.int().min(0).max(1_000_000_000_000)
const milliseconds = z.number().min(-1e12).max(1e12)

/** What a schema checks, as the type of the core that it stands for. */
function as<Type>(schema: z.ZodType): z.ZodType<Type, Type> {
  return schema as unknown as z.ZodType<Type, Type>
}

export const jobId = as<JobId>(z.string().regex(/^job_[0-9a-f]{32}$/))

/** Written and signed by the broker; a node only hands it back. */
export const pass = z.string().min(1).max(64_000)
export const passes = z.array(pass).max(5_000)
export const traceparent = z.string().max(200).optional()

const sensitivity = z.enum(sensitivities)
const priority = z.enum(priorities)
const errorCode = z.string().regex(/^[a-z_]{1,60}$/)

export const usage = as<TokenUsage>(
  z.looseObject({
    prompt_tokens: tokens,
    completion_tokens: tokens,
    total_tokens: tokens,
    prompt_tokens_details: z.looseObject({ cached_tokens: tokens.nullish() }).nullish(),
    completion_tokens_details: z.looseObject({ reasoning_tokens: tokens.nullish() }).nullish(),
  }),
)

const attempt = as<Attempt>(
  z.looseObject({ deployment: name, outcome: errorCode, status: z.int().nullable(), ms: amount, cost: microUsd }),
)
export const attempts = z.array(attempt).max(1_000)

export const usedSoFar = as<UsedSoFar>(z.looseObject({ promptTokens: tokens, outputTokens: tokens, cost: microUsd }))

/** The row of the ledger without what the broker knows better: the job, the pool, the time. */
export type AttemptFacts = Omit<AttemptRecord, 'kind' | 'job' | 'atMs' | 'attemptId' | 'pool' | 'deployment'>

export const attemptFacts = as<AttemptFacts>(
  z.looseObject({
    outcome: errorCode,
    status: z.int().nullable(),
    ms: amount,
    firstTokenMs: amount.nullable(),
    usage: usage.nullable(),
    isEstimated: z.boolean(),
    cost: microUsd,
  }),
)

/** What an attempt says about its deployment; which gate that is, and its limits, the broker knows. */
export const gateFacts = z.object({
  outcome: z.enum(['success', 'failure', 'broken', 'neutral']),
  stayAwayMs: amount.nullable(),
  tokens: tokens.nullable(),
})

const gateClosed = z.object({
  reason: z.string().regex(/^[a-z_]{1,40}$/),
  opensInMs: milliseconds.nullable(),
})

export type GateViewFacts = Omit<GateView, 'closed'> & { readonly closed: z.infer<typeof gateClosed> | null }

export const gateView = as<GateViewFacts>(
  z.looseObject({
    gate: name,
    breaker: z.enum(['closed', 'open', 'half_open']),
    closed: gateClosed.nullable(),
    running: count,
    parked: count,
    failures: count,
  }),
)

const plan = as<DispatchPlan>(
  z.looseObject({
    endpoint: z.enum(endpoints),
    surface: z.enum(['chat', 'responses', 'jobs', 'batch']),
    stream: z.boolean(),
    includeUsage: z.boolean(),
    model: name,
    masked: z.boolean(),
    candidates: z.array(z.looseObject({ deployment: name, pool: name })).min(1),
  }),
)

const visit = {
  /** Stands for the job in the calls that follow. */
  attempt: pass,
  plan,
  candidate: count,
  attempts,
  deadlineInMs: milliseconds,
  sensitivity,
  priority,
}

export const attemptStart = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('go'),
    ...visit,
    isProbe: z.boolean(),
    fence: count,
    bodyJson: z.string(),
    createdAgoMs: milliseconds,
    hasOutput: z.boolean(),
  }),
  z.object({ kind: z.literal('closed'), ...visit, closed: gateClosed }),
  z.object({
    kind: z.literal('superseded'),
    lane: z.object({ pool: name, sensitivity, priority }),
    hop: count,
    deployment: z.string(),
    readyInMs: milliseconds,
  }),
  z.object({ kind: z.literal('ended') }),
])

export const leasedEntry = z.object({
  lease: pass,
  id: jobId,
  hop: count,
  deployment: z.string(),
  queue: name,
  waitedMs: amount,
  traceparent,
})

export const jobError = z.object({ code: errorCode, message: z.string().max(10_000) })

/** A node's report without what the broker knows better. */
export type ReportFacts = Omit<NodeReport, 'node' | 'pool' | 'transport' | 'startedAtMs' | 'reportedAtMs'>

export const nodeReport = as<ReportFacts>(
  z.looseObject({
    version: z.string().max(100),
    isDraining: z.boolean(),
    running: count,
    slots: count,
    waiting: count,
    deployments: z
      .array(z.looseObject({ id: name, isReady: z.boolean(), reason: z.string().max(500).nullable() }))
      .max(10_000),
    runtimes: z
      .array(
        z.looseObject({ kind: name, url: z.string().max(2_000), models: z.array(z.looseObject({ name })).max(5_000) }),
      )
      .max(1_000),
    memory: z.object({ totalBytes: amount, freeBytes: amount }),
    platform: z.string().max(200),
  }),
)
