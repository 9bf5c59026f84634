import type { DeadLetterFilter, DeadLetters } from '../core/dead-letter.ts'
import { BrokerError, type ErrorCode, type JobError } from '../core/errors.ts'
import { isJobId, type JobId, type JobRecord } from '../core/job.ts'
import type { Tenant } from '../core/tenant.ts'
import type { AcceptDeps, Accepted } from './accept-job.ts'
import { quoteReplay, type ReplayQuote } from './quote-replay.ts'
import { type ReplayOptions, replayJob } from './replay-job.ts'

export interface DeadLetterDeps {
  readonly accept: AcceptDeps
  readonly deadLetters: DeadLetters
  /** A tenant as configured now, acting with this key; null for one that is no longer there. */
  readonly tenantOf: (name: string, keyId: string) => Tenant | null
}

/** Which dead letters: those that are named, or so many of those that fit, the newest first. */
export type Selection =
  | { readonly ids: readonly string[] }
  | { readonly filter: DeadLetterFilter; readonly limit: number }

/** What became of one of many; exactly one of the two is null. */
interface Outcome<Value> {
  readonly id: string
  readonly value: Value | null
  readonly error: JobError | null
}

export interface BatchResult<Value> {
  readonly outcomes: readonly Outcome<Value>[]
  /** There are others that were not looked at. */
  readonly hasMore: boolean
}

const parallel = 16
/** After these, the next ones would be refused too. */
const stoppers: ReadonlySet<ErrorCode> = new Set(['queue_full', 'redis_unavailable'])

/** A dead letter by id. @throws BrokerError `job_not_found` */
export async function requireDeadLetter(id: string, { accept }: Pick<DeadLetterDeps, 'accept'>): Promise<JobRecord> {
  const job = isJobId(id) ? await accept.store.read(id) : null
  if (job?.status !== 'failed' || job.isDiscarded) {
    throw new BrokerError('job_not_found', 'No such dead letter.', { param: 'id' })
  }
  return job
}

/** Replays a dead letter for its tenant. @throws BrokerError */
export function replayAsOperator(job: JobRecord, options: ReplayOptions, deps: DeadLetterDeps): Promise<Accepted> {
  const by = { by: 'operator', byKey: null } as const
  return replayJob(job, { ...options, tenant: requireTenant(job, deps), by }, deps.accept)
}

/** What `replayAsOperator` would do. @throws BrokerError */
export function quoteAsOperator(job: JobRecord, options: ReplayOptions, deps: DeadLetterDeps): Promise<ReplayQuote> {
  const by = { by: 'operator', byKey: null } as const
  return quoteReplay(job, { ...options, tenant: requireTenant(job, deps), by }, deps.accept)
}

/** Throws away what it takes to run the job again. @throws BrokerError `job_not_found` */
export async function discardDeadLetter({ id, spec }: JobRecord, deps: DeadLetterDeps): Promise<void> {
  const who = { by: 'operator', byKey: null } as const
  const record = { kind: 'action', job: id, atMs: deps.accept.now(), action: 'discard', ...who, run: null } as const
  if (await deps.deadLetters.discard(id, spec.tenant, record)) return
  throw new BrokerError('job_not_found', 'No such dead letter.', { param: 'id' })
}

/**
 * Does the same to each of a selection and tells what became of it; one that fails holds up no other.
 */
export async function forEachDeadLetter<Value>(
  selection: Selection,
  act: (job: JobRecord) => Promise<Value>,
  deps: DeadLetterDeps,
): Promise<BatchResult<Value>> {
  const { wanted, hasMore } = await select(selection, deps)
  const outcomes: Outcome<Value>[] = []
  for (let at = 0; at < wanted.length; at += parallel) {
    const chunk = await Promise.all(wanted.slice(at, at + parallel).map((each) => attempt(each, act, deps)))
    outcomes.push(...chunk)
    if (chunk.some(({ error }) => error && stoppers.has(error.code))) {
      return { outcomes, hasMore: hasMore || outcomes.length < wanted.length }
    }
  }
  return { outcomes, hasMore }
}

async function select(selection: Selection, { deadLetters }: DeadLetterDeps) {
  if ('ids' in selection) return { wanted: [...new Set(selection.ids)], hasMore: false }
  const { filter, limit } = selection
  const { letters, next } = await deadLetters.list({ filter, limit })
  return { wanted: letters, hasMore: next !== null }
}

async function attempt<Value>(
  which: string | JobRecord,
  act: (job: JobRecord) => Promise<Value>,
  deps: DeadLetterDeps,
): Promise<Outcome<Value>> {
  const id: string | JobId = typeof which === 'string' ? which : which.id
  try {
    const job = typeof which === 'string' ? await requireDeadLetter(which, deps) : which
    return { id, value: await act(job), error: null }
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error
    return { id, value: null, error: { code: error.code, message: error.message } }
  }
}

function requireTenant({ spec }: JobRecord, { tenantOf }: DeadLetterDeps): Tenant {
  const tenant = tenantOf(spec.tenant, spec.keyId)
  if (tenant) return tenant
  throw new BrokerError('job_not_replayable', 'Its tenant is no longer configured.', { param: 'id' })
}
