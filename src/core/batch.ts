/**
 * The life of a batch, in one place. The words are OpenAI's.
 *
 *   validating ─→ in_progress ─→ finalizing ─→ completed
 *       │              │
 *       └→ failed      ├─ its time is over ─→ finalizing ─→ expired
 *                      └─ cancelled ────────→ cancelling ─→ cancelled
 *
 * A batch may also be cancelled or overdue while it is being validated: it is validated to the end all the same, because
 * what its lines are called and how many there are is only known then. In every end but `failed` each line has exactly one
 * outcome: `completed + failed = total`.
 */
import { v7 as uuid } from 'uuid'
import type { FileId } from './file.ts'
import type { JobId } from './job.ts'
import type { Throughput } from './queue-place.ts'
import { takeRandomBytes } from './random-bytes.ts'
import { type Endpoint, endpoints, type Sensitivity } from './vocabulary.ts'

declare const batchIdBrand: unique symbol
/** `batch_` and 32 hexadecimal digits that sort by time. */
export type BatchId = string & { readonly [batchIdBrand]: true }

const batchIdPattern = /^batch_[0-9a-f]{32}$/

export function createBatchId(): BatchId {
  return `batch_${uuid({ random: takeRandomBytes(16) }).replaceAll('-', '')}` as BatchId
}

export function isBatchId(text: string): text is BatchId {
  return batchIdPattern.test(text)
}

/** What the lines of a batch may ask for. A response is a chat in other words, and so is its job. */
export const batchEndpoints = [...endpoints, '/v1/responses'] as const
export type BatchEndpoint = (typeof batchEndpoints)[number]

export function jobEndpointOf(endpoint: BatchEndpoint): Endpoint {
  return endpoint === '/v1/responses' ? '/v1/chat/completions' : endpoint
}

export type BatchStatus = 'validating' | 'in_progress' | 'finalizing' | 'cancelling' | TerminalBatchStatus
export type TerminalBatchStatus = 'completed' | 'failed' | 'expired' | 'cancelled'

const ends: readonly BatchStatus[] = ['completed', 'failed', 'expired', 'cancelled']

export function isBatchEnd(status: BatchStatus): status is TerminalBatchStatus {
  return ends.includes(status)
}

/** Most lines of an input file: OpenAI's limit. */
export const maxBatchLines = 50_000
/** Most problems that a refused batch lists; the last entry says how many lines more there are. */
export const maxBatchErrors = 100

/** What is wrong with an input file, as OpenAI says it. `line` is the line of the file, from 1; null for the file as a whole. */
export interface BatchError {
  readonly code: string
  readonly message: string
  readonly param: string | null
  readonly line: number | null
}

/** Tokens of all lines that were answered. */
export interface BatchUsage {
  readonly input: number
  readonly cached: number
  readonly output: number
  readonly reasoning: number
}

interface BatchTimes {
  readonly inProgressAtMs: number | null
  readonly finalizingAtMs: number | null
  readonly completedAtMs: number | null
  readonly failedAtMs: number | null
  readonly expiredAtMs: number | null
  readonly cancellingAtMs: number | null
  readonly cancelledAtMs: number | null
}

/** What was asked for. */
export interface BatchSpec {
  readonly tenant: string
  /** Public id of the API key that the batch came with. */
  readonly keyId: string
  readonly inputFile: FileId
  readonly endpoint: BatchEndpoint
  /** As it was written: `24h`. */
  readonly completionWindow: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
  readonly metadata: Readonly<Record<string, string>> | null
  /** How long its output is kept after it was made, in milliseconds; null for as long as other files. */
  readonly outputTtlMs: number | null
  /** Of every line; undefined for the tenant's default. */
  readonly sensitivity?: Sensitivity
  readonly tags?: Readonly<Record<string, string>>
  /** The batch whose failed lines this one runs again. */
  readonly retryOf?: BatchId
}

/** Where in its input a batch is: the next byte, and the number of the last line before it. */
export interface BatchCursor {
  readonly offset: number
  readonly line: number
}

export interface BatchRecord {
  readonly id: BatchId
  readonly spec: BatchSpec
  readonly status: BatchStatus
  /** Why it comes to an end before its lines do. */
  readonly ending: 'cancelled' | 'expired' | null
  readonly isValidated: boolean
  readonly errors: readonly BatchError[]
  readonly counts: { readonly total: number; readonly completed: number; readonly failed: number }
  readonly usage: BatchUsage
  /** How fast its lines came to their outcomes lately, whatever kept them. */
  readonly pace: Throughput
  /** Where all lines ask for the same one. */
  readonly model: string | null
  readonly cursor: BatchCursor
  /** Set once something is in it. */
  readonly outputFile: FileId | null
  readonly errorFile: FileId | null
  readonly times: BatchTimes
}

/** A line that a job was given. */
export interface OpenLine {
  readonly job: JobId
  readonly line: number
  readonly offset: number
  /** In bytes, without the line's end. */
  readonly length: number
  readonly customId: string
}

const hourMs = 3_600_000
const windowLimits = { leastMs: hourMs, mostMs: 7 * 24 * hourMs } as const
export const windowRule = 'expected hours or days from `1h` to `7d`, such as `24h`'

/** `1h` to `7d` in milliseconds; null for anything else. */
export function parseCompletionWindow(text: string): number | null {
  const [, count, unit] = /^([1-9]\d{0,2})([hd])$/.exec(text) ?? []
  if (count === undefined) return null
  const windowMs = Number(count) * (unit === 'd' ? 24 : 1) * hourMs
  return windowMs >= windowLimits.leastMs && windowMs <= windowLimits.mostMs ? windowMs : null
}
