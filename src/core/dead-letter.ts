import type { ErrorCode } from './errors.ts'
import type { JobId, JobRecord } from './job.ts'
import type { ActionRecord } from './records.ts'

/**
 * A dead letter is a job that failed, kept with what it takes to run it again for `retention.dead_letters`.
 *
 *     failed ──replay──→ a new job, `replay_of` this one; once for each dead letter
 *        └────discard──→ request, vault and events are gone; the job stays to be seen like any other that ended
 *
 * A run that fails is a dead letter itself and can be replayed in turn: `first` of `JobSpec.replayOf` names the chain.
 */
export const deadLetterKinds = ['exhausted', 'unprocessable'] as const
/**
 * `exhausted`: nobody could serve it then; the same request may well pass later. `unprocessable`: the request itself was
 * refused, or nothing survived it; another model may take it, the same one will not.
 */
export type DeadLetterKind = (typeof deadLetterKinds)[number]

const unprocessableCodes: ReadonlySet<ErrorCode> = new Set([
  'upstream_rejected',
  'context_length_exceeded',
  'content_filter',
  'unsupported_by_deployments',
  'unprocessable_job',
] satisfies ErrorCode[])

export function deadLetterKindOf(code: ErrorCode | null): DeadLetterKind {
  return code !== null && unprocessableCodes.has(code) ? 'unprocessable' : 'exhausted'
}

export interface DeadLetterFilter {
  readonly tenant?: string | undefined
  readonly model?: string | undefined
  readonly kind?: DeadLetterKind | undefined
  readonly code?: string | undefined
  /** One of its attempts was made there. */
  readonly deployment?: string | undefined
  readonly replayed?: boolean | undefined
  /** When it failed: from `fromMs` up to but not with `toMs`, in Unix milliseconds. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

/** Whether a job is what the filter asks for, its tenant and times apart: those the index knows. */
export function isWanted(job: JobRecord, { model, kind, code, deployment, replayed }: DeadLetterFilter): boolean {
  return (
    (model === undefined || job.spec.model === model) &&
    (kind === undefined || deadLetterKindOf(job.error?.code ?? null) === kind) &&
    (code === undefined || job.error?.code === code) &&
    (deployment === undefined || job.attempts.some((attempt) => attempt.deployment === deployment)) &&
    (replayed === undefined || (job.replayedBy !== null) === replayed)
  )
}

export interface DeadLetterQuery {
  readonly filter: DeadLetterFilter
  /** The `next` of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface DeadLetterPage {
  /** Newest first. */
  readonly letters: readonly JobRecord[]
  /** Where the next page begins; null after the last. */
  readonly next: string | null
}

export interface DeadLetters {
  /** How long a dead letter is kept from its end, in milliseconds. */
  readonly retentionMs: number
  /** Takes a failed job in. Harmless when it is called again, or for a job that is gone or was discarded. */
  bury(id: JobId, facts: { tenant: string; endedAtMs: number; nowMs: number }): Promise<void>
  list(query: DeadLetterQuery): Promise<DeadLetterPage>
  /** Whether its request is still there. */
  canBeReplayed(id: JobId): Promise<boolean>
  /** Forgets what a replay needs and notes who did it, in one step. False when there was no such dead letter. */
  discard(id: JobId, tenant: string, record: ActionRecord): Promise<boolean>
}

/** Written `<ms>-<job id>`: a page can go on where its last dead letter has been discarded meanwhile. */
export function encodeCursor(job: JobRecord): string {
  return `${job.finishedAtMs ?? 0}-${job.id}`
}

/** Null for text that is no cursor. */
export function decodeCursor(text: string): { atMs: number; id: JobId } | null {
  const [, atMs, id] = /^(\d{1,15})-(job_[0-9a-f]{32})$/.exec(text) ?? []
  return atMs === undefined || id === undefined ? null : { atMs: Number(atMs), id: id as JobId }
}
