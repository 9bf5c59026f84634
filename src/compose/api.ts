import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import type { Redis } from 'ioredis'
import { FileArchiveReader } from '../archive/archive-reader.ts'
import type { Config } from '../config/schema.ts'
import type { JobStore } from '../core/ports.ts'
import { EventHub } from '../delivery/event-hub.ts'
import { AdminKey } from '../http/admin-key.ts'
import { buildApp } from '../http/app.ts'
import { KeyRing } from '../http/auth.ts'
import type { ReaderWatch } from '../http/reader-watch.ts'
import type { AdminDeps } from '../http/routes/admin.ts'
import type { AcceptDeps } from '../pipeline/accept-job.ts'
import type { EraseDeps } from '../pipeline/erase-tenant.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { intakeQueues, laneQueues } from '../queue/lane-names.ts'
import { RedisQueuePlaces } from '../queue/queue-places.ts'
import { RedisRecordTail } from '../store/record-stream.ts'
import { untilReady } from '../store/redis.ts'
import { translateRedisErrors } from '../store/redis-errors.ts'
import { RedisGates } from '../store/redis-gates.ts'
import { RedisRateLimiter } from '../store/redis-limits.ts'
import { RedisNodeRegistry } from '../store/redis-nodes.ts'
import { RedisResponseStore } from '../store/redis-response-store.ts'
import { createSealer } from '../store/sealing.ts'
import { RedisUsageReader } from '../store/usage-rollups.ts'
import { version } from '../version.ts'
import { createBatchRoutes } from './batches.ts'
import { rateLimitsOf } from './budgets.ts'
import { createDeadLetterDeps, tenantOf } from './dead-letters.ts'
import { openErasing } from './erasing.ts'
import { openFiles } from './files.ts'
import { createJudging, type Judging } from './judging.ts'
import { createLaneReader } from './lanes.ts'
import { createNodeGateway } from './node-gateway.ts'
import { createReaders } from './readers.ts'
import { connect, createStore, type RunningRole, type Runtime, requireVaultKey } from './runtime.ts'
import { createWebhookUrlCheck, openWebhookStores } from './webhooks.ts'

/** How stale the number of open jobs may be that admission goes by, in milliseconds. */
const openJobsRefreshMs = 500
/** How long requests in flight may take when the process is told to stop. */
const drainMs = 10_000
/** How long those that are cut off after that have to read why. */
const lastWordsMs = 250

export interface RunningApi extends RunningRole {
  readonly url: string
}

/** Serves the HTTP API. Resolves once it listens. */
export async function startApi(runtime: Runtime): Promise<RunningApi> {
  const vaultKey = requireVaultKey(runtime, 'api')
  const { config, telemetry, log } = runtime
  const redis = connect(runtime, 'api')
  const subscriber = connect(runtime, 'subscriber')
  const store = createStore(runtime, redis)
  const queues = new BullmqQueues(redis, runtime.shared?.ring)
  const hub = new EventHub({ subscriber, store, log })
  await hub.start()
  // Nobody is told that this process is ready while its first commands would be refused.
  await untilReady(redis)

  const openJobs = countOpenJobs(store)
  telemetry.observeLaneDepths(() => queues.depths(queueNamesOf(config)))

  const checkReady = async () => void (await translateRedisErrors(redis.ping()))
  const judging = createJudging(runtime, redis)
  const checkWebhookUrl = createWebhookUrlCheck(config.webhooks)
  const accept = createAccept(runtime, { redis, store, queues, judging, openJobs, checkWebhookUrl })
  const readers = await createReaders(runtime, { redis, subscriber, store, catalogue: judging.catalogue })
  const gateway = await createNodeGateway(runtime)
  const places = new RedisQueuePlaces(redis)
  const checkUrl = (url: string) => checkWebhookUrl(url, 'url')
  const webhooks = { ...openWebhookStores(config, redis, vaultKey), checkUrl, now: Date.now }
  const files = await openFiles(runtime, redis)
  const { deleting, erasing } = await openErasing(runtime, { redis, store, queues, judging, webhooks, files })
  const app = await buildApp(
    {
      accept,
      store,
      responses: new RedisResponseStore({ redis, sealer: createSealer(vaultKey) }),
      auditing: judging.auditing,
      deleting,
      admin: createAdmin(runtime, { redis, queues, judging, erasing }),
      deadLetters: createDeadLetterDeps(config, redis, accept),
      nodes: gateway?.http,
      webhooks,
      batches: createBatchRoutes(runtime, { redis, files, store, places }),
      hub,
      keyRing: createKeyRing(runtime),
      telemetry,
      log,
      modelNames: Object.keys(config.models),
      startedAtMs: Date.now(),
      maxBodyBytes: config.server.max_body_mb * 1024 * 1024,
      metricsText: telemetry.metricsText,
      checkReady,
      readers,
      places,
      chatWaitMs: config.server.max_wait,
    },
    version,
  )
  const stop = async (graceMs: number) => {
    openJobs.stop()
    await gateway?.farewell()
    await readers.stop()
    await closeServer(app, readers, Math.min(graceMs, drainMs))
    await readers.settled()
    await gateway?.close()
    await queues.close()
    await judging.close()
    subscriber.disconnect()
    redis.disconnect()
  }
  try {
    const url = await app.listen({ host: config.server.host, port: config.server.port })
    return { name: 'api', url, checkReady, stop }
  } catch (error) {
    await stop(0)
    throw error
  }
}

