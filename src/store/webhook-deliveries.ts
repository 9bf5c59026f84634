import type { Redis } from 'ioredis'
import { type BatchId, isBatchId } from '../core/batch.ts'
import type { JobId } from '../core/job.ts'
import type {
  AbandonReason,
  Delivery,
  DeliveryAttempt,
  DeliveryEnd,
  DeliveryId,
  DeliveryStatus,
  DueDelivery,
  EndpointId,
  NewDelivery,
  ResendOutcome,
  TakenDelivery,
  WebhookDeliveries,
} from '../core/webhook.ts'
import type { WebhookEventType } from '../core/webhook-events.ts'
import { longestScheduleMs } from '../core/webhook-schedule.ts'
import { keys } from './keys.ts'
import { executePipeline } from './read-jobs.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'
import type { Sealer } from './sealing.ts'
import { webhookScripts } from './webhook-scripts.ts'

export interface WebhookDeliveryOptions {
  readonly redis: Redis
  readonly sealer: Sealer
  /** How long a delivery that has ended stays in the log, in milliseconds. */
  readonly logRetentionMs: number
  /** How long what was sent can be sent again by hand, in milliseconds from the end of its delivery. */
  readonly contentRetentionMs: number
  /** An endpoint that has only failed for so long is disabled, in milliseconds. */
  readonly disableAfterMs: number
  /** How many events may wait for one receiver; further ones are not sent. */
  readonly laneLength?: number
}

/** Of one endpoint; older ones are still delivered and can no longer be listed. */
const logLength = 10_000
const laneLength = 100_000
const attemptsKept = 20
const lanesAtOnce = 100

/** Deliveries on Redis. What is sent, and what receivers answer, is sealed. */
export class RedisWebhookDeliveries implements WebhookDeliveries {
  readonly #redis: Redis
  readonly #sealer: Sealer
  readonly #options: WebhookDeliveryOptions
  readonly #run: RunScript<keyof typeof webhookScripts>

  constructor(options: WebhookDeliveryOptions) {
    this.#redis = options.redis
    this.#sealer = options.sealer
    this.#options = options
    this.#run = defineScripts(options.redis, 'webhook', webhookScripts)
  }

