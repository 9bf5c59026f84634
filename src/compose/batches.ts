import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { JobStore, Queues } from '../core/ports.ts'
import type { RecordObserver } from '../core/record-archive.ts'
import { mayUse } from '../core/tenant.ts'
import { createLineReader } from '../http/batch-lines.ts'
import type { BatchRouteDeps } from '../http/routes/batches.ts'
import type { AcceptDeps } from '../pipeline/accept-job.ts'
import type { BatchDeps } from '../pipeline/batch-deps.ts'
import type { FileDeps } from '../pipeline/read-file.ts'
import { expireFiles, removeOrphans } from '../pipeline/remove-file.ts'
import { BatchRunner } from '../pipeline/run-batches.ts'
import { RedisBatches } from '../store/redis-batches.ts'
import { RedisRateLimiter } from '../store/redis-limits.ts'
import { RedisResponseStore } from '../store/redis-response-store.ts'
import { createSealer } from '../store/sealing.ts'
import { rateLimitsOf } from './budgets.ts'
import { tenantOf } from './dead-letters.ts'
import { createJudging } from './judging.ts'
import { type Runtime, requireVaultKey } from './runtime.ts'

/** Lines of one batch that run or wait at the same time. */
const window = 200
/** How stale the number of open jobs may be that feeding goes by, in milliseconds. */
const openJobsRefreshMs = 500
const orphansEveryMs = 600_000
/** What stands around the body in a line, in bytes. */
const lineOverhead = 4_096

/** What the API needs for files and batches. */
export function createBatchRoutes(
  runtime: Runtime,
  { redis, files, ...reading }: { redis: Redis; files: FileDeps } & Pick<BatchRouteDeps, 'store' | 'places'>,
): BatchRouteDeps {
  return {
    ...files,
    ...reading,
    batches: new RedisBatches(redis),
    fileRetentionMs: runtime.config.retention.files,
    now: Date.now,
  }
}

/** The courier's part that runs batches and removes files whose time is over. */
export interface RunningBatches {
  /** To be told of what the recorder archives. */
  readonly observer: RecordObserver
  keepHouse(nowMs: number): Promise<void>
  /** Ends after the steps in hand, or after `graceMs`: whoever comes next goes on where they were left. */
  stop(graceMs: number): Promise<void>
}

export function startBatches(
  runtime: Runtime,
  from: { redis: Redis; store: JobStore; queues: Queues; files: FileDeps },
): RunningBatches {
  const { config, log, node } = runtime
  const { redis, store, queues, files } = from
  const judging = createJudging(runtime, redis)
  const open = { jobs: 0 }
  const counting = setInterval(() => {
    void store.countOpen().then(
      (jobs) => {
        open.jobs = jobs
      },
      // Redis is away; what was counted before will do.
      () => {},
    )
  }, openJobsRefreshMs)
  const deps: BatchDeps = {
    ...files,
    store,
    responses: new RedisResponseStore({ redis, sealer: createSealer(requireVaultKey(runtime, 'courier')) }),
    batches: new RedisBatches(redis),
    auditing: judging.auditing,
    accept: createAccept(runtime, { redis, store, queues, judging, openJobs: () => open.jobs }),
    tenantOf: (name, keyId) => {
      const tenant = tenantOf(config, name)
      return tenant && { ...tenant, keyId }
    },
    lineReaderFor: ({ endpoint, tenant: name }) => {
      const tenant = tenantOf(config, name)
      const isKnown = (model: string) => judging.catalogue.deploymentsOf(model) !== undefined
      return createLineReader(endpoint, (model) => isKnown(model) && tenant !== null && mayUse(tenant, model))
    },
    maxLineBytes: config.server.max_body_mb * 1024 * 1024 + lineOverhead,
    fileRetentionMs: config.retention.files,
  }
  const holder = `${node}-${randomUUID()}`
  const runner = new BatchRunner({ deps, holder, leaseMs: config.leases.duration, window, log })
  runner.start()
  let orphansAtMs = 0
  return {
    observer: runner.observer,
    async keepHouse(nowMs) {
      await expireFiles(nowMs, files)
      if (nowMs < orphansAtMs) return
      orphansAtMs = nowMs + orphansEveryMs
      const removed = await removeOrphans(nowMs, files)
      if (removed > 0) log.info({ files: removed }, 'content of unknown files was removed')
    },
    async stop(graceMs) {
      clearInterval(counting)
      await Promise.race([runner.stop(), new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
      await judging.close()
    },
  }
}

/** Lines are taken in like the jobs of the API, but for what only callers of the API can ask for. */
function createAccept(
  runtime: Runtime,
  from: {
    redis: Redis
    store: JobStore
    queues: Queues
    judging: ReturnType<typeof createJudging>
    openJobs: () => number
  },
): AcceptDeps {
  const { config, telemetry } = runtime
  const { redis, store, queues, judging, openJobs } = from
  const limits = rateLimitsOf(config)
  return {
    store,
    queues,
    ...judging,
    limiter: new RedisRateLimiter(redis),
    rateLimitsOf: (tenant) => limits.get(tenant) ?? null,
    metrics: telemetry.metrics,
    openJobs,
    maxOpenJobs: config.server.max_open_jobs,
    defaultDeadlineMs: config.deadlines,
    checkWebhookUrl: () => {},
    tracing: telemetry.tracing,
    // Nobody waits for a line.
    auditsOnArrival: false,
  }
}
