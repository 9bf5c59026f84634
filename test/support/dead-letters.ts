import { expect } from 'vitest'
import { tenantOf } from '../../src/compose/dead-letters.ts'
import { createJudging } from '../../src/compose/judging.ts'
import type { JobId } from '../../src/core/job.ts'
import type { AcceptDeps } from '../../src/pipeline/accept-job.ts'
import { replayJob } from '../../src/pipeline/replay-job.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisJobStore } from '../../src/store/redis-job-store.ts'
import { RedisRateLimiter } from '../../src/store/redis-limits.ts'
import { createSealer } from '../../src/store/sealing.ts'
import type { TestBroker } from './broker.ts'
import { eventually } from './eventually.ts'
import { noTelemetry, silentLog } from './mortal.ts'
import { jobBody } from './spending.ts'

export interface DeadLetterView {
  readonly id: string
  readonly kind: string
  readonly tenant: string
  readonly model: string
  readonly error: { code: string; message: string }
  readonly attempts: readonly { deployment: string; outcome: string; status: number | null; ms: number }[]
  readonly failed_at: number
  readonly expires_at: number
  readonly replay_of: { id: string; first: string; run: number } | null
  readonly replayed_by: string | null
  readonly replayable?: boolean
}

export interface JobSeen {
  readonly id: string
  readonly status: string
  readonly model: string
  readonly priority: string
  readonly deadline: number
  readonly created_at: number
  readonly tags: Record<string, string>
  readonly replay_of: { id: string; first: string; run: number } | null
  readonly replayed_by: string | null
  readonly result: { choices: { message: { content: string } }[] } | null
}

/** What tenants and operators do with jobs that fail. */
export class Undertaker {
  readonly #broker: TestBroker

  constructor(broker: TestBroker) {
    this.#broker = broker
  }

  /** Makes a job and waits for its end. */
  async run(text: string, more: object = {}, tenant = 'acme'): Promise<JobSeen> {
    const messages = [{ role: 'user', content: text }]
    const response = await this.#broker.send('/v1/jobs', { tenant, json: jobBody(more, { messages }) })
    expect(response.status).toBe(202)
    return this.ended(((await response.json()) as { id: string }).id, tenant)
  }

  async ended(id: string, tenant = 'acme'): Promise<JobSeen> {
    const job = (await (await this.#broker.send(`/v1/jobs/${id}?wait=20`, { tenant })).json()) as JobSeen
    expect(['queued', 'in_progress']).not.toContain(job.status)
    return job
  }

  /** Makes a job that fails and waits until it is among the dead letters. */
  async bury(text: string, more: object = {}, tenant = 'acme'): Promise<string> {
    const { id, status } = await this.run(text, more, tenant)
    expect(status).toBe('failed')
    await eventually(`${id} is buried`, () => this.#broker.redis.zscore('sluice:dead-letters', id))
    return id
  }

  /** Waits until all is quiet and throws every dead letter away. */
  async clear(): Promise<void> {
    const { redis } = this.#broker
    await eventually('nothing runs', async () => (await redis.zcard('sluice:open')) === 0)
    await eventually('everything is recorded', async () => (await redis.xlen('sluice:records')) === 0)
    await this.admin('POST', '/discard', { filter: {}, limit: 1_000 })
  }

  admin(method: string, path: string, json?: object): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#broker.adminKey}` }
    return this.#broker.send(`/admin/v1/dead-letters${path}`, {
      method,
      tenant: null,
      headers,
      ...(json && { json }),
    })
  }

  async list(query = ''): Promise<{ data: DeadLetterView[]; has_more: boolean; next: string | null }> {
    const response = await this.admin('GET', query)
    expect(response.status).toBe(200)
    return (await response.json()) as { data: DeadLetterView[]; has_more: boolean; next: string | null }
  }

  async inspect(id: string): Promise<DeadLetterView> {
    const response = await this.admin('GET', `/${id}`)
    expect(response.status).toBe(200)
    return (await response.json()) as DeadLetterView
  }

  /** Replays as the operator. Resolves with the id of the run. */
  async replay(id: string, body?: object): Promise<string> {
    const response = await this.admin('POST', `/${id}/replay`, body)
    expect(response.status).toBe(202)
    return ((await response.json()) as { id: string }).id
  }

  replayAsTenant(id: string, tenant = 'acme', json?: object): Promise<Response> {
    return this.#broker.send(`/v1/jobs/${id}/replay`, { method: 'POST', tenant, ...(json && { json }) })
  }
}

export async function errorOf(response: Response): Promise<{ status: number; code: string; message: string }> {
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  return { status: response.status, code: error.code, message: error.message }
}

/**
 * Replays a dead letter as an API process that dies when it comes to the queue. `meanwhile` happens after it has read the
 * request and before it stores the run.
 */
export async function replayWithoutQueue(
  broker: TestBroker,
  id: string,
  meanwhile: () => Promise<void> = async () => {},
): Promise<void> {
  await using cleanup = new AsyncDisposableStack()
  const redis = cleanup.adopt(connectRedis(broker.server.url, 'worker'), (each) => each.disconnect())
  const vaultKey = { current: broker.vaultKey, previous: [] }
  const judging = createJudging({ config: broker.config, vaultKey, log: silentLog }, redis)
  cleanup.defer(() => judging.close())
  const store = new RedisJobStore({
    redis,
    sealer: createSealer(vaultKey),
    resultRetentionMs: broker.config.retention.results,
    eventRetentionMs: broker.config.retention.events,
  })
  const create = store.create.bind(store)
  store.create = async (job) => {
    await meanwhile()
    return create(job)
  }
  const die = () => Promise.reject(new Error('it died'))
  const accept: AcceptDeps = {
    ...judging,
    store,
    queues: { addToIntake: die, addToLane: die },
    limiter: new RedisRateLimiter(redis),
    rateLimitsOf: () => null,
    metrics: noTelemetry.metrics,
    openJobs: () => 0,
    maxOpenJobs: 1_000,
    defaultDeadlineMs: broker.config.deadlines,
    checkWebhookUrl: () => {},
    tracing: noTelemetry.tracing,
    auditsOnArrival: false,
  }
  const job = await store.read(id as JobId)
  const tenant = tenantOf(broker.config, 'acme')
  if (!job || !tenant) throw new Error('nothing to replay')
  const by = { by: 'tenant', byKey: 'key_test' } as const
  await replayJob(job, { tenant: { ...tenant, keyId: 'key_test' }, by }, accept)
}
