import { randomBytes } from 'node:crypto'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Redis } from 'ioredis'
import { startApi } from '../../src/compose/api.ts'
import { startAuditor } from '../../src/compose/auditor.ts'
import { startCourier } from '../../src/compose/courier.ts'
import { startDispatcher } from '../../src/compose/dispatcher.ts'
import { type RunningRole, type Runtime, SharedProcess } from '../../src/compose/runtime.ts'
import { type Config, type ConfigInput, configSchema } from '../../src/config/schema.ts'
import { stopRoles } from '../../src/process/lifetime.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startTelemetry } from '../../src/telemetry/tracing.ts'
import { type ChatScript, type ChatUpstream, echo, startChatUpstream } from './chat-upstream.ts'
import { startTestRedis, type TestRedis } from './redis.ts'

export type TenantName = 'acme' | 'globex'

type DeploymentInput = NonNullable<ConfigInput['models']>[string]['deployments'][number]

interface DeploymentSketch
  extends Pick<
    DeploymentInput,
    'tier' | 'weight' | 'context_tokens' | 'capabilities' | 'rpm' | 'tpm' | 'max_parallel' | 'per_node'
  > {
  readonly id: string
  readonly pool: 'studio' | 'cloud'
  readonly concurrency?: number
  /** Dollars per million tokens; calls cost nothing unless it is said. */
  readonly price?: { readonly input: number; readonly output: number }
  /** Whose dialect the upstream speaks; `openai-compatible` unless given. */
  readonly provider?: 'openai'
  readonly timeouts?: { readonly [phase in 'connect' | 'first_byte' | 'idle' | 'total']?: string }
}

export interface TestBrokerOptions {
  /** What the upstream does; it echoes unless said. */
  readonly script?: ChatScript
  /** Deployments by model, all of them served by the one upstream. */
  readonly models?: Readonly<Record<string, readonly DeploymentSketch[]>> | undefined
  /** Further keys of models, by name. */
  readonly modelKeys?: Readonly<Record<string, Partial<NonNullable<ConfigInput['models']>[string]>>>
  /** Models with upstreams of their own, as the configuration has them. */
  readonly moreModels?: ConfigInput['models']
  /** Whether the roles know that they share a process, as with `sluice up`; else they behave as processes apart. */
  readonly shared?: boolean
  /** The operator's key; null for none. */
  readonly adminKey?: null
  /** Replaces whole sections of the configuration. */
  readonly config?: Partial<ConfigInput>
  /** The pools that have a dispatcher on Redis; all of them unless given. */
  readonly redisPools?: readonly string[]
  /** Where a pool's dispatchers find Redis, such as under a user of their own; as everybody else unless given. */
  readonly dispatcherRedis?: (pool: string, server: TestRedis) => Promise<string>
  /** How often the courier trims indexes, in milliseconds. */
  readonly trimMs?: number
  /** How long a job waits before a detector that failed is asked for the second time. */
  readonly detectorWaitMs?: number
}

export interface SendOptions {
  readonly method?: string
  /** Whose key to send; null sends none. */
  readonly tenant?: string | null
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is. */
  readonly body?: RequestInit['body']
  readonly signal?: AbortSignal
}

/** Every role of Sluice in this process, with a Redis and an upstream of its own. */
export interface TestBroker extends AsyncDisposable {
  readonly url: string
  /** What OpenAI's clients take. */
  readonly baseURL: string
  readonly keys: Readonly<Record<TenantName, string>>
  readonly webhookSecret: string
  readonly adminKey: string
  readonly vaultKey: Buffer
  readonly upstream: ChatUpstream
  /** For looking at what is stored. */
  readonly redis: Redis
  readonly server: TestRedis
  readonly config: Config
  /** All that was logged so far, debug lines included. */
  logText(): string
  /** Makes the broker forget what its deployments have done so far. */
  forgetFailures(): Promise<void>
  /** A request with acme's key, `POST` where there is a body. */
  send(path: string, options?: SendOptions): Promise<Response>
}

const defaultModels: Readonly<Record<string, readonly DeploymentSketch[]>> = {
  local: [{ id: 'studio-a', pool: 'studio' }],
  cloud: [{ id: 'cloud-a', pool: 'cloud' }],
  both: [
    { id: 'cloud-b', pool: 'cloud' },
    { id: 'studio-b', pool: 'studio' },
  ],
}

/** The key that requests of this tenant are sent with, for tenants of a test's own as well. */
export const keyOf = (tenant: string): string => `sk-test-${tenant}-0123456789`

const keys = { acme: keyOf('acme'), globex: keyOf('globex') }
const adminKey = 'admin-test-0123456789abcdef'
export const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
/** Long enough for what is in flight in a test, short enough for a test that left something hanging. */
const stopGraceMs = 500

