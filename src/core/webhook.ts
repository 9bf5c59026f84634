import { createHash, randomBytes } from 'node:crypto'
import { v7 as uuid } from 'uuid'
import type { BatchId } from './batch.ts'
import type { JobId } from './job.ts'
import type { WebhookEventType } from './webhook-events.ts'

declare const endpointIdBrand: unique symbol
/** `we_` and 32 hexadecimal digits that sort by time. */
export type EndpointId = string & { readonly [endpointIdBrand]: true }

declare const deliveryIdBrand: unique symbol
/** `dlv_` and 32 hexadecimal digits, made of what is sent and where to: telling the same twice is one delivery. */
export type DeliveryId = string & { readonly [deliveryIdBrand]: true }

export function createEndpointId(): EndpointId {
  return `we_${uuid().replaceAll('-', '')}` as EndpointId
}

export function isEndpointId(text: string): text is EndpointId {
  return /^we_[0-9a-f]{32}$/.test(text)
}

export function isDeliveryId(text: string): text is DeliveryId {
  return /^dlv_[0-9a-f]{32}$/.test(text)
}

/** A lane is what waits for one receiver: an endpoint, or a URL that came with jobs of a tenant. */
export function deliveryIdOf(lane: string, eventId: string): DeliveryId {
  return `dlv_${digest(lane, eventId)}` as DeliveryId
}

export function laneOfUrl(tenant: string, url: string): string {
  return `url_${digest(tenant, url)}`
}

/** A signing secret as Standard Webhooks writes it: `whsec_` and the base64 of 32 random bytes. */
export function createWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}

/** `requested`: by the tenant. `gone`: it answered 410. `failing`: nothing else than failures for days. */
export type DisabledReason = 'requested' | 'gone' | 'failing'

/** What a tenant decides about an endpoint. */
export interface EndpointSettings {
  readonly url: string
  /** Patterns of `core/webhook-events.ts`. */
  readonly events: readonly string[]
  readonly description: string | null
  readonly payload: 'thin' | 'full'
}

export interface WebhookEndpoint extends EndpointSettings {
  readonly id: EndpointId
  readonly tenant: string
  readonly status: 'enabled' | 'disabled'
  readonly disabledReason: DisabledReason | null
  readonly disabledAtMs: number | null
  /** Since when every attempt has failed; null after a success. */
  readonly failingSinceMs: number | null
  readonly createdAtMs: number
}

/** A secret that signs. All but the newest have an end. */
export interface EndpointSecret {
  readonly secret: string
  readonly expiresAtMs: number | null
}

/** The endpoints of all tenants. Another tenant's endpoint is not found. */
export interface WebhookEndpoints {
  /** False when the tenant has `limit` endpoints already. */
  create(endpoint: WebhookEndpoint, secret: string, limit: number): Promise<boolean>
  read(id: EndpointId): Promise<WebhookEndpoint | null>
  /** Oldest first. */
  list(tenant: string): Promise<readonly WebhookEndpoint[]>
  /** Which of these tenants have endpoints. */
  listening(tenants: readonly string[]): Promise<ReadonlySet<string>>
  /** Enabling also forgets that it failed. False when it is gone. */
  update(
    id: EndpointId,
    changes: Partial<EndpointSettings> & { readonly status?: WebhookEndpoint['status'] },
    nowMs: number,
  ): Promise<boolean>
  /** Removes it with its log and all that was to be sent there. Returns how many deliveries that were. */
  delete(endpoint: Pick<WebhookEndpoint, 'id' | 'tenant'>): Promise<number>
  /** Removes all endpoints that a tenant made up to this time, and what was sent or to be sent anywhere for it. */
  deleteTenant(tenant: string, untilMs: number): Promise<{ readonly endpoints: number; readonly deliveries: number }>
  /** What signs at `nowMs`, newest first. */
  secretsOf(id: EndpointId, nowMs: number): Promise<readonly string[]>
  /** Puts a new secret first; those of before end at `untilMs` at the latest. False when the endpoint is gone. */
  rotate(id: EndpointId, secret: string, times: { nowMs: number; untilMs: number }): Promise<boolean>
}

