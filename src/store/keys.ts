import { createHash } from 'node:crypto'
import type { BatchId } from '../core/batch.ts'
import type { FileId } from '../core/file.ts'
import type { JobId } from '../core/job.ts'

/**
 * Every Redis key and channel of the product, so that an ACL can be read off this page. A cloud dispatcher needs
 * `job:` (state, no content), `gate:`, `backlog:`, `events:`, `result:` and `records`, of which it only writes the last
 * three, and its own pool's `body:`; it never needs `private:`, `intake` or another pool's body. BullMQ's own keys live
 * under `sluice:queue:<name>:`.
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
  /** The hashes of a tenant's keys by the time when they expire. */
  idempotencyIndex: (tenant: string) => `sluice:idempotency:${tenant}`,
  /** Every tenant that some process was configured with, so that what is left of one that is gone can be found. */
  tenants: 'sluice:tenants',
  /** Jobs of a tenant whose content was destroyed and that the recorder may still have to tell of, by the time of that. */
  shredded: (tenant: string) => `sluice:shredded:${tenant}`,
  /** Every pool that some process was configured with: what waits for one that is gone has to be found. */
  pools: 'sluice:pools',
  /** Jobs that have not ended, by deadline. */
  open: 'sluice:open',
  /** Accepted jobs that no worker has taken yet, by the time when somebody last looked after them. */
  untaken: 'sluice:untaken',
  /** Ended jobs whose webhook is still to be handed to the courier's queue. */
  outbox: 'sluice:outbox',
  outboxTaken: 'sluice:outbox:taken',
  /** A webhook endpoint: settings, state, sealed URL and secrets. */
  webhookEndpoint: (id: string) => `sluice:webhook:endpoint:${id}`,
  /** A tenant's endpoints by time of creation. */
  webhookEndpoints: (tenant: string) => `sluice:webhook:endpoints:${tenant}`,
  /** An event for one receiver: state and attempts; what is sent stands apart, sealed. */
  webhookDelivery: (id: string) => `sluice:webhook:delivery:${id}`,
  webhookContent: (id: string) => `sluice:webhook:content:${id}`,
  /** Deliveries of an endpoint by time of creation, and those of a tenant to URLs that are no endpoint's. */
  webhookLog: (endpoint: string) => `sluice:webhook:log:${endpoint}`,
  webhookUrlLog: (tenant: string) => `sluice:webhook:urls:${tenant}`,
  /** Receivers that something waits for, by the time when somebody must look. */
  webhookLanes: 'sluice:webhook:lanes',
  /** Deliveries of a lane by the time when they are due, and those that are being sent, by the end of the lease. */
  webhookDue: (lane: string) => `sluice:webhook:due:${lane}`,
  webhookSending: (lane: string) => `sluice:webhook:sending:${lane}`,
  /** Lanes whose last attempt failed, and until when lanes asked to be left alone. */
  webhookFailing: 'sluice:webhook:failing',
  webhookPauses: 'sluice:webhook:pauses',
  /** Failed jobs by the time of their end, of all tenants and of each. */
  deadLetters: 'sluice:dead-letters',
  tenantDeadLetters: (tenant: string) => `sluice:dead-letters:${tenant}`,
  /** A stream of what the steps of all jobs leave behind for the ledger and the audit trail. */
  records: 'sluice:records',
  /** Who reads that stream, how far it has come, and which archive it writes. */
  recorder: 'sluice:recorder',
  recorderLease: 'sluice:recorder:lease',
  /** Roll-ups of one UTC day, for 400 days. */
  usage: (day: string) => `sluice:usage:${day}`,
  /** Decayed averages of how fast each deployment answers. */
  speeds: 'sluice:speeds',
  /** Where each tenant's audit chain ends. */
  auditHeads: 'sluice:audit:heads',
  /** Spent and reserved of a budget in one window. The ids of windows have no `:`, those of budgets may. */
  budget: (id: string, window: string) => `sluice:budget:${id}:${window}`,
  /** What a job holds, in which windows, and which of its attempts were booked. */
  hold: (id: JobId) => `sluice:hold:${id}`,
  /** Jobs that hold money, by the end of the lease. */
  holds: 'sluice:holds',
  /** Soft limits that were reached and not yet told. */
  budgetAlerts: 'sluice:budget-alerts',
  /** Requests and tokens of a tenant in the last minute. */
  rate: (limit: 'requests' | 'tokens', tenant: string) => `sluice:rate:${limit}:${tenant}`,
  /** The tokens that a job was admitted with. */
  estimate: (id: JobId) => `sluice:estimate:${id}`,
  /** The tenant of each job that has a permit or is parked. */
  permits: 'sluice:permits',
  /** The same jobs, by the time when somebody must look after them. */
  permitsDue: 'sluice:permits:due',
  /** How many permits each tenant has. */
  permitLimits: 'sluice:permits:limits',
  /** Jobs of a tenant that have a permit. */
  running: (tenant: string) => `sluice:running:${tenant}`,
  /** Jobs of a tenant that wait for one, in their order. */
  parked: (tenant: string) => `sluice:parked:${tenant}`,
  /**
   * Of the gate of a deployment: `state` of its breaker, `running` calls, places `reserved` for woken jobs, and the
   * `requests` and `tokens` of the last minute.
   */
  gate: (what: 'state' | 'running' | 'reserved' | 'requests' | 'tokens', gate: string) => `sluice:gate:${what}:${gate}`,
  /** Jobs parked behind a deployment, by priority and time. */
  backlog: (deployment: string) => `sluice:backlog:parked:${deployment}`,
  /** Jobs of it that have a place and are on their way to a dispatcher, by the time when somebody last saw to that. */
  woken: (deployment: string) => `sluice:backlog:woken:${deployment}`,
  /** The deployments that have any of these. */
  backlogs: 'sluice:backlog:deployments',
  /** Answers that may be given again, sealed, by the hash of their request; maybe in another Redis. */
  cachedAnswer: (key: string) => `sluice:cache:answer:${key}`,
  /** Their keys by the time when they expire, and their sizes, so that the oldest can go. */
  cacheIndex: 'sluice:cache:index',
  cacheSizes: 'sluice:cache:sizes',
  cacheBytes: 'sluice:cache:bytes',
  /** The job that works on an answer that others wait for, and those others. */
  flightLeader: (key: string) => `sluice:flight:leader:${key}`,
  flightFollowers: (key: string) => `sluice:flight:followers:${key}`,
  /** The keys of all jobs that lead. */
  flightLeaders: 'sluice:flight:leaders',
  /** Calls whose client left before their answer was delivered, by the time when it did. */
  left: 'sluice:left',
  /** Set where a job has more readers than the call that made it. */
  keptCall: (id: JobId) => `sluice:kept:${id}`,
  /** How many jobs each lane and each deployment gets through, decayed. */
  throughput: 'sluice:throughput',
  /** What the nodes of a pool last reported, and which of them are to drain. */
  nodes: (pool: string) => `sluice:nodes:${pool}`,
  /** What is known of a file, and the blobs that its content is in. */
  file: (id: FileId) => `sluice:file:${id}`,
  fileParts: (id: FileId) => `sluice:file:${id}:parts`,
  /** Files of a tenant by the time when they were made. */
  tenantFiles: (tenant: string) => `sluice:files:${tenant}`,
  /** All files that have a time to go, by that time. */
  filesDue: 'sluice:files-due',
  /** What was asked for, how far it has come; the lines that have a job, and those of them whose job has ended. */
  batch: (id: BatchId) => `sluice:batch:${id}`,
  batchOpen: (id: BatchId) => `sluice:batch:${id}:open`,
  batchEnded: (id: BatchId) => `sluice:batch:${id}:ended`,
  /** Which courier drives it. */
  batchLease: (id: BatchId) => `sluice:batch:${id}:lease`,
  /** Batches of a tenant by the time when they were made. */
  tenantBatches: (tenant: string) => `sluice:batches:${tenant}`,
  /** Batches that have not ended, by the same. */
  openBatches: 'sluice:open-batches',
} as const

export const channels = {
  /** Calls that were left, and those that failed, for every API process. Not below `sluice:api:`, where dispatchers may publish. */
  left: 'sluice:left',
  /** Events of the jobs that this API process follows. */
  api: (processId: string) => `sluice:api:${processId}`,
  /** Jobs that this node must stop working on. */
  node: (node: string) => `sluice:node:${node}`,
  /** Nodes of an on-premises pool that have nothing to do. */
  pool: (pool: string) => `sluice:pool:${pool}`,
} as const
