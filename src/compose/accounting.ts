import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import type { Redis } from 'ioredis'
import { FileArchive } from '../archive/file-archive.ts'
import type { Config } from '../config/schema.ts'
import { deriveChainKey } from '../core/audit-chain.ts'
import { budgetsFor } from '../core/budget.ts'
import type { JobStore, Queues } from '../core/ports.ts'
import type { RecordObserver } from '../core/record-archive.ts'
import { handOn } from '../pipeline/hand-to-lane.ts'
import { reconcileAccounts } from '../pipeline/reconcile-accounts.ts'
import { reconcilePermits } from '../pipeline/reconcile-permits.ts'
import { Recorder } from '../pipeline/record-jobs.ts'
import { RedisRecordStream, RedisRecordTail } from '../store/record-stream.ts'
import { RedisAccounts } from '../store/redis-accounts.ts'
import { RedisPermits, RedisRateLimiter } from '../store/redis-limits.ts'
import { budgetsOf } from './budgets.ts'
import { connect, type Runtime } from './runtime.ts'
import type { Webhooks } from './webhooks.ts'

/** Of leases of workers: a job that changes hands keeps what it holds. A minute, unless configured. */
const leasesPerHold = 6
/** A recorder that writes to a slow disk is silent for a while; one that died holds up budgets for as long. */
const recorderLeaseBoundsMs = { least: 5_000, most: 15_000 }
const alertsPerTurn = 100

export interface Accounting {
  /** Gives back what the dead held, hands on what waited for it, reports soft limits. */
  keepBooks(): Promise<void>
  stop(): Promise<void>
}

/** How long money and permits are held without news of their job, in milliseconds. */
export function holdLeaseOf({ leases }: Pick<Config, 'leases'>): number {
  return leasesPerHold * leases.duration
}

/** How long a recorder may be silent before another one takes over, in milliseconds. */
function recorderLeaseOf({ leases }: Pick<Config, 'leases'>): number {
  const { least, most } = recorderLeaseBoundsMs
  return Math.min(most, Math.max(least, leases.duration))
}

/** The part of the courier that counts: ledger, audit trail, budgets, limits. */
export function startAccounting(
  runtime: Runtime,
  deps: {
    redis: Redis
    store: JobStore
    queues: Queues
    webhooks: Pick<Webhooks, 'notifyBudget'>
    vaultKey: Buffer
    observers: readonly RecordObserver[]
  },
): Accounting {
  const { config, log, node } = runtime
  const { redis, store, queues, webhooks } = deps
  const leaseMs = holdLeaseOf(config)
  const budgets = budgetsOf(config)
  const accounts = new RedisAccounts({ redis, budgets, leaseMs })
  const permits = new RedisPermits({ redis, leaseMs })
  const limiter = new RedisRateLimiter(redis)
  const tail = new RedisRecordTail(redis)
  const limits = new Map(Object.entries(config.tenants).map(([name, tenant]) => [name, tenant.limits]))

  const blocking = connect(runtime, 'blocking')
  const recorder = new Recorder({
    stream: new RedisRecordStream({ redis, blocking, leaseMs: recorderLeaseOf(config) }),
    archive: new FileArchive({ folder: resolve(config.data_dir), key: deriveChainKey(deps.vaultKey) }),
    settlement: {
      async attemptEnded(entry) {
        const { overrun } = await accounts.settle({ ...entry, isLast: false })
        if (overrun > 0) log.warn({ job: entry.job, micro_usd: overrun }, 'a call cost more than was held for it')
        const { job, tokens, nowMs } = entry
        const { tenant } = entry.holder
        if (limits.get(tenant)?.tpm !== undefined) await limiter.settle({ job, tenant, tokens, nowMs })
      },
      // Most tenants have neither budgets nor limits, and then Redis is not asked. What a job holds under a configuration
      // of before, or whose owner is forgotten, is found when its lease is over.
      async jobEnded(job, holder, nowMs) {
        if (!holder) return
        const { tenant } = holder
        const { tpm, concurrency } = limits.get(tenant) ?? {}
        if (budgetsFor(budgets, holder).length > 0) await accounts.release(job, nowMs)
        if (tpm !== undefined) await limiter.release({ job, tenant, nowMs })
        if (concurrency !== undefined) await handOn(await permits.release(job, nowMs), { store, queues })
      },
    },
    observers: deps.observers,
    log,
    holder: `${node}-${randomUUID()}`,
    now: Date.now,
  })
  void recorder.run()
  return {
    async keepBooks() {
      const nowMs = Date.now()
      const [oldest] = await tail.pending(1)
      const recordedUpToMs = oldest === undefined ? nowMs : Number.parseInt(oldest.id, 10)
      await reconcileAccounts({ accounts, store, recordedUpToMs, nowMs, log })
      await handOn(await reconcilePermits({ permits, store, nowMs }), { store, queues })
      for (const alert of await accounts.alerts(alertsPerTurn)) {
        await webhooks.notifyBudget(alert)
        await accounts.alertHandled(alert)
      }
    },
    async stop() {
      await recorder.stop()
      blocking.disconnect()
    },
  }
}
