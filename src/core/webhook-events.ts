import type { BatchId } from './batch.ts'
import type { JobId } from './job.ts'

/** Everything that a webhook endpoint can be told of, as `<what>.<happened>`. */
export const webhookEventTypes = [
  'job.completed',
  'job.failed',
  'job.cancelled',
  'job.expired',
  'job.rejected',
  'response.completed',
  'response.failed',
  'response.cancelled',
  'response.incomplete',
  'batch.completed',
  'batch.failed',
  'batch.cancelled',
  'batch.expired',
  'budget.alert',
  'webhook_endpoint.disabled',
] as const
export type WebhookEventType = (typeof webhookEventTypes)[number]

/** What a filter may say: `*`, all of one kind as `job.*`, or one type. */
export function listEventPatterns(): string[] {
  const kinds = new Set(webhookEventTypes.map((type) => `${kindOf(type)}.*`))
  return ['*', ...kinds, ...webhookEventTypes]
}

/** Whether any of the patterns stands for this type. */
export function matchesEvent(patterns: readonly string[], type: string): boolean {
  return patterns.some((pattern) => pattern === '*' || pattern === type || pattern === `${kindOf(type)}.*`)
}

/** Something that happened, before it is written for each endpoint as that endpoint wants it. */
export interface WebhookEvent {
  readonly tenant: string
  /** `evt_…`: the same however often the event is told, because it becomes the `webhook-id` that receivers drop repeats by. */
  readonly id: string
  readonly type: WebhookEventType
  readonly atMs: number
  /** What every endpoint is told. */
  readonly data: Readonly<Record<string, unknown>>
  /** What endpoints with full payloads are told on top; asked for only where there is one. */
  readonly full?: () => Promise<Readonly<Record<string, unknown>>>
  readonly traceparent?: string | undefined
  /** The job or the batch that it is about. */
  readonly about?: JobId | BatchId
}

/** The body of a webhook: an event in OpenAI's and in Standard Webhooks' shape at once. */
export function writeEvent(event: Pick<WebhookEvent, 'id' | 'type' | 'atMs'>, data: object): string {
  const { id, type, atMs } = event
  return JSON.stringify({
    id,
    object: 'event',
    type,
    created_at: Math.floor(atMs / 1000),
    timestamp: new Date(atMs).toISOString(),
    data,
  })
}

function kindOf(type: string): string {
  return type.slice(0, type.indexOf('.'))
}
