import type { Redis } from 'ioredis'
import type { DeleteJobDeps } from '../pipeline/delete-job.ts'
import type { EraseDeps } from '../pipeline/erase-tenant.ts'
import type { FileDeps } from '../pipeline/read-file.ts'
import type { BullmqQueues } from '../queue/bullmq-queues.ts'
import { BullmqQueuedEntries } from '../queue/queued-entries.ts'
import { RedisPermits } from '../store/redis-limits.ts'
import { RedisShredder } from '../store/redis-shredder.ts'
import { RedisTenantData } from '../store/redis-tenant-data.ts'
import { holdLeaseOf } from './accounting.ts'
import type { Judging } from './judging.ts'
import { openRecalling } from './recalling.ts'
import type { Runtime } from './runtime.ts'
import type { WebhookStores } from './webhooks.ts'

/** A call is answered before proxies and clients give up on it. */
const maxMs = 25_000

/** What it takes to delete a job, and all of a tenant. Notes which tenants there are. */
export async function openErasing(
  runtime: Runtime,
  parts: {
    redis: Redis
    store: DeleteJobDeps['store']
    queues: BullmqQueues
    judging: Judging
    webhooks: WebhookStores
    files: FileDeps
  },
): Promise<{ deleting: DeleteJobDeps; erasing: EraseDeps }> {
  const { redis, store, queues, judging, webhooks, files } = parts
  const { catalogue } = judging
  const shredder = new RedisShredder(redis)
  const entries = new BullmqQueuedEntries(redis, queues)
  // Where no model keeps answers any more, those of before are in the Redis of the queues, or out of reach.
  const { cache: answers } = judging.recall ?? openRecalling(runtime, redis)
  const data = new RedisTenantData(redis)
  await data.remember(Object.keys(runtime.config.tenants))
  const shared = { store, catalogue, shredder, entries, answers, now: Date.now }
  return {
    deleting: { ...shared, webhooks },
    erasing: {
      ...shared,
      queues,
      data,
      permits: new RedisPermits({ redis, leaseMs: holdLeaseOf(runtime.config) }),
      endpoints: webhooks.endpoints,
      blobs: files.blobs,
      isConfigured: (tenant) => Object.hasOwn(runtime.config.tenants, tenant),
      maxMs,
    },
  }
}
