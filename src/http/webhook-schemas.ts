import { z } from 'zod'
import { listEventPatterns } from '../core/webhook-events.ts'
import { closedObject } from './schemas.ts'

const patterns = listEventPatterns()
const patternRule = `expected one of ${patterns.join(', ')}`

const fields = {
  url: z.url({ error: 'expected a URL' }).max(2_000).describe('Where events are sent.'),
  events: z
    .array(z.string().refine((text) => patterns.includes(text), { error: patternRule }))
    .min(1)
    .max(50)
    .describe('Which events are sent: types, all of a kind as `job.*`, or `*`.'),
  description: z.string().max(500).nullable(),
  payload: z
    .enum(['thin', 'full'])
    .describe('`thin`: what happened, without the result. `full`: with the result, where it may be pushed.'),
}

export const newEndpoint = closedObject({
  url: fields.url,
  events: fields.events.default(['*']),
  description: fields.description.default(null),
  payload: fields.payload.default('thin'),
}).meta({ id: 'NewWebhookEndpoint' })

export const endpointChanges = closedObject({
  url: fields.url.optional(),
  events: fields.events.optional(),
  description: fields.description.optional(),
  payload: fields.payload.optional(),
  status: z.enum(['enabled', 'disabled']).optional(),
})
  .refine((changes) => Object.keys(changes).length > 0, { error: 'expected at least one field to change' })
  .meta({ id: 'WebhookEndpointChanges' })

const maxOverlapSeconds = 7 * 24 * 3600

export const rotation = closedObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(maxOverlapSeconds)
    .default(24 * 3600)
    .describe('For how long the secret before signs as well.'),
}).nullish()

export const webhookEndpoint = z
  .object({
    id: z.string(),
    object: z.literal('webhook_endpoint'),
    url: z.string(),
    events: z.array(z.string()),
    description: z.string().nullable(),
    payload: z.enum(['thin', 'full']),
    status: z.enum(['enabled', 'disabled']),
    disabled_reason: z
      .enum(['requested', 'gone', 'failing'])
      .nullable()
      .describe('By the tenant; it answered 410; it has only failed for days.'),
    disabled_at: z.number().nullable().describe('Unix seconds.'),
    failing_since: z.number().nullable().describe('Since when every attempt has failed.'),
    created_at: z.number(),
  })
  .meta({ id: 'WebhookEndpoint' })

export const newEndpointAnswer = webhookEndpoint
  .extend({ secret: z.string().describe('`whsec_…`, shown only now.') })
  .meta({ id: 'CreatedWebhookEndpoint' })

export const rotatedEndpoint = newEndpointAnswer
  .extend({ previous_secrets_expire_at: z.number().describe('Unix seconds.') })
  .meta({ id: 'RotatedWebhookEndpoint' })

export const endpointList = z
  .object({ object: z.literal('list'), data: z.array(webhookEndpoint), has_more: z.literal(false) })
  .meta({ id: 'WebhookEndpointList' })

export const deletedEndpoint = z
  .object({ id: z.string(), object: z.literal('webhook_endpoint'), deleted: z.literal(true) })
  .meta({ id: 'DeletedWebhookEndpoint' })

export const webhookDelivery = z
  .object({
    id: z.string(),
    object: z.literal('webhook_delivery'),
    endpoint: z.string(),
    webhook_id: z.string().describe('The id of the event, the same for every attempt.'),
    event_type: z.string(),
    status: z.enum(['pending', 'delivered', 'failed']),
    abandoned: z
      .enum(['endpoint_disabled', 'endpoint_deleted', 'payload_expired', 'secret_missing', 'too_many_waiting'])
      .nullable()
      .describe('Why it ended without another attempt.'),
    created_at: z.number(),
    next_attempt_at: z.number().nullable(),
    attempts: z.array(
      z.object({
        attempt: z.number(),
        at: z.number(),
        outcome: z.enum(['delivered', 'failed']),
        status: z.number().nullable().describe('What the receiver answered.'),
        latency_ms: z.number(),
        error: z.string().nullable(),
        response: z.string().nullable().describe('The first kilobyte of the answer.'),
      }),
    ),
  })
  .meta({ id: 'WebhookDelivery' })

export const deliveryList = z
  .object({
    object: z.literal('list'),
    data: z.array(webhookDelivery),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'WebhookDeliveryList' })

export const deliveryListQuery = closedObject({
  after: z.string().optional().describe('The last id of the page before.'),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
