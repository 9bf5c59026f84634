import type { Redis } from 'ioredis'
import type {
  DisabledReason,
  EndpointId,
  EndpointSecret,
  EndpointSettings,
  WebhookEndpoint,
  WebhookEndpoints,
} from '../core/webhook.ts'
import { keys } from './keys.ts'
import { executePipeline } from './read-jobs.ts'
import { translateRedisErrors } from './redis-errors.ts'
import { defineScripts, type RunScript } from './scripts.ts'
import type { Sealer } from './sealing.ts'
import { webhookScripts } from './webhook-scripts.ts'

/** An endpoint signs with no more secrets than this, however often they are rotated within one overlap. */
const mostSecrets = 3
const logPiece = 200

/** Endpoints on Redis. URLs, which often hold a token, and secrets are sealed with a key of each endpoint's own. */
export class RedisWebhookEndpoints implements WebhookEndpoints {
  readonly #redis: Redis
  readonly #sealer: Sealer
  readonly #run: RunScript<keyof typeof webhookScripts>

  constructor({ redis, sealer }: { redis: Redis; sealer: Sealer }) {
    this.#redis = redis
    this.#sealer = sealer
    this.#run = defineScripts(redis, 'webhook', webhookScripts)
  }

  async create(endpoint: WebhookEndpoint, secret: string, limit: number): Promise<boolean> {
    const { id, tenant, createdAtMs } = endpoint
    const secrets: readonly EndpointSecret[] = [{ secret, expiresAtMs: null }]
    const fields = ['tenant', tenant, 'secrets', this.#sealSecrets(id, secrets), ...this.#fieldsOf(id, endpoint)]
    const scriptKeys = [keys.webhookEndpoint(id), keys.webhookEndpoints(tenant)]
    return (await this.#run('createEndpoint', scriptKeys, [id, createdAtMs, limit, ...fields])) === 1
  }

  async read(id: EndpointId): Promise<WebhookEndpoint | null> {
    return this.#parse(id, await translateRedisErrors(this.#redis.hgetall(keys.webhookEndpoint(id))))
  }

  async list(tenant: string): Promise<readonly WebhookEndpoint[]> {
    const ids = (await translateRedisErrors(this.#redis.zrange(keys.webhookEndpoints(tenant), 0, '-1'))) as EndpointId[]
    if (ids.length === 0) return []
    const pipeline = this.#redis.pipeline()
    for (const id of ids) pipeline.hgetall(keys.webhookEndpoint(id))
    const replies = (await executePipeline(pipeline)) as Record<string, string>[]
    return ids.flatMap((id, index) => this.#parse(id, replies[index] ?? {}) ?? [])
  }

  async listening(tenants: readonly string[]): Promise<ReadonlySet<string>> {
    if (tenants.length === 0) return new Set()
    const pipeline = this.#redis.pipeline()
    for (const tenant of tenants) pipeline.exists(keys.webhookEndpoints(tenant))
    const replies = await executePipeline(pipeline)
    return new Set(tenants.filter((_, index) => replies[index] === 1))
  }

  async update(id: EndpointId, changes: Parameters<WebhookEndpoints['update']>[1], nowMs: number): Promise<boolean> {
    const args = [id, nowMs, changes.status ?? '', ...this.#fieldsOf(id, changes)]
    return (await this.#run('updateEndpoint', [keys.webhookEndpoint(id)], args)) === 1
  }

  async delete({ id, tenant }: Pick<WebhookEndpoint, 'id' | 'tenant'>): Promise<number> {
    await this.#run('deleteEndpoint', [keys.webhookEndpoint(id), keys.webhookEndpoints(tenant)], [id])
    const logged = await this.#forgetLog(keys.webhookLog(id), '+inf')
    return logged + (await this.#forgetLane(id, tenant, Number.MAX_SAFE_INTEGER))
  }

  async deleteTenant(tenant: string, untilMs: number): Promise<{ endpoints: number; deliveries: number }> {
    // Without opening any: what was sealed with a key that is lost must go as well.
    const found = this.#redis.zrangebyscore(keys.webhookEndpoints(tenant), '-inf', untilMs)
    const endpoints = (await translateRedisErrors(found)) as EndpointId[]
    let deliveries = 0
    for (const id of endpoints) deliveries += await this.delete({ id, tenant })
    deliveries += await this.#forgetLog(keys.webhookUrlLog(tenant), untilMs)
    // What was made until then may have been told of later, and to endpoints that were made later.
    const later = await translateRedisErrors(this.#redis.zrange(keys.webhookEndpoints(tenant), 0, '-1'))
    for (const log of [keys.webhookUrlLog(tenant), ...later.map((id) => keys.webhookLog(id))]) {
      deliveries += await this.#inPages('forgetTold', [log], [untilMs])
    }
    for (const lane of later) deliveries += await this.#forgetLane(lane, tenant, untilMs)
    const pattern = { match: 'url_*', count: logPiece }
    for await (const page of this.#redis.zscanStream(keys.webhookLanes, pattern) as AsyncIterable<string[]>) {
      const lanes = page.filter((_, index) => index % 2 === 0)
      for (const lane of lanes) deliveries += await this.#forgetLane(lane, tenant, untilMs)
    }
    return { endpoints: endpoints.length, deliveries }
  }

  async secretsOf(id: EndpointId, nowMs: number): Promise<readonly string[]> {
    const sealed = await this.#readSealed(id)
    if (sealed === null) return []
    return this.#openSecrets(id, sealed).flatMap(({ secret, expiresAtMs }) =>
      expiresAtMs === null || expiresAtMs > nowMs ? [secret] : [],
    )
  }

  rotate(id: EndpointId, secret: string, { nowMs, untilMs }: { nowMs: number; untilMs: number }): Promise<boolean> {
    return this.#replaceSecrets(id, (secrets) => {
      const before = secrets
        .map((each) => ({ ...each, expiresAtMs: Math.min(each.expiresAtMs ?? untilMs, untilMs) }))
        .filter(({ expiresAtMs }) => expiresAtMs > nowMs)
      return [{ secret, expiresAtMs: null }, ...before].slice(0, mostSecrets)
    })
  }

  /**
   * Seals anew what another key than the current one has sealed: endpoints live longer than the overlap of two vault
   * keys. `isCurrent` tells by the sealed text.
   */
  async reseal(tenant: string, isCurrent: (sealed: string) => boolean): Promise<void> {
    for (const { id, url } of await this.list(tenant)) {
      const sealed = await this.#readSealed(id)
      if (sealed === null || isCurrent(sealed)) continue
      await this.#replaceSecrets(id, (secrets) => secrets)
      const before = await translateRedisErrors(this.#redis.hget(keys.webhookEndpoint(id), 'url'))
      const args = ['url', before ?? '', this.#sealer.seal(url, { job: id, field: 'url' })]
      await this.#run('replaceField', [keys.webhookEndpoint(id)], args)
    }
  }

  async #replaceSecrets(
    id: EndpointId,
    change: (secrets: readonly EndpointSecret[]) => readonly EndpointSecret[],
  ): Promise<boolean> {
    for (;;) {
      const sealed = await this.#readSealed(id)
      if (sealed === null) return false
      const changed = this.#sealSecrets(id, change(this.#openSecrets(id, sealed)))
      const replaced = await this.#run('replaceField', [keys.webhookEndpoint(id)], ['secrets', sealed, changed])
      if (replaced !== -1) return replaced === 1
    }
  }

  /** A long log goes piece by piece, so that nobody waits for Redis meanwhile. Returns how many deliveries it had. */
  async #forgetLog(log: string, untilMs: number | '+inf'): Promise<number> {
    for (let forgotten = 0; ; ) {
      const [seen, known] = (await this.#run('forgetLog', [log], [untilMs, logPiece])) as [number, number]
      forgotten += known
      if (seen < logPiece) return forgotten
    }
  }

  /** What waits in a lane and is in no log, because that was full. */
  #forgetLane(lane: string, tenant: string, untilMs: number): Promise<number> {
    return this.#inPages('forgetLane', [], [lane, tenant, untilMs])
  }

  /** Goes through a row of which some stay. Returns how many went. */
  async #inPages(
    script: 'forgetTold' | 'forgetLane',
    scriptKeys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<number> {
    for (let forgotten = 0, offset = 0; ; ) {
      const [seen, gone] = (await this.#run(script, scriptKeys, [...args, offset, logPiece])) as [number, number]
      forgotten += gone
      if (gone === 0) offset += logPiece
      if (seen < logPiece && gone === 0) return forgotten
    }
  }

  #readSealed(id: EndpointId): Promise<string | null> {
    return translateRedisErrors(this.#redis.hget(keys.webhookEndpoint(id), 'secrets'))
  }

  #sealSecrets(id: EndpointId, secrets: readonly EndpointSecret[]): string {
    return this.#sealer.seal(JSON.stringify(secrets), { job: id, field: 'secrets' })
  }

  #openSecrets(id: EndpointId, sealed: string): readonly EndpointSecret[] {
    return JSON.parse(this.#sealer.open(sealed, { job: id, field: 'secrets' })) as EndpointSecret[]
  }

  #fieldsOf(id: EndpointId, { url, events, description, payload }: Partial<EndpointSettings>): string[] {
    return [
      ...(url === undefined ? [] : ['url', this.#sealer.seal(url, { job: id, field: 'url' })]),
      ...(events === undefined ? [] : ['events', events.join(' ')]),
      ...(description === undefined ? [] : ['description', description ?? '']),
      ...(payload === undefined ? [] : ['payload', payload]),
    ]
  }

  #parse(id: EndpointId, fields: Record<string, string>): WebhookEndpoint | null {
    const { tenant, url, events = '', description, payload, status } = fields
    if (tenant === undefined || url === undefined) return null
    return {
      id,
      tenant,
      url: this.#sealer.open(url, { job: id, field: 'url' }),
      events: events.split(' '),
      description: description || null,
      payload: payload === 'full' ? 'full' : 'thin',
      status: status === 'disabled' ? 'disabled' : 'enabled',
      disabledReason: (fields.disabled_reason as DisabledReason | undefined) ?? null,
      disabledAtMs: toMs(fields.disabled),
      failingSinceMs: toMs(fields.failing_since),
      createdAtMs: Number(fields.created),
    }
  }
}

function toMs(field: string | undefined): number | null {
  return field === undefined ? null : Number(field)
}
