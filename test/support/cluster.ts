import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { stringify } from 'yaml'
import { type Config, type ConfigInput, configSchema } from '../../src/config/schema.ts'
import { findFreePort } from '../../src/store/embedded/free-port.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { type ChatScript, type ChatUpstream, startChatUpstream } from './chat-upstream.ts'
import { startTestRedis } from './redis.ts'
import { RoleProcess } from './role-process.ts'
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts'

export const roles = ['api', 'auditor', 'dispatcher', 'courier'] as const
export type Role = (typeof roles)[number]

/** The roles as child processes; there is one dispatcher for each pool. */
const processes = {
  api: ['api'],
  auditor: ['auditor'],
  studio: ['dispatcher', '--pool', 'studio'],
  cloud: ['dispatcher', '--pool', 'cloud'],
  courier: ['courier'],
} as const
/** All roles in one. */
const oneProcess = { up: ['up'] } as const
export type ProcessName = keyof typeof processes | keyof typeof oneProcess

type BudgetInput = NonNullable<NonNullable<ConfigInput['tenants']>[string]['budgets']>[number]

export interface ClusterOptions {
  readonly script: ChatScript
  readonly leaseDuration: '1s' | '2s' | '60s'
  /** Jobs at once per pool. */
  readonly concurrency: number
  /** How long the webhook receiver takes for an answer. */
  readonly webhookAnswerMs?: () => number
  /** What the deployments' tokens cost; free unless given. */
  readonly price?: { readonly input: number; readonly output: number }
  /** What the tenant may spend. */
  readonly budgets?: readonly BudgetInput[]
  /** How many jobs of the tenant may run at once; any number unless given. */
  readonly tenantConcurrency?: number
  /** Whether the dispatchers know nothing but the API's address and a token. */
  readonly nodesOverHttps?: boolean
  /** What each process may have in its heap, in MB: what it holds on to shows sooner. */
  readonly heapMb?: number
  /** Whether all roles share a process. */
  readonly isOneProcess?: boolean
  /** Starts no role before `launch` is called. */
  readonly isDormant?: boolean
}

export interface Cluster extends AsyncDisposable {
  readonly upstream: ChatUpstream
  readonly receiver: WebhookReceiver
  /** For looking at what is stored. */
  readonly redis: Redis
  readonly redisUrl: string
  readonly vaultKey: Buffer
  readonly config: Config
  /** Starts the roles of a dormant cluster. */
  launch(): Promise<void>
  process(name: ProcessName): RoleProcess
  /** Kills all roles and starts them on another configuration; without a dispatcher of pools that are not in it. */
  reconfigure(change: (config: ConfigInput) => ConfigInput): Promise<void>
  /** Starts one more dispatcher of the pool `studio`, under this name. */
  addStudioNode(node: string): Promise<RoleProcess>
  /** Of the API, and what a request to it says of whose it is. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** A request to the API; with a key of idempotency it is sent again until it is answered. */
  send(url: string, json?: unknown, headers?: Record<string, string>): Promise<Response>
  /** Posts a job until it is accepted, always with the same key. Resolves with its id. */
  submit(job: object, idempotencyKey: string): Promise<string>
  /** How often `submit` had no answer and asked again. */
  readonly asked: { again: number }
}

const tenantKey = 'sk-test-acme-0123456789'
const retryMs = 100

