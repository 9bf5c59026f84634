/**
 * The per-job event stream. An event's sequence number is its place in the stream, dense from 1; the same number is
 * always the same event, so a reader that comes back with the last number it saw misses nothing and repeats nothing.
 *
 * An entry is stored as `<type> <json>`: the JSON text of a delta is what the upstream sent and is never serialised
 * again on its way to the reader.
 */
export type JobEventType =
  | 'job.queued'
  /** `data` says whether the deltas to come may hold placeholders: `{"masked": true}`. */
  | 'job.in_progress'
  | 'job.retrying'
  /** `data` is one `chat.completion.chunk`. */
  | 'output.delta'
  /** All deltas so far are void: the job runs again from its start. Only on the native stream. */
  | 'output.reset'
  | 'job.completed'
  | 'job.failed'
  | 'job.cancelled'
  | 'job.expired'
  | 'job.rejected'

export interface JobEvent {
  readonly sequence: number
  readonly type: JobEventType
  /** JSON text. */
  readonly data: string
}

/** The facts that a terminal event carries, so that a waiting reader needs no second look. */
export interface TerminalFacts {
  readonly status: 'completed' | 'failed' | 'cancelled' | 'expired' | 'rejected'
  readonly deployment: string | null
  readonly attempts: number
  readonly cost_usd: number | null
  readonly usage: unknown
  /** Set where the answer was made for another job. */
  readonly cache: 'hit' | 'shared' | null
  /** The result may hold placeholders that the vault resolves. */
  readonly masked: boolean
  readonly error: { readonly code: string; readonly message: string } | null
}

export function encodeEntry(type: JobEventType, data: string): string {
  return `${type} ${data}`
}

export function decodeEntry(sequence: number, entry: string): JobEvent {
  const space = entry.indexOf(' ')
  return { sequence, type: entry.slice(0, space) as JobEventType, data: entry.slice(space + 1) }
}

export function isTerminalEvent(event: JobEvent): boolean {
  return terminalTypes.has(event.type)
}

const terminalTypes: ReadonlySet<string> = new Set([
  'job.completed',
  'job.failed',
  'job.cancelled',
  'job.expired',
  'job.rejected',
])
