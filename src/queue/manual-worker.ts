import { createRedisBackend, type Job, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { QueueEntry } from '../core/ports.ts'
import type { Logger } from '../core/telemetry.ts'
import { queuePrefix } from '../store/keys.ts'
import type { EntryData } from './bullmq-queues.ts'

/** What a look into a queue found. */
export interface Look {
  readonly job: Job<EntryData> | null
  /** When the queue's next delayed entry is due, in epoch milliseconds; null where nothing is delayed or there was a job. */
  readonly dueAtMs: number | null
}

/** A BullMQ worker that does nothing by itself but look for entries whose lease has run out. */
export function createManualWorker(
  name: string,
  options: { redis: Redis; leaseMs: number; log: Logger },
): Worker<EntryData> {
  const worker = new Worker<EntryData>(
    name,
    null,
    {
      connection: options.redis,
      prefix: queuePrefix,
      autorun: false,
      lockDuration: options.leaseMs,
      stalledInterval: options.leaseMs / 2,
      // The attempt budget and the audit count bound repeated crashes; BullMQ giving up would strand the job.
      maxStalledCount: 1_000_000,
      // What makes a repeated hand-over harmless is the job's own state, not a memory of finished entries.
      removeOnComplete: { count: 0 },
    },
    (queueName, queueOptions, extra) =>
      createRedisBackend(queueName, queueOptions, { ...extra, withBlockingConnection: false }),
  )
  worker.on('error', (error) => options.log.debug({ err: error, queue: name }, 'queue error'))
  return worker
}

/** Takes the next entry and locks it with `token`. */
export async function takeEntry(worker: Worker<EntryData>, token: string): Promise<Look> {
  return readLook(worker, await worker.getBackend().moveToActive(token), token)
}

/** What a handler is told of an entry. */
export function readEntry({ data }: Job<EntryData>, queue: string): QueueEntry {
  return {
    id: data.job,
    hop: data.hop,
    deployment: data.deployment ?? '',
    queue,
    waitedMs: Math.max(0, Date.now() - data.readyAtMs),
    traceparent: data.traceparent,
  }
}

/** Ends an entry, and takes the next one of its queue in the same step if told to; `token` locks that one too. */
export async function completeEntry(
  worker: Worker<EntryData>,
  job: Job<EntryData>,
  options: { token: string; takeNext: boolean },
): Promise<Look> {
  const reply = (await job.moveToCompleted(null, options.token, options.takeNext)) as unknown[] | undefined
  return readLook(worker, reply ?? [], options.token)
}

async function readLook(worker: Worker<EntryData>, reply: readonly unknown[], token: string): Promise<Look> {
  const [data, id, , dueAtMs] = reply
  if (!data || typeof id !== 'string') {
    return { job: null, dueAtMs: typeof dueAtMs === 'number' && dueAtMs > 0 ? dueAtMs : null }
  }
  // The step that `Worker.getNextJob` takes after its fetch; BullMQ declares it protected.
  const access = worker as unknown as {
    nextJobFromJobData(data: unknown, id: string, token: string): Promise<Job<EntryData> | undefined>
  }
  return { job: (await access.nextJobFromJobData(data, id, token)) ?? null, dueAtMs: null }
}
