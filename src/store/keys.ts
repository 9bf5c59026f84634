import { createHash } from 'node:crypto'
import type { JobId } from '../core/job.ts'

/**
 * Every Redis key and channel of the product, so that an ACL can be read off this page. A cloud dispatcher needs
 * `job:` (state, no content), `events:` and `result:`, which it only writes, and its own pool's `body:`; it never needs
 * `private:`, `intake` or another pool's body. BullMQ's own keys live under `sluice:queue:<name>:`.
 */
export const queuePrefix = 'sluice:queue'

export const keys = {
  /** State, class, plan and accounting; no content. */
  job: (id: JobId) => `sluice:job:${id}`,
  /** What was asked for, the body as written, the vault. */
  private: (id: JobId) => `sluice:private:${id}`,
  /** The body as this pool's dispatchers may see it. */
  body: (pool: string, id: JobId) => `sluice:body:${pool}:${id}`,
  events: (id: JobId) => `sluice:events:${id}`,
  result: (id: JobId) => `sluice:result:${id}`,
  /** Jobs of a tenant by time of acceptance. */
  tenantJobs: (tenant: string) => `sluice:jobs:${tenant}`,
  /** A client's key may be any text, so its hash stands in for it. */
  idempotency: (tenant: string, key: string) =>
    `sluice:idempotency:${tenant}:${createHash('sha256').update(key).digest('base64url')}`,
  /** Jobs that have not ended, by deadline. */
  open: 'sluice:open',
  /** Accepted jobs that no worker has taken yet, by the time when somebody last looked after them. */
  untaken: 'sluice:untaken',
  /** Ended jobs whose webhook is still to be handed to the courier's queue. */
  outbox: 'sluice:outbox',
  outboxTaken: 'sluice:outbox:taken',
} as const

export const channels = {
  /** Events of the jobs that this API process follows. */
  api: (processId: string) => `sluice:api:${processId}`,
  /** Jobs that this node must stop working on. */
  node: (node: string) => `sluice:node:${node}`,
} as const
