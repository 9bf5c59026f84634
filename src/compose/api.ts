import { resolve } from 'node:path'
import type { Redis } from 'ioredis'
import { FileArchiveReader } from '../archive/archive-reader.ts'
import { BrokerError } from '../core/errors.ts'
import { EventHub } from '../delivery/event-hub.ts'
import { createUrlGuard, UrlGuardError } from '../delivery/url-guard.ts'
import { AdminKey } from '../http/admin-key.ts'
import { buildApp } from '../http/app.ts'
import { KeyRing } from '../http/auth.ts'
import type { AdminDeps } from '../http/routes/admin.ts'
import { BullmqQueues } from '../queue/bullmq-queues.ts'
import { intakeQueues, laneQueues } from '../queue/lane-names.ts'
import { RedisRecordTail } from '../store/record-stream.ts'
import { untilReady } from '../store/redis.ts'
import { translateRedisErrors } from '../store/redis-errors.ts'
import { RedisRateLimiter } from '../store/redis-limits.ts'
import { RedisUsageReader } from '../store/usage-rollups.ts'
import { version } from '../version.ts'
import { rateLimitsOf } from './budgets.ts'
import { createJudging, type Judging } from './judging.ts'
import { connect, createStore, type RunningRole, type Runtime, requireVaultKey } from './runtime.ts'

/** How stale the number of open jobs may be that admission goes by, in milliseconds. */
const openJobsRefreshMs = 500
/** Clients and proxies cut waits at 60 s and more; a wait this long goes on by a redirect. */
const chatWaitMs = 50_000
/** How long requests in flight may take when the process is told to stop. */
const drainMs = 10_000

export interface RunningApi extends RunningRole {
  readonly url: string
}

/** Serves the HTTP API. Resolves once it listens. */
export async function startApi(runtime: Runtime): Promise<RunningApi> {
  requireVaultKey(runtime, 'api')
  const { config, telemetry, log } = runtime
  const redis = connect(runtime, 'api')
  const subscriber = connect(runtime, 'subscriber')
  const store = createStore(runtime, redis)
  const queues = new BullmqQueues(redis, runtime.shared?.ring)
  const hub = new EventHub({ subscriber, store, log })
  await hub.start()
  // Nobody is told that this process is ready while its first commands would be refused.
  await untilReady(redis)

  let openJobs = 0
  const refreshOpenJobs = async () => {
    openJobs = await store.countOpen().catch(() => openJobs)
  }
  const refresh = setInterval(() => void refreshOpenJobs(), openJobsRefreshMs)
  const queueNames = [
    ...intakeQueues(),
    ...Object.entries(config.pools).flatMap(([pool, { residency }]) => laneQueues(pool, residency)),
  ].map(({ name }) => name)
  telemetry.observeLaneDepths(() => queues.depths(queueNames))

  const checkReady = async () => {
    await translateRedisErrors(redis.ping())
  }
  const judging = createJudging(runtime, redis)
  const limits = rateLimitsOf(config)
  const app = await buildApp(
    {
      accept: {
        store,
        queues,
        ...judging,
        limiter: new RedisRateLimiter(redis),
        rateLimitsOf: (tenant) => limits.get(tenant) ?? null,
        metrics: telemetry.metrics,
        openJobs: () => openJobs,
        maxOpenJobs: config.server.max_open_jobs,
        defaultDeadlineMs: config.deadlines,
        checkWebhookUrl: createWebhookUrlCheck(config.webhooks),
        tracing: telemetry.tracing,
        auditsOnArrival: runtime.shared !== undefined,
      },
      store,
      auditing: judging.auditing,
      admin: createAdmin(runtime, redis, judging),
      hub,
      keyRing: createKeyRing(runtime),
      telemetry,
      log,
      modelNames: Object.keys(config.models),
      startedAtMs: Date.now(),
      maxBodyBytes: config.server.max_body_mb * 1024 * 1024,
      metricsText: telemetry.metricsText,
      checkReady,
      chatWaitMs,
    },
    version,
  )
  const url = await app.listen({ host: config.server.host, port: config.server.port })
  return {
    name: 'api',
    url,
    checkReady,
    async stop(graceMs) {
      clearInterval(refresh)
      // Streams may last longer than anybody wants to wait; their readers can resume elsewhere.
      const cut = setTimeout(() => app.server.closeAllConnections(), Math.min(graceMs, drainMs))
      await app.close()
      clearTimeout(cut)
      await queues.close()
      await judging.close()
      subscriber.disconnect()
      redis.disconnect()
    },
  }
}

function createAdmin({ adminKey, config }: Runtime, redis: Redis, judging: Judging): AdminDeps {
  return {
    adminKey: adminKey === null ? null : new AdminKey(adminKey),
    usage: new RedisUsageReader(redis),
    budgets: judging.budgetStates,
    archive: new FileArchiveReader(resolve(config.data_dir)),
    tail: new RedisRecordTail(redis),
  }
}

function createKeyRing({ config }: Runtime): KeyRing {
  const keyRing = new KeyRing()
  for (const [name, { keys, sensitivity, models, webhook_secret }] of Object.entries(config.tenants)) {
    const tenant = { name, sensitivity, models, hasWebhookSecret: webhook_secret !== undefined }
    for (const { name: keyName, key } of keys) keyRing.add({ key: key.reveal(), name: keyName }, tenant)
  }
  return keyRing
}

function createWebhookUrlCheck(webhooks: Runtime['config']['webhooks']): (url: string) => void {
  const guard = createUrlGuard({ allowNetworks: webhooks.allow_networks, allowHttp: webhooks.allow_http })
  return (url) => {
    try {
      guard.check(url)
    } catch (error) {
      if (!(error instanceof UrlGuardError)) throw error
      throw new BrokerError('invalid_request', error.message, { param: 'webhook.url', cause: error })
    }
  }
}
