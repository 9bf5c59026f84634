import { type AnswerCache, type CachedAnswer, cacheKeyOf, type Flights } from '../core/answer-cache.ts'
import { splitCompletion } from '../core/completion-chunks.ts'
import type { JobId, JobSpec } from '../core/job.ts'
import { encodeEntry } from '../core/job-event.ts'
import { parseJsonObject } from '../core/json-object.ts'
import type { JobStore, RouteDecision } from '../core/ports.ts'
import type { AttemptRecord } from '../core/records.ts'
import type { Logger } from '../core/telemetry.ts'
import type { Sensitivity } from '../core/vocabulary.ts'
import type { Examined } from './examine-job.ts'

export interface RecallDeps {
  readonly cache: AnswerCache
  readonly flights: Flights
  /** Keys the hashes of requests. */
  readonly secret: Buffer
  /** How a model's answers are kept; null where they are not. */
  readonly policyOf: (model: string) => { readonly ttlMs: number; readonly maxBytes: number } | null
  /** Whether answers to jobs of this class may be where the cache is. */
  readonly mayKeep: (sensitivity: Sensitivity) => boolean
  readonly log: Logger
}

/** The key under which the answer to a job is kept; null where it is not. */
export function recallKeyOf(spec: JobSpec, examined: Examined, deps: RecallDeps): string | null {
  const { tenant, model, endpoint, cache } = spec
  const { sensitivity, asWritten, maskedJson } = examined
  if (cache === 'off' || deps.policyOf(model) === null || !deps.mayKeep(sensitivity)) return null
  return cacheKeyOf({ tenant, model, endpoint, sensitivity, bodyJson: asWritten, maskedJson }, deps.secret)
}

/** An answer that was kept; null for none. A cache that is away has none. */
export async function recallAnswer(key: string, spec: JobSpec, deps: RecallDeps): Promise<CachedAnswer | null> {
  if (spec.cache === 'refresh') return null
  try {
    return await deps.cache.find(key)
  } catch (error) {
    deps.log.warn({ err: error }, 'the cache of answers could not be read')
    return null
  }
}

/** A little longer than the leader may take: what nobody takes down is forgotten then. */
const flightMarginMs = 60_000

/** Whether another job is working on the same answer: then this one needs no queue entry. */
export async function followsAnother(
  key: string | null,
  id: JobId,
  spec: JobSpec,
  deps: RecallDeps | null,
): Promise<boolean> {
  if (key === null || deps === null) return false
  const mayFollow = spec.cache !== 'refresh'
  return (await deps.flights.join(id, { key, ttlMs: flightTtlMs(spec), mayFollow })) === 'follows'
}

export function flightTtlMs({ deadlineMs }: JobSpec): number {
  return Math.max(1, deadlineMs - Date.now()) + flightMarginMs
}

/** A job as its auditor knows it. */
export function recipientOf(id: JobId, spec: JobSpec, { plan, bodies }: RouteDecision): Recipient {
  return { id, spec, masked: plan.masked, pools: [...bodies.keys()] }
}

/** What a job that is answered without a call needs to know about itself. */
export interface Recipient {
  readonly id: JobId
  readonly spec: JobSpec
  /** Whether a reader must look for placeholders. */
  readonly masked: boolean
  /** The pools that got a copy of its body. */
  readonly pools: readonly string[]
}

/**
 * Ends a job with an answer that was made for another one: with the pieces of a stream where it asked for one, a row in
 * the ledger that costs nothing, and no attempt. False when it had ended, or is being worked on.
 */
export function answerFrom(
  recipient: Recipient,
  answer: CachedAnswer,
  how: 'hit' | 'shared',
  store: Pick<JobStore, 'end'>,
): Promise<boolean> {
  const { id, spec, masked, pools } = recipient
  const nowMs = Date.now()
  const record: AttemptRecord = {
    kind: 'attempt',
    job: id,
    atMs: nowMs,
    attemptId: `${id}.cache`,
    deployment: answer.deployment,
    pool: '',
    outcome: how === 'hit' ? 'cache_hit' : 'shared_answer',
    status: null,
    ms: 0,
    firstTokenMs: null,
    usage: null,
    isEstimated: false,
    cost: 0,
  }
  return store.end(id, 'recall', {
    resultJson: answer.bodyJson,
    usage: answer.usage,
    deployment: answer.deployment,
    attempts: [],
    attempt: record,
    cost: 0,
    masked,
    pools,
    cache: how,
    deltas: spec.stream ? deltasOf(answer.bodyJson, spec.includeUsage) : [],
  })
}

function deltasOf(bodyJson: string, includeUsage: boolean): string[] {
  const { usage, ...rest } = parseJsonObject(bodyJson) ?? {}
  const completion = includeUsage ? { ...rest, usage } : rest
  return splitCompletion(completion).map((chunk) => encodeEntry('output.delta', chunk))
}
