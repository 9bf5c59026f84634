import type { Redis } from 'ioredis'
import { createJobId, type JobId } from '../../src/core/job.ts'
import type { QueueEntry } from '../../src/core/ports.ts'
import type { Logger } from '../../src/core/telemetry.ts'
import type { Priority, Sensitivity } from '../../src/core/vocabulary.ts'
import { BullmqQueues } from '../../src/queue/bullmq-queues.ts'
import { LaneConsumer } from '../../src/queue/lane-consumer.ts'
import { laneName, laneQueues } from '../../src/queue/lane-names.ts'
import { queuePrefix } from '../../src/store/keys.ts'
import { connectRedis } from '../../src/store/redis.ts'

/** One delivery of an entry, held open until the test ends it. */
export interface Delivery {
  readonly entry: QueueEntry
  readonly signal: AbortSignal
  readonly atMs: number
  /** Ends the work on it. */
  done(): void
  /** Ends it with an error. */
  fail(): void
}

export interface TestConsumer extends AsyncDisposable {
  readonly consumer: LaneConsumer
  /** Everything that was delivered, in order. */
  readonly deliveries: readonly Delivery[]
  /** How many deliveries were open at the same time at most. */
  readonly peak: number
  /** How often it has begun to wait for a marker. */
  readonly waits: number
  /** The markers that it has set itself. */
  readonly markersSet: readonly string[]
  /** The n-th delivery, from 1; waits for it. */
  delivery(number: number): Promise<Delivery>
  stop(graceMs?: number): Promise<void>
}

interface ConsumerOptions {
  readonly concurrency: number
  readonly lookAhead?: number
  readonly batchConcurrency?: number
  readonly yields?: boolean
  readonly leaseMs?: number
  /** Waits for the turn of an entry that is held ahead; false when it was handed back. It starts at once unless given. */
  readonly beforeWork?: (entry: QueueEntry, signal: AbortSignal) => Promise<boolean>
  /** What to do with a delivery; nothing unless said: the test ends it by hand. */
  readonly onDelivery?: (delivery: Delivery) => void
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
let pools = 0

/** The lanes of a pool that no other test knows, on a Redis that others may share. */
export class TestLanes implements AsyncDisposable {
  readonly pool = `pool-${++pools}`
  readonly redis: Redis
  readonly #url: string
  readonly #queues: BullmqQueues

  constructor(url: string) {
    this.#url = url
    this.redis = connectRedis(url, 'worker')
    this.#queues = new BullmqQueues(this.redis)
  }

  name(priority: Priority, sensitivity: Sensitivity = 'public'): string {
    return laneName({ pool: this.pool, sensitivity, priority })
  }

  /** A key of BullMQ's that belongs to a lane. */
  key(priority: Priority, name: string): string {
    return `${queuePrefix}:${this.name(priority)}:${name}`
  }

  async add(
    priority: Priority,
    options: { id?: JobId; hop?: number; delayMs?: number; sensitivity?: Sensitivity; deployment?: string } = {},
  ): Promise<JobId> {
    const { id = createJobId(), hop = 1, delayMs, sensitivity = 'public', deployment = 'any' } = options
    const delay = delayMs === undefined ? {} : { delayMs }
    await this.#queues.addToLane({ pool: this.pool, sensitivity, priority }, { id, hop, deployment, ...delay })
    return id
  }

  /** Entries that wait, are delayed or are being worked on, over all lanes of the pool. */
  async left(): Promise<number> {
    const names = laneQueues(this.pool, 'onprem').map(({ name }) => `${queuePrefix}:${name}`)
    const counts = await Promise.all(
      names.flatMap((name) => [
        this.redis.llen(`${name}:wait`),
        this.redis.llen(`${name}:active`),
        this.redis.zcard(`${name}:delayed`),
      ]),
    )
    return counts.reduce((sum, count) => sum + count, 0)
  }

  async consume(options: ConsumerOptions): Promise<TestConsumer> {
    const redis = connectRedis(this.#url, 'worker')
    const blocking = connectRedis(this.#url, 'blocking')
    const deliveries: Delivery[] = []
    const waiting = new Set<() => void>()
    let open = 0
    let peak = 0
    let waits = 0
    const send = blocking.sendCommand.bind(blocking)
    blocking.sendCommand = (...words) => {
      waits += 1
      return send(...words)
    }
    const markersSet: string[] = []
    const sendOther = redis.sendCommand.bind(redis)
    redis.sendCommand = (...words) => {
      const [command] = words
      if (command.name === 'zadd') markersSet.push(String(command.args[0]))
      return sendOther(...words)
    }
    const consumer = new LaneConsumer({
      redis,
      blocking,
      queues: laneQueues(this.pool, 'onprem'),
      concurrency: options.concurrency,
      ...(options.batchConcurrency !== undefined && { batchConcurrency: options.batchConcurrency }),
      yields: options.yields ?? false,
      lookAhead: options.lookAhead ?? 0,
      leaseMs: options.leaseMs ?? 30_000,
      handle: async (entry, signal, begin) => {
        if ((await options.beforeWork?.(entry, signal)) === false) return
        begin()
        open += 1
        peak = Math.max(peak, open)
        try {
          await new Promise<void>((resolve, reject) => {
            const fail = () => reject(new Error('failed by the test'))
            const delivery: Delivery = { entry, signal, atMs: Date.now(), done: resolve, fail }
            deliveries.push(delivery)
            for (const look of waiting) look()
            options.onDelivery?.(delivery)
          })
        } finally {
          open -= 1
        }
      },
      log: silent,
    })
    await consumer.start()
    let stopped: Promise<void> | null = null
    const stop = (graceMs = 0) => {
      stopped ??= consumer.stop(graceMs).finally(() => redis.disconnect())
      return stopped
    }
    return {
      consumer,
      deliveries,
      get peak() {
        return peak
      },
      get waits() {
        return waits
      },
      markersSet,
      delivery: (number) =>
        new Promise((resolve) => {
          const look = () => {
            const delivery = deliveries[number - 1]
            if (!delivery) return
            waiting.delete(look)
            resolve(delivery)
          }
          waiting.add(look)
          look()
        }),
      stop,
      [Symbol.asyncDispose]: () => {
        for (const delivery of deliveries) delivery.done()
        return stop()
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queues.close()
    this.redis.disconnect()
  }
}
