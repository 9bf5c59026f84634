import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import type { CacheWish } from '../core/answer-cache.ts'
import { BrokerError } from '../core/errors.ts'
import { priorities, sensitivities } from '../core/vocabulary.ts'
import { deadlineField, maxDeadlineSeconds } from './schemas.ts'

/** The headers that every endpoint which makes a job understands, as OpenAPI shows them. */
export const jobHeadersSchema = z.object({
  'idempotency-key': z.string().min(1).max(255).optional().describe('Repeating a request with it attaches to its job.'),
  'x-sluice-priority': z.enum(priorities).optional().describe('Who goes first.'),
  'x-sluice-sensitivity': z.enum(sensitivities).optional().describe('May raise the tenant’s floor, never lower it.'),
  'x-sluice-tags': z.string().max(2_000).optional().describe('`a=b,c=d`: at most 16, for accounting.'),
  'x-sluice-deadline': z.string().optional().describe('Seconds from now, or an RFC 3339 time.'),
  'cache-control': z
    .string()
    .max(1_000)
    .optional()
    .describe('`no-cache`: a new answer, which is kept. `no-store`: neither a kept answer nor one to keep.'),
})

export type JobHeaders = Omit<
  z.infer<typeof jobHeadersSchema>,
  'x-sluice-tags' | 'x-sluice-deadline' | 'cache-control'
> & {
  readonly cache?: CacheWish
  readonly tags?: Record<string, string>
  readonly deadlineMs?: number
}

const names = Object.keys(jobHeadersSchema.shape)
const none: JobHeaders = {}

/** @throws BrokerError `invalid_header`, naming the header and what it may be. */
export function readJobHeaders(headers: IncomingHttpHeaders, nowMs: number): JobHeaders {
  if (!names.some((name) => headers[name] !== undefined)) return none
  const parsed = jobHeadersSchema.safeParse(headers)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw invalid(String(issue?.path[0]), issue?.message ?? 'not allowed')
  }
  const { 'x-sluice-tags': tags, 'x-sluice-deadline': deadline, 'cache-control': control, ...rest } = parsed.data
  return {
    ...rest,
    ...(control !== undefined && readCacheWish(control)),
    ...(tags !== undefined && { tags: readTags(tags) }),
    ...(deadline !== undefined && { deadlineMs: readDeadline(deadline, nowMs) }),
  }
}

/** Of the directives of RFC 9111 those that a client has a use for here; others are none of our business. */
function readCacheWish(control: string): { cache?: CacheWish } {
  const directives = control
    .toLowerCase()
    .split(',')
    .map((directive) => directive.trim())
  if (directives.includes('no-store')) return { cache: 'off' }
  return directives.includes('no-cache') ? { cache: 'refresh' } : {}
}

function readTags(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => /^\s*([\w.-]{1,64})=([^,=]{0,256})$/.exec(pair))
  if (pairs.length > 16) throw invalid('x-sluice-tags', 'at most 16 tags')
  return Object.fromEntries(
    pairs.map((pair) => {
      if (!pair) throw invalid('x-sluice-tags', 'expected `a=b,c=d`, names of letters, digits, `_`, `.` and `-`')
      return [pair[1], pair[2]?.trim()]
    }),
  )
}

function readDeadline(text: string, nowMs: number): number {
  const parsed = deadlineField.safeParse(/^\d+(\.\d+)?$/.test(text) ? Number(text) : text)
  if (!parsed.success) throw invalid('x-sluice-deadline', parsed.error.issues[0]?.message ?? 'not allowed')
  return deadlineToMs(parsed.data, nowMs, (rule) => invalid('x-sluice-deadline', rule))
}

/** Seconds from now, or an RFC 3339 time, to epoch milliseconds. Throws what `refuse` makes of the rule it breaks. */
export function deadlineToMs(deadline: number | string, nowMs: number, refuse: (rule: string) => BrokerError): number {
  const deadlineMs = typeof deadline === 'number' ? nowMs + Math.round(deadline * 1000) : Date.parse(deadline)
  if (deadlineMs <= nowMs) throw refuse('that time has passed')
  if (deadlineMs > nowMs + maxDeadlineSeconds * 1000) throw refuse('at most 30 days from now')
  return deadlineMs
}

function invalid(header: string, allowed: string): BrokerError {
  return new BrokerError('invalid_header', `The header ${header} is not valid: ${allowed}.`, { param: header })
}