/**
 * Every role in a process of its own, on a Redis, an upstream and a webhook receiver that only this test uses. The
 * model `fleet` is served by the pools `cloud` and `studio`, in this order, so restricted jobs go to `studio` and
 * internal ones to `cloud`, masked.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  await using cleanup = new AsyncDisposableStack()
  const upstream = cleanup.use(await startChatUpstream(options.script))
  const webhookSecret = `whsec_${randomBytes(32).toString('base64')}`
  const receiver = cleanup.use(await startWebhookReceiver(webhookSecret, options.webhookAnswerMs ?? (() => 0)))
  const server = cleanup.use(await startTestRedis())
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-cluster-'))
  cleanup.defer(() => rm(folder, { recursive: true, force: true }))
  const port = await findFreePort()
  const file = path.join(folder, 'sluice.yaml')
  const config = configFor({ ...options, port, upstream, webhookSecret, dataDir: path.join(folder, 'data') })
  await writeFile(file, stringify(config))

  const vaultKey = randomBytes(32)
  const env = {
    ...process.env,
    REDIS_URL: server.url,
    SLUICE_VAULT_KEY: vaultKey.toString('base64'),
    LOG_LEVEL: 'info',
    ...(options.heapMb !== undefined && { NODE_OPTIONS: `--max-old-space-size=${options.heapMb}` }),
  }
  const running = new Map<string, RoleProcess>()
  cleanup.defer(async () => {
    await Promise.all([...running.values()].map((role) => role.end('SIGKILL')))
  })
  const launch = async () => {
    for (const [name, words] of Object.entries(options.isOneProcess ? oneProcess : processes)) {
      const isNode = options.nodesOverHttps && words[0] === 'dispatcher'
      const role = isNode ? remoteNode(name, words, port) : { words: [...words, '--config', file], env }
      running.set(name, new RoleProcess(role.words, role.env))
    }
    await Promise.all([...running.values()].map((role) => role.ready))
  }
  if (!options.isDormant) await launch()
  const redis = connectRedis(server.url, 'worker')
  cleanup.defer(() => redis.disconnect())

  const asked = { again: 0 }
  const owned = cleanup.move()
  const url = `http://127.0.0.1:${port}`
  const ownHeaders = { authorization: `Bearer ${tenantKey}` }
  const send = (path: string, json?: unknown, headers: Record<string, string> = {}) =>
    fetch(url + path, {
      headers: {
        ...ownHeaders,
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json !== undefined && { method: 'POST', body: JSON.stringify(json) }),
    })
  return {
    upstream,
    receiver,
    redis,
    redisUrl: server.url,
    vaultKey,
    config: configSchema.parse(config),
    launch,
    url,
    headers: ownHeaders,
    process: (name) => running.get(name) ?? raise(`no process ${name}`),
    async reconfigure(change) {
      const changed = change(structuredClone(config))
      await Promise.all([...running.values()].map((role) => role.end('SIGKILL')))
      await writeFile(file, stringify(changed))
      for (const [name, role] of running) {
        const isOfPool = name === 'studio' || name === 'cloud'
        if (isOfPool && !(name in (changed.pools ?? {}))) running.delete(name)
        else role.start()
      }
      await Promise.all([...running.values()].map((role) => role.ready))
    },
    async addStudioNode(node) {
      const role = new RoleProcess([...processes.studio, '--node', node, '--config', file], env)
      running.set(node, role)
      await role.ready
      return role
    },
    send,
    submit: (job, idempotencyKey) =>
      submit({ send, asked, job: { webhook: { url: receiver.url }, ...job }, idempotencyKey }),
    asked,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A node that has neither a configuration nor an address of Redis. */
function remoteNode(name: string, words: readonly string[], port: number): { words: string[]; env: NodeJS.ProcessEnv } {
  const { REDIS_URL: _, SLUICE_CONFIG: __, ...env } = process.env
  return {
    words: [...words, '--broker', `http://127.0.0.1:${port}`],
    env: { ...env, SLUICE_NODE_TOKEN: nodeTokenOf(name), LOG_LEVEL: 'info' },
  }
}

const nodeTokenOf = (pool: string) => `node-token-${pool}-0123456789`

function configFor(
  options: ClusterOptions & { port: number; upstream: ChatUpstream; webhookSecret: string; dataDir: string },
): ConfigInput {
  const deployment = (id: string, pool: string) => ({
    id,
    pool,
    provider: 'openai-compatible' as const,
    model: 'upstream-model',
    base_url: options.upstream.baseUrlOf(id),
    ...(options.price ? { price: options.price } : { free: true }),
    concurrency: options.concurrency,
  })
  return {
    server: { port: options.port },
    data_dir: options.dataDir,
    pools: {
      cloud: { residency: 'cloud', node_tokens: [nodeTokenOf('cloud')] },
      studio: { residency: 'onprem', node_tokens: [nodeTokenOf('studio')] },
    },
    models: { fleet: { deployments: [deployment('cloud-a', 'cloud'), deployment('studio-a', 'studio')] } },
    tenants: {
      acme: {
        keys: [tenantKey],
        webhook_secret: options.webhookSecret,
        budgets: [...(options.budgets ?? [])],
        ...(options.tenantConcurrency !== undefined && { limits: { concurrency: options.tenantConcurrency } }),
      },
    },
    // No attempt budget runs out because a worker was killed.
    retry: { max_attempts: 100, base_delay: '50ms', max_delay: '200ms' },
    leases: { duration: options.leaseDuration },
    webhooks: { allow_networks: ['127.0.0.0/8'], allow_http: true },
  }
}

async function submit(options: {
  send: Cluster['send']
  asked: Cluster['asked']
  job: object
  idempotencyKey: string
}): Promise<string> {
  const { send, asked, job, idempotencyKey } = options
  for (;;) {
    const response = await send('/v1/jobs', job, { 'idempotency-key': idempotencyKey }).catch(() => null)
    // A connection that breaks while the answer is on its way says nothing about the job.
    const body = await response?.text().catch(() => null)
    if (response?.status === 202 && body) return (JSON.parse(body) as { id: string }).id
    if (response && response.status < 500 && body) throw new Error(`The job was refused: ${response.status} ${body}`)
    asked.again += 1
    await sleep(retryMs)
  }
}

function raise(message: string): never {
  throw new Error(message)
}
