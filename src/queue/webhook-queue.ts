import { Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { BudgetAlert } from '../core/budget.ts'
import type { JobId } from '../core/job.ts'
import type { Logger } from '../core/telemetry.ts'
import { queuePrefix } from '../store/keys.ts'

const queueName = 'webhooks'
const keepSeconds = 24 * 60 * 60

/** What a webhook tells of: an event of a job, or a budget whose soft limit is reached. */
export type WebhookSubject = { readonly job: JobId; readonly type: string } | { readonly alert: BudgetAlert }

export type WebhookEntry = WebhookSubject & { readonly v: 1 }

/**
 * Webhooks that are to be sent. One entry per event: its id is the webhook's id, and entries are kept after they are
 * done, so an event that is handed on twice is sent by one entry.
 */
export class WebhookQueue {
  readonly #queue: Queue<WebhookEntry>

  constructor(redis: Redis) {
    this.#queue = new Queue(queueName, {
      connection: redis,
      prefix: queuePrefix,
      streams: { events: { maxLen: 0 } },
    })
    this.#queue.on('error', () => undefined)
  }

  async add(webhookId: string, entry: WebhookSubject, maxAttempts: number): Promise<void> {
    await this.#queue.add(
      'webhook',
      { v: 1, ...entry },
      {
        jobId: webhookId,
        attempts: maxAttempts,
        backoff: { type: 'custom' },
        removeOnComplete: { age: keepSeconds },
        removeOnFail: { age: keepSeconds },
      },
    )
  }

  close(): Promise<void> {
    return this.#queue.close()
  }
}

export interface WebhookWorkerOptions {
  readonly redis: Redis
  readonly concurrency: number
  readonly leaseMs: number
  /** Makes one attempt: `true` when delivered, `false` to try again later, `null` when there is nothing to send. */
  readonly deliver: (entry: WebhookEntry) => Promise<boolean | null>
  /** Milliseconds to wait after so many failed attempts. */
  readonly retryDelayMs: (attemptsMade: number) => number
  readonly log: Logger
}

/** Sends what is in the webhook queue. BullMQ's own worker serves: there is one queue and no order between hosts. */
export function startWebhookWorker(options: WebhookWorkerOptions): Worker<WebhookEntry> {
  const worker = new Worker<WebhookEntry>(
    queueName,
    async (job) => {
      const delivered = await options.deliver(job.data)
      if (delivered === false) throw new Error('not delivered')
    },
    {
      connection: options.redis,
      prefix: queuePrefix,
      concurrency: options.concurrency,
      lockDuration: options.leaseMs,
      stalledInterval: options.leaseMs,
      maxStalledCount: 1_000,
      settings: { backoffStrategy: (attemptsMade) => options.retryDelayMs(attemptsMade) },
    },
  )
  worker.on('error', (error) => options.log.debug({ err: error }, 'webhook queue error'))
  return worker
}
