import { type ErrorCode, errorRow, type JobError } from '../errors.ts'
import type { JobId, JobSpec } from '../job.ts'
import type { TokenUsage } from '../provider.ts'
import type { OutputItem } from './items.ts'
import type { ResponseEcho } from './request.ts'
import { responseIdOf } from './response-id.ts'
import { toResponseUsage } from './usage.ts'

export type IncompleteReason = 'max_output_tokens' | 'content_filter'

/** What never changes about a response. */
export interface ResponseFacts {
  readonly job: JobId
  readonly spec: Pick<JobSpec, 'model' | 'createdAtMs' | 'metadata' | 'serviceTier'>
  readonly echo: ResponseEcho
}

/** How far it has come. */
export type ResponseState =
  | { readonly status: 'queued' | 'in_progress' | 'cancelled' }
  | { readonly status: 'failed'; readonly error: JobError | null }
  | {
      readonly status: 'completed'
      readonly output: readonly OutputItem[]
      readonly usage: TokenUsage | null
      readonly incomplete: IncompleteReason | null
      readonly finishedAtMs: number | null
    }

/** OpenAI's response object. `usage` is left out while it is not known: its description lets it not be null. */
export function describeResponse({ job, spec, echo }: ResponseFacts, state: ResponseState) {
  const isDone = state.status === 'completed'
  const incomplete = isDone ? state.incomplete : null
  return {
    id: responseIdOf(job),
    object: 'response' as const,
    created_at: Math.floor(spec.createdAtMs / 1000),
    status: incomplete === null ? state.status : ('incomplete' as const),
    completed_at: isDone && incomplete === null ? toSeconds(state.finishedAtMs) : null,
    error: state.status === 'failed' ? describeError(state.error) : null,
    incomplete_details: incomplete === null ? null : { reason: incomplete },
    model: spec.model,
    output: isDone ? state.output : [],
    ...echo,
    metadata: spec.metadata ?? {},
    service_tier: spec.serviceTier ?? 'default',
    ...(isDone && state.usage && { usage: toResponseUsage(state.usage) }),
  }
}

export type ResponseObject = ReturnType<typeof describeResponse>

function toSeconds(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms / 1000)
}

/** OpenAI lists the codes that a response may fail with; our own stands in the `error` event and in the message. */
function describeError(error: JobError | null): { code: string; message: string } {
  const { code = 'internal_error', message = 'The response ended without an answer.' } = error ?? {}
  return { code: toResponseErrorCode(code), message }
}

function toResponseErrorCode(code: ErrorCode): 'rate_limit_exceeded' | 'invalid_prompt' | 'server_error' {
  const { type } = errorRow(code)
  if (type === 'rate_limit_error' || type === 'insufficient_quota') return 'rate_limit_exceeded'
  return type === 'server_error' ? 'server_error' : 'invalid_prompt'
}