  async add(delivery: NewDelivery): Promise<boolean> {
    const { id, tenant, lane, endpoint, url, eventId, type, body, createdAtMs, traceparent, about } = delivery
    const content = this.#sealer.seal(JSON.stringify({ url, body }), { job: id, field: 'content' })
    const fields = ['tenant', tenant, 'event', eventId, 'type', type]
    if (endpoint !== null) fields.push('endpoint', endpoint)
    if (traceparent !== undefined) fields.push('traceparent', traceparent)
    const added = await this.#run(
      'add',
      [keys.webhookDelivery(id), keys.webhookContent(id), logOf(delivery), ...(about ? [subjectKey(about)] : [])],
      [
        id,
        lane,
        createdAtMs,
        this.#openMs,
        content,
        createdAtMs - this.#openMs,
        logLength,
        this.#options.laneLength ?? laneLength,
        this.#options.logRetentionMs,
        ...fields,
      ],
    )
    return added === 1
  }

  async take(room: Parameters<WebhookDeliveries['take']>[0]): Promise<readonly TakenDelivery[]> {
    const { nowMs, leaseUntilMs, slots, perLane } = room
    const words = (await this.#run('take', [], [nowMs, leaseUntilMs, slots, perLane, lanesAtOnce])) as string[]
    const taken: TakenDelivery[] = []
    for (let at = 0; at < words.length; at += 2) {
      taken.push({ lane: words[at] ?? '', id: words[at + 1] as DeliveryId })
    }
    return taken
  }

  async renew(taken: readonly TakenDelivery[], leaseUntilMs: number): Promise<void> {
    await this.#run('renew', [], [leaseUntilMs, ...taken.flatMap(({ lane, id }) => [lane, id])])
  }

  async open({ id }: TakenDelivery): Promise<DueDelivery | null> {
    const pipeline = this.#redis.pipeline().hgetall(keys.webhookDelivery(id)).get(keys.webhookContent(id))
    const [fields, sealed] = (await executePipeline(pipeline)) as [Record<string, string>, string | null]
    const facts = parseFacts(id, fields)
    if (facts === null) return null
    const content = sealed === null ? null : this.#sealer.open(sealed, { job: id, field: 'content' })
    return {
      ...facts,
      failures: Number(fields.failures),
      content: content === null ? null : (JSON.parse(content) as { url: string | null; body: string }),
    }
  }

  async finish(delivery: DueDelivery, { attempt, nowMs, next, pauseUntilMs, isGone }: DeliveryEnd): Promise<void> {
    const { id, lane, endpoint } = delivery
    const response = attempt.response && this.#sealer.seal(attempt.response, { job: id, field: 'response' })
    await this.#run(
      'finish',
      [keys.webhookDelivery(id), keys.webhookContent(id), keys.webhookEndpoint(endpoint ?? lane), keys.outbox],
      [
        id,
        lane,
        nowMs,
        next.action,
        next.action === 'retry' ? next.atMs : '',
        JSON.stringify({ ...attempt, response }),
        this.#options.logRetentionMs,
        this.#options.contentRetentionMs,
        pauseUntilMs ?? '',
        isGone ? '1' : '',
        this.#options.disableAfterMs,
        attemptsKept,
        endpoint ?? '',
      ],
    )
  }

  async abandon({ id, lane }: TakenDelivery, reason: AbandonReason): Promise<void> {
    const { logRetentionMs, contentRetentionMs } = this.#options
    const args = [id, lane, reason, logRetentionMs, contentRetentionMs]
    await this.#run('abandon', [keys.webhookDelivery(id), keys.webhookContent(id)], args)
  }

  async read(id: DeliveryId): Promise<Delivery | null> {
    return this.#parse(id, await translateRedisErrors(this.#redis.hgetall(keys.webhookDelivery(id))))
  }

  async list(query: { endpoint: EndpointId; after?: DeliveryId; limit: number }) {
    const log = keys.webhookLog(query.endpoint)
    const deliveries: Delivery[] = []
    let rank = 0
    if (query.after !== undefined) {
      const found = await translateRedisErrors(this.#redis.zrevrank(log, query.after))
      if (found === null) return { deliveries: [], hasMore: false }
      rank = found + 1
    }
    // One more than is wanted tells whether there is another page.
    while (deliveries.length <= query.limit) {
      const last = rank + query.limit
      const ids = (await translateRedisErrors(this.#redis.zrevrange(log, rank, last))) as DeliveryId[]
      if (ids.length === 0) break
      const pipeline = this.#redis.pipeline()
      for (const id of ids) pipeline.hgetall(keys.webhookDelivery(id))
      const replies = (await executePipeline(pipeline)) as Record<string, string>[]
      deliveries.push(...ids.flatMap((id, index) => this.#parse(id, replies[index] ?? {}) ?? []))
      rank = last + 1
    }
    return { deliveries: deliveries.slice(0, query.limit), hasMore: deliveries.length > query.limit }
  }

  async resend({ id, lane }: Pick<Delivery, 'id' | 'lane'>, nowMs: number): Promise<ResendOutcome> {
    const args = [id, lane, nowMs, this.#openMs]
    return (await this.#run('resend', [keys.webhookDelivery(id), keys.webhookContent(id)], args)) as ResendOutcome
  }

  async forget(delivery: Pick<Delivery, 'id' | 'tenant' | 'lane' | 'endpoint'>): Promise<boolean> {
    const { id, lane } = delivery
    const scriptKeys = [keys.webhookDelivery(id), keys.webhookContent(id), logOf(delivery)]
    return (await this.#run('forget', scriptKeys, [id, lane])) === 1
  }

  /** A delivery that has not ended is kept until after its last attempt, however long the lane is. */
  get #openMs(): number {
    return Math.ceil(2 * longestScheduleMs) + this.#options.logRetentionMs
  }

  #parse(id: DeliveryId, fields: Record<string, string>): Delivery | null {
    const facts = parseFacts(id, fields)
    if (facts === null) return null
    const numbers = Object.keys(fields).flatMap((name) => (name.startsWith('attempt:') ? [Number(name.slice(8))] : []))
    const attempts = numbers
      .sort((left, right) => left - right)
      .map((number) => {
        const attempt = JSON.parse(fields[`attempt:${number}`] ?? '') as DeliveryAttempt
        const response = attempt.response && this.#sealer.open(attempt.response, { job: id, field: 'response' })
        return { ...attempt, response, number }
      })
    return {
      ...facts,
      status: fields.status as DeliveryStatus,
      abandoned: (fields.abandoned as AbandonReason | undefined) ?? null,
      attempts,
      nextAttemptAtMs: fields.next === undefined ? null : Number(fields.next),
    }
  }
}

function subjectKey(about: JobId | BatchId): string {
  return isBatchId(about) ? keys.batch(about) : keys.job(about)
}

function logOf({ tenant, endpoint }: Pick<Delivery, 'tenant' | 'endpoint'>): string {
  return endpoint === null ? keys.webhookUrlLog(tenant) : keys.webhookLog(endpoint)
}

function parseFacts(id: DeliveryId, fields: Record<string, string>) {
  const { tenant, lane, endpoint, event, type, created, traceparent } = fields
  if (tenant === undefined || lane === undefined || event === undefined) return null
  return {
    id,
    tenant,
    lane,
    endpoint: (endpoint as EndpointId | undefined) ?? null,
    eventId: event,
    type: type as WebhookEventType,
    createdAtMs: Number(created),
    traceparent,
  }
}