/** What is to be sent to one receiver. */
export interface NewDelivery {
  readonly id: DeliveryId
  readonly tenant: string
  readonly lane: string
  /** Null where the URL came with the event. */
  readonly endpoint: EndpointId | null
  readonly url: string | null
  readonly eventId: string
  readonly type: WebhookEventType
  readonly body: string
  readonly createdAtMs: number
  readonly traceparent: string | undefined
  /** What it tells of: of one that is gone, or was destroyed, nothing is written down. */
  readonly about?: JobId | BatchId | undefined
}

/** One attempt, for the log. */
export interface DeliveryAttempt {
  readonly atMs: number
  readonly outcome: 'delivered' | 'failed'
  /** What the receiver answered; null where it did not. */
  readonly status: number | null
  readonly latencyMs: number
  /** A code of `delivery/delivery-error-code.ts`. */
  readonly error: string | null
  /** The beginning of the answer's body. */
  readonly response: string | null
}

export type DeliveryStatus = 'pending' | 'delivered' | 'failed'

/** Why a delivery ended without another attempt. */
export type AbandonReason =
  | 'endpoint_disabled'
  | 'endpoint_deleted'
  | 'payload_expired'
  | 'secret_missing'
  | 'too_many_waiting'

export interface Delivery extends Omit<NewDelivery, 'url' | 'body' | 'about'> {
  readonly status: DeliveryStatus
  readonly abandoned: AbandonReason | null
  readonly attempts: readonly (DeliveryAttempt & { readonly number: number })[]
  readonly nextAttemptAtMs: number | null
}

/** A delivery whose turn it is, with what is needed to make an attempt. */
export interface DueDelivery extends Omit<NewDelivery, 'url' | 'body' | 'about'> {
  /** Failed attempts since it was created or sent again by hand. */
  readonly failures: number
  /** Null when it was kept for too long. */
  readonly content: { readonly url: string | null; readonly body: string } | null
}

export interface TakenDelivery {
  readonly id: DeliveryId
  readonly lane: string
}

/** What follows an attempt. */
export interface DeliveryEnd {
  readonly attempt: DeliveryAttempt
  /** When it ended. */
  readonly nowMs: number
  readonly next:
    | { readonly action: 'done' }
    | { readonly action: 'retry'; readonly atMs: number }
    | { readonly action: 'give-up' }
  /** The receiver wants to be left alone until then. */
  readonly pauseUntilMs: number | null
  /** The receiver says that it will not come back. */
  readonly isGone: boolean
}

export type ResendOutcome = 'queued' | 'not_found' | 'payload_expired'

/**
 * What is to be sent, until it is sent, and what became of it. Every method is one step, and harmless when it is called
 * again. What a sender has taken is taken by another one when the lease is over.
 */
export interface WebhookDeliveries {
  /** False when it is known already. */
  add(delivery: NewDelivery): Promise<boolean>
  /**
   * Takes what is due: of each lane no more at once than `perLane`, and of a lane whose last attempt failed only one, so
   * that receivers that hang leave room to all others.
   */
  take(room: { slots: number; perLane: number; nowMs: number; leaseUntilMs: number }): Promise<readonly TakenDelivery[]>
  renew(taken: readonly TakenDelivery[], leaseUntilMs: number): Promise<void>
  /** Null when it was deleted meanwhile. */
  open(taken: TakenDelivery): Promise<DueDelivery | null>
  finish(delivery: DueDelivery, end: DeliveryEnd): Promise<void>
  /** Ends it without an attempt. */
  abandon(taken: TakenDelivery, reason: AbandonReason): Promise<void>
  read(id: DeliveryId): Promise<Delivery | null>
  /** Of one endpoint, newest first. */
  list(query: {
    endpoint: EndpointId
    after?: DeliveryId
    limit: number
  }): Promise<{ readonly deliveries: readonly Delivery[]; readonly hasMore: boolean }>
  /** Makes it due now, with the whole schedule before it again. */
  resend(delivery: Pick<Delivery, 'id' | 'lane'>, nowMs: number): Promise<ResendOutcome>
  /** Destroys what was sent or is to be sent, and that it was. False when there is no such delivery. */
  forget(delivery: Pick<Delivery, 'id' | 'tenant' | 'lane' | 'endpoint'>): Promise<boolean>
}
