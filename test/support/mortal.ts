import type { Redis } from 'ioredis'
import type { JobId } from '../../src/core/job.ts'
import type { QueueEntry } from '../../src/core/ports.ts'
import type { Provider } from '../../src/core/provider.ts'
import type { Telemetry } from '../../src/core/telemetry.ts'
import type { TokenCounter } from '../../src/core/token-counter.ts'
import type { DispatchDeps, Upstream } from '../../src/pipeline/dispatch-deps.ts'
import { BullmqQueues } from '../../src/queue/bullmq-queues.ts'
import { completeEntry, createManualWorker, takeEntry } from '../../src/queue/manual-worker.ts'
import { connectRedis, type RedisPurpose, untilReady } from '../../src/store/redis.ts'
import { RedisJobStore } from '../../src/store/redis-job-store.ts'
import { createSealer } from '../../src/store/sealing.ts'
import { type LossyProxy, startLossyProxy } from './lossy-proxy.ts'

export const silentLog = { debug() {}, info() {}, warn() {}, error() {} }
const span = { traceparent: undefined, set() {}, fail() {} }
export const noTokens: TokenCounter = { countPrompt: () => 0, countAnswer: () => 0 }

/** A provider of chats has no embeddings, unless a test says so. */
export const noEmbeddings = { embed: () => Promise.reject(new Error('it has no embeddings')) }

/** A deployment that costs nothing and is served by this provider. */
export function freeUpstream(provider: Provider): Upstream {
  return {
    run: (work) => work(provider),
    price: null,
    maxOutputTokens: 4096,
    outputLimitField: 'max_tokens',
  }
}

/** For deployments without gates: there is nothing to look at. */
export const noGates: Pick<DispatchDeps, 'gates' | 'gateOf'> = {
  gates: { peek: async () => [], park: () => Promise.reject(new Error('no gate was closed')) },
  gateOf: () => null,
}

export const noTelemetry: Telemetry = {
  metrics: {
    jobAccepted() {},
    queueWait() {},
    firstToken() {},
    attemptFinished() {},
    fallback() {},
    jobParked() {},
    tokens() {},
    jobFinished() {},
    webhookAttempt() {},
    httpRequest() {},
  },
  tracing: { span: (_name, _options, work) => work(span) },
}

/** The test got its own jobs mixed up. */
class WrongJobError extends Error {}

/** What befalls a worker, told in commands to Redis from the moment on at which it is armed. */
export interface Fate {
  readonly kind: 'dies' | 'loses a reply'
  /** `dies`: this many commands are still sent. `loses a reply`: the one after so many is executed and not answered. */
  readonly after: number
}

/** The Redis side of a process that can be stopped between any two of its commands. */
export class Mortal implements AsyncDisposable {
  readonly redis: Redis
  readonly store: RedisJobStore
  readonly queues: BullmqQueues
  readonly #proxy: LossyProxy
  readonly #died = Promise.withResolvers<'died'>()
  #fate: Fate | null = null
  #sent = 0
  #met = false

  constructor(proxy: LossyProxy, vaultKey: Buffer, purpose: RedisPurpose) {
    this.#proxy = proxy
    this.redis = connectRedis(proxy.url, purpose)
    this.#intercept()
    this.queues = new BullmqQueues(this.redis)
    this.store = new RedisJobStore({
      redis: this.redis,
      sealer: createSealer(vaultKey),
      resultRetentionMs: 3_600_000,
      eventRetentionMs: 3_600_000,
    })
  }

  static async start(url: string, vaultKey: Buffer, purpose: RedisPurpose = 'worker'): Promise<Mortal> {
    return new Mortal(await startLossyProxy(url), vaultKey, purpose)
  }

  /** Does the work until it ends or the worker dies. Resolves with the number of commands that it came to. */
  async meet(fate: Fate, work: () => Promise<unknown>): Promise<number> {
    await untilReady(this.redis)
    this.#fate = fate
    const failed = (error: unknown) => {
      // An API gives up where a reply is lost, and a look whose reply is lost leaves nothing for the next one.
      if (fate.kind === 'dies' || error instanceof WrongJobError) throw error
    }
    await Promise.race([work().catch(failed), this.#died.promise])
    return this.#sent
  }

  /** Takes the next entry of a queue, which must be this job's, handles it and ends it, as `LaneConsumer` does. */
  async serveOne(queue: string, id: JobId | null, handle: (entry: QueueEntry) => Promise<void>): Promise<void> {
    const worker = createManualWorker(queue, { redis: this.redis, leaseMs: 1_000, log: silentLog })
    const { job } = await takeEntry(worker, 'mortal')
    if (!job) throw new Error(`nothing waits in ${queue}`)
    if (job.data.job !== id) throw new WrongJobError(`${queue} had ${job.data.job} instead of ${id}`)
    const { job: entryId, hop, deployment = '' } = job.data
    await handle({ id: entryId, hop, deployment, queue, waitedMs: 0, traceparent: undefined })
    await completeEntry(worker, job, { token: 'mortal', takeNext: false })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.redis.disconnect()
    await this.#proxy[Symbol.asyncDispose]()
  }

  #intercept(): void {
    const send = this.redis.sendCommand.bind(this.redis)
    this.redis.sendCommand = (...words) => {
      const fate = this.#fate
      if (!fate) return send(...words)
      const strikes = this.#sent >= fate.after && (fate.kind === 'dies' || !this.#met)
      this.#sent += 1
      if (!strikes) return send(...words)
      this.#met = true
      if (fate.kind === 'loses a reply') {
        this.#proxy.loseNextReply()
        return send(...words)
      }
      this.#died.resolve('died')
      return new Promise(() => {})
    }
  }
}