/**
 * Starts a broker with two tenants, `acme` with a webhook secret and `globex` without, an on-prem pool `studio` and a
 * cloud pool `cloud`. Leases and backoffs are short. Closed in the order that lets each part finish its work.
 */
export async function startTestBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  await using cleanup = new AsyncDisposableStack()
  const upstream = cleanup.use(await startChatUpstream(options.script ?? echo))
  const server = cleanup.use(await startTestRedis())
  const folder = cleanup.use(await mkdtempDisposable(path.join(tmpdir(), 'sluice-broker-'))).path
  const config = buildConfig(options, upstream, folder)
  const vaultKey = randomBytes(32)
  const logged: string[] = []
  const log = createLogger({ level: 'debug', role: 'test', node: 'test' }, { write: (line) => logged.push(line) })
  const telemetry = await startTelemetry({ role: 'test', node: 'test', env: {} })
  cleanup.defer(() => telemetry.shutdown())
  const shared = options.shared ? cleanup.adopt(new SharedProcess(), (process) => process.close()) : undefined
  const runtime: Runtime = {
    config,
    redis: server.url,
    vaultKey: { current: vaultKey, previous: [] },
    adminKey: options.adminKey === null ? null : adminKey,
    node: 'test',
    telemetry,
    log,
    ...(shared && { shared }),
  }
  const { api, roles } = await startAllRoles(runtime, options, server)
  cleanup.defer(() => stopRoles(roles, stopGraceMs, log))
  const redis = connectRedis(server.url, 'worker')
  cleanup.defer(() => redis.disconnect())

  const owned = cleanup.move()
  return {
    url: api.url,
    baseURL: `${api.url}/v1`,
    keys,
    webhookSecret,
    adminKey,
    vaultKey,
    upstream,
    redis,
    server,
    config,
    logText: () => logged.join(''),
    async forgetFailures() {
      const gates = await redis.keys('sluice:gate:*')
      if (gates.length > 0) await redis.del(gates)
    },
    send: (path, request = {}) => send(api.url + path, request),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function buildConfig(
  { models = defaultModels, modelKeys = {}, moreModels = {}, config }: TestBrokerOptions,
  upstream: ChatUpstream,
  folder: string,
): Config {
  const deploymentsOf = (sketches: readonly DeploymentSketch[]) =>
    sketches.map((sketch) => ({
      provider: 'openai-compatible' as const,
      ...sketch,
      free: sketch.price === undefined,
      model: 'upstream-model',
      base_url: upstream.baseUrlOf(sketch.id),
    }))
  return configSchema.parse({
    server: { port: 0, max_body_mb: 1 },
    data_dir: folder,
    pools: { studio: { residency: 'onprem' }, cloud: { residency: 'cloud' } },
    models: {
      ...Object.fromEntries(
        Object.entries(models).map(([name, sketches]) => [
          name,
          { deployments: deploymentsOf(sketches), ...modelKeys[name] },
        ]),
      ),
      ...moreModels,
    },
    tenants: {
      acme: { keys: [keys.acme], webhook_secret: webhookSecret },
      globex: { keys: [keys.globex] },
    },
    retry: { max_attempts: 4, base_delay: '10ms', max_delay: '50ms' },
    leases: { duration: '2s' },
    // The upstream of a test fails on purpose, and the next job must still be sent there.
    breaker: { failures: 1_000, open: '1ms', max_open: '1ms' },
    webhooks: { allow_networks: ['127.0.0.0/8'], allow_http: true },
    ...config,
  } satisfies ConfigInput)
}

async function startAllRoles(runtime: Runtime, options: TestBrokerOptions, server: TestRedis) {
  const { dispatcherRedis = async () => server.url, detectorWaitMs, trimMs } = options
  const { redisPools = Object.keys(runtime.config.pools) } = options
  const starts = await Promise.allSettled<RunningRole>([
    startAuditor(runtime, { detectorWaitMs }),
    startCourier(runtime, { trimMs }),
    ...redisPools.map(async (pool) =>
      startDispatcher({ ...runtime, redis: await dispatcherRedis(pool, server), node: `test-${pool}` }, { pool }),
    ),
  ])
  const workers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  const failed = starts.find((start) => start.status === 'rejected')
  if (failed) {
    await stopRoles(workers, stopGraceMs, runtime.log)
    throw failed.reason
  }
  const api = await startApi(runtime)
  return { api, roles: [api, ...workers] }
}

function send(url: string, request: SendOptions): Promise<Response> {
  const { tenant = 'acme', json, signal } = request
  const body = json === undefined ? request.body : JSON.stringify(json)
  return fetch(url, {
    method: request.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(tenant && { authorization: `Bearer ${keyOf(tenant)}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...request.headers,
    },
    redirect: 'manual',
    ...(body !== undefined && { body }),
    ...(signal && { signal }),
  })
}