type HttpApp = Awaited<ReturnType<typeof buildApp>>

/** Streams may last longer than anybody wants to wait; most of their readers can resume elsewhere, the others are told. */
async function closeServer(app: HttpApp, readers: ReaderWatch, patienceMs: number): Promise<void> {
  const told = setTimeout(() => readers.cut(), patienceMs)
  const cut = setTimeout(() => app.server.closeAllConnections(), patienceMs + lastWordsMs)
  await app.close()
  clearTimeout(told)
  clearTimeout(cut)
}

/** What it takes to take a job in. */
function createAccept(
  { config, telemetry, shared }: Runtime,
  parts: {
    redis: Redis
    store: AcceptDeps['store']
    queues: BullmqQueues
    judging: Judging
    openJobs: OpenJobs
    checkWebhookUrl: ReturnType<typeof createWebhookUrlCheck>
  },
): AcceptDeps {
  const { redis, store, queues, judging, openJobs, checkWebhookUrl } = parts
  const limits = rateLimitsOf(config)
  return {
    store,
    queues,
    ...judging,
    limiter: new RedisRateLimiter(redis),
    rateLimitsOf: (tenant) => limits.get(tenant) ?? null,
    metrics: telemetry.metrics,
    openJobs: openJobs.count,
    maxOpenJobs: config.server.max_open_jobs,
    defaultDeadlineMs: config.deadlines,
    checkWebhookUrl: (url) => checkWebhookUrl(url, 'webhook.url'),
    tracing: telemetry.tracing,
    auditsOnArrival: shared !== undefined,
    takePlace: shared?.takePlace,
  }
}

interface OpenJobs {
  count(): number
  stop(): void
}

/** How many jobs are open, as of a moment ago. */
function countOpenJobs(store: Pick<JobStore, 'countOpen'>): OpenJobs {
  let open = 0
  const refresh = async () => {
    open = await store.countOpen().catch(() => open)
  }
  const timer = setInterval(() => void refresh(), openJobsRefreshMs)
  return { count: () => open, stop: () => clearInterval(timer) }
}

function queueNamesOf({ pools }: Config): string[] {
  const lanes = Object.entries(pools).flatMap(([pool, { residency }]) => laneQueues(pool, residency))
  return [...intakeQueues(), ...lanes].map(({ name }) => name)
}

function createAdmin(
  { adminKey, config }: Runtime,
  parts: { redis: Redis; queues: BullmqQueues; judging: Judging; erasing: EraseDeps },
): AdminDeps {
  const { redis, queues, judging, erasing } = parts
  const nodes = new RedisNodeRegistry(redis, Object.keys(config.pools))
  return {
    adminKey: adminKey === null ? null : new AdminKey(adminKey),
    usage: new RedisUsageReader(redis),
    budgets: judging.budgetStates,
    route: judging,
    archive: new FileArchiveReader(resolve(config.data_dir)),
    tail: new RedisRecordTail(redis),
    nodes,
    erasing,
    tenantNames: Object.keys(config.tenants),
    lanes: createLaneReader(config, { queues, nodes, gates: new RedisGates(redis) }),
  }
}

function createKeyRing({ config }: Runtime): KeyRing {
  const keyRing = new KeyRing()
  for (const [name, { keys }] of Object.entries(config.tenants)) {
    const tenant = tenantOf(config, name)
    assert.ok(tenant)
    for (const { name: keyName, key } of keys) keyRing.add({ key: key.reveal(), name: keyName }, tenant)
  }
  return keyRing
}
