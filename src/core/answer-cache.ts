/**
 * Answers that are given again, where a model asks for it: a tenant that sends the same request gets the answer that it
 * got before, and while the first of several is still being worked on, the others wait for its answer instead of paying
 * for their own.
 */
import { createHash, createHmac } from 'node:crypto'
import type { JobId } from './job.ts'
import type { TokenUsage } from './provider.ts'
import type { Endpoint, Sensitivity } from './vocabulary.ts'

/** `refresh`: don't read, keep the new answer (`Cache-Control: no-cache`). `off`: neither (`no-store`). */
export type CacheWish = 'use' | 'refresh' | 'off'

export interface CachedAnswer {
  /** As the model wrote it, placeholders included: the same request has the same ones. */
  readonly bodyJson: string
  readonly usage: TokenUsage | null
  /** Who answered. */
  readonly deployment: string
  /** The job that it was made for. */
  readonly job: JobId
}

/** Losing what it holds costs calls, nothing else. Rejects when its Redis is away: that is a miss. */
export interface AnswerCache {
  find(key: string): Promise<CachedAnswer | null>
  keep(key: string, answer: CachedAnswer, ttlMs: number): Promise<void>
  /** Forgets an answer, if it was made for this job. */
  forget(key: string, job: JobId): Promise<void>
  /** Forgets all answers to a tenant. Resolves with how many there were. */
  forgetTenant(tenant: string): Promise<number>
}

/** Which job works on an answer that others wait for. Every method is one atomic step and harmless when repeated. */
export interface Flights {
  /**
   * The first job with a key leads. Each further one follows: it has no queue entry until the leader has ended; one that
   * may not follow goes its own way, and one that is more urgent than the leader leads in its place. What was noted is forgotten after `ttlMs`, when the leader has passed its deadline.
   */
  join(job: JobId, to: { key: string; ttlMs: number; mayFollow: boolean }): Promise<'leads' | 'follows' | 'apart'>
  /** Of these jobs, those that lead, with their key and the jobs that follow them. */
  leading(jobs: readonly JobId[]): Promise<readonly { job: JobId; key: string; followers: readonly JobId[] }[]>
  /** These followers have their answer. When none is left the flight is over; resolves with those that came meanwhile. */
  landed(key: string, leader: JobId, followers: readonly JobId[]): Promise<readonly JobId[]>
  /** The leader came to nothing: the next one leads, and has its queue entry already. */
  succeed(key: string, leader: JobId, next: JobId, ttlMs: number): Promise<void>
}

/**
 * The key of a request: equal for requests that differ only in the order of fields or in white space. Keyed with a
 * secret, because prompts can be guessed from a plain hash. `maskedJson` is in it because an answer's placeholders only
 * mean the same where the same was masked.
 */
export function cacheKeyOf(
  request: {
    readonly tenant: string
    readonly model: string
    readonly endpoint: Endpoint
    readonly sensitivity: Sensitivity
    readonly bodyJson: string
    readonly maskedJson: string
  },
  secret: Buffer,
): string {
  const { tenant, model, endpoint, sensitivity, bodyJson, maskedJson } = request
  const head = JSON.stringify([tenant, model, endpoint, sensitivity])
  const hash = createHmac('sha256', secret).update(head).update('\0').update(canonicalJson(bodyJson))
  if (maskedJson !== bodyJson) hash.update('\0').update(maskedJson)
  return `${cachePrefixOf(tenant)}${hash.digest('base64url')}`
}

/** What the keys of all of a tenant's answers begin with. No key of another begins so. */
export function cachePrefixOf(tenant: string): string {
  return `${createHash('sha256').update(tenant).digest('hex').slice(0, 16)}.`
}

/** JSON text with the fields of objects in order. Numbers stay as they are written: two may differ beyond what a double holds. */
function canonicalJson(json: string): string {
  const parsed: unknown = JSON.parse(json, (_name, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? new WrittenNumber(context?.source ?? String(value)) : value,
  )
  return writeCanonical(parsed)
}

class WrittenNumber {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

function writeCanonical(value: unknown): string {
  if (value instanceof WrittenNumber) return value.source
  if (Array.isArray(value)) return `[${value.map(writeCanonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${writeCanonical(field)}`).join(',')}}`
}
