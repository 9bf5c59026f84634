import { v7 as uuid } from 'uuid'
import type { CacheWish } from './answer-cache.ts'
import type { BatchId } from './batch.ts'
import type { JobError } from './errors.ts'
import type { JobStatus, Stage } from './job-state.ts'
import type { MicroUsd } from './pricing.ts'
import type { TokenUsage } from './provider.ts'
import { takeRandomBytes } from './random-bytes.ts'
import type { ServiceTier } from './service-tier.ts'
import type { Endpoint, Priority, Sensitivity } from './vocabulary.ts'

declare const jobIdBrand: unique symbol
/** `job_` and 32 hexadecimal digits that sort by time. Doubles as the BullMQ id, so it has no `:`. */
export type JobId = string & { readonly [jobIdBrand]: true }

const jobIdPattern = /^job_[0-9a-f]{32}$/

export function createJobId(): JobId {
  return `job_${uuid({ random: takeRandomBytes(16) }).replaceAll('-', '')}` as JobId
}

export function isJobId(text: string): text is JobId {
  return jobIdPattern.test(text)
}

/** When it was made, in Unix milliseconds: its id begins with that (RFC 9562, version 7). */
export function jobMadeAtMs(id: JobId): number {
  return Number.parseInt(id.slice('job_'.length, 'job_'.length + 12), 16)
}

/**
 * How a job came in. It decides what happens when an answer breaks off after its first token: a reader of one of
 * OpenAI's dialects can't be told to start over, a reader of the native event stream can.
 */
export type Surface = 'chat' | 'responses' | 'jobs' | 'batch'

/** What was asked for. Written once at acceptance; only the API, the auditor and the courier may read it. */
export interface JobSpec {
  readonly tenant: string
  /** Public id of the API key that the job came with. */
  readonly keyId: string
  readonly endpoint: Endpoint
  readonly model: string
  readonly surface: Surface
  readonly stream: boolean
  /** The caller asked for the chunk that carries `usage`. */
  readonly includeUsage: boolean
  readonly priority: Priority
  readonly sensitivity: Sensitivity
  readonly createdAtMs: number
  readonly deadlineMs: number
  readonly metadata?: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
  readonly webhook?: { readonly url: string; readonly events?: readonly string[] }
  readonly traceparent?: string
  /** It goes on when its reader hangs up: it was asked to be stored, or can be come back to by its Idempotency-Key. */
  readonly isDurable?: true
  /** The tier that its answer names, where the request asked for one. */
  readonly serviceTier?: ServiceTier
  /** Of a response: whether its creator went away at once, and whether it can be read after it was delivered. */
  readonly response?: { readonly background: boolean; readonly store: boolean }
  /** Whether an answer that was given before will do; undefined where the model keeps none. */
  readonly cache?: CacheWish
  /** The batch that it is a line of. */
  readonly batch?: BatchId
  /** The dead letter that this job runs again, and which run of that chain it is, from 2. */
  readonly replayOf?: { readonly first: JobId; readonly previous: JobId; readonly run: number }
}

/** A deployment that may serve a job, in the order in which they are tried. */
export interface Candidate {
  readonly deployment: string
  readonly pool: string
  /** The logical model that it belongs to, where that is a fallback of the one that was asked for. */
  readonly model?: string
  /** Set for a fallback that is only taken after this failure; the others are for every failure. */
  readonly after?: 'context_too_long' | 'content_policy'
  /** Tokens that prompt and answer may have together, where that is known. */
  readonly contextTokens?: number
  /** Its pool's body shows what was found in the job: the pool was on-premises when this was decided. */
  readonly isUnmasked?: true
}

/** What the auditor decided and a dispatcher needs to know. No content, no identity of the caller. */
export interface DispatchPlan {
  readonly endpoint: Endpoint
  readonly surface: Surface
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly model: string
  /** Placeholders stand in the body of some candidate: a reader must restore them. */
  readonly masked: boolean
  readonly candidates: readonly Candidate[]
  /** Set where a budget counts the job. */
  readonly allowance?: Allowance
  /** Estimate of the input tokens, where somebody needed it: a limit on tokens per minute, a budget, a rule. */
  readonly promptTokens?: number
  /** A job whose every candidate is closed waits for the first of them instead of going to the next; by the model. */
  readonly onOutage?: 'wait'
  /** An answer that breaks off after its first token ends the job, on every surface; by the model. */
  readonly onCutStream?: 'fail'
}

/** Whose turn it is when a job enters its first lane. */
export function firstDeployment({ candidates }: DispatchPlan): string {
  return candidates[0]?.deployment ?? ''
}

/** What the attempts of a job may cost together, and what their requests are worth. */
export interface Allowance {
  readonly reserved: MicroUsd
  /** Upper estimate of the input tokens. */
  readonly promptTokens: number
  /** Answers that were asked for. */
  readonly choices: number
  /** Output tokens per answer that the request asks for; null when it names no limit. */
  readonly outputTokens: number | null
}

/** One call of one deployment. `outcome` is `completed` or a `ProviderFailure`, never an upstream's words. */
export interface Attempt {
  readonly deployment: string
  readonly outcome: string
  readonly status: number | null
  readonly ms: number
  readonly cost: MicroUsd
  /** It was a breaker's probe and found the deployment away: it does not count against the attempts of the job. */
  readonly isProbe?: true
}

/** Counts per entity type of what was masked before a cloud pool could see it. */
export type MaskedCounts = Readonly<Record<string, number>>

/** Everything that the store knows about a job, content apart. */
export interface JobRecord {
  readonly id: JobId
  readonly spec: JobSpec
  readonly stage: Stage
  readonly status: JobStatus
  /** The class as decided so far, and why. */
  readonly sensitivity: Sensitivity
  readonly sensitivityReason: string | null
  readonly masked: MaskedCounts
  readonly attempts: readonly Attempt[]
  readonly deployment: string | null
  readonly usage: TokenUsage | null
  /** Over all attempts; null while the job has not ended. */
  readonly cost: MicroUsd | null
  /** Set where the answer was made for another job. */
  readonly cache: 'hit' | 'shared' | null
  readonly error: JobError | null
  /** The job that runs this dead letter again. */
  readonly replayedBy: JobId | null
  /** What it takes to run it again was thrown away. */
  readonly isDiscarded: boolean
  /** All of its content was destroyed: to its tenant there is no such job any more. */
  readonly isShredded: boolean
  /** The key under which its answer is kept for requests that are the same. */
  readonly cacheKey?: string
  readonly startedAtMs: number | null
  readonly finishedAtMs: number | null
}
