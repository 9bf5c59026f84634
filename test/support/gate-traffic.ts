import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'
import type { GateLimits } from '../../src/core/gate.ts'
import type { JobId } from '../../src/core/job.ts'
import { readdStranded } from '../../src/pipeline/wake-parked.ts'
import { BullmqQueues } from '../../src/queue/bullmq-queues.ts'
import type { GateTiming } from '../../src/store/attempt-arguments.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisGates } from '../../src/store/redis-gates.ts'
import { completion } from './chat-upstream.ts'
import type { GateWorkerOptions } from './gate-worker.ts'
import { addJob, createStore, type JobSketch, laneOf } from './gates.ts'
import { startTestRedis } from './redis.ts'

const program = fileURLToPath(new URL('./gate-worker.ts', import.meta.url))

const soonerMs = 9_000

export interface TrafficOptions {
  readonly limits: GateLimits
  readonly timing: GateTiming
  readonly workers: number
  readonly concurrency: number
  readonly leaseMs: number
  /** How long a call takes. */
  readonly callMs: () => number
}

/** Workers in processes of their own, the one upstream that they call, and jobs for them. */
export class GateTraffic implements AsyncDisposable {
  /** When each call arrived. */
  readonly arrivals: number[] = []
  /** Calls under way, and how many there were at the same time at most. */
  running = 0
  highest = 0
  readonly redis: Redis
  readonly #stack: AsyncDisposableStack
  readonly #queues: BullmqQueues
  readonly #options: TrafficOptions
  readonly #url: string
  readonly #upstreamUrl: string
  readonly #workers: ChildProcess[] = []

  private constructor(stack: AsyncDisposableStack, options: TrafficOptions, redisUrl: string, listen: Listen) {
    this.#stack = stack
    this.#options = options
    this.#url = redisUrl
    this.redis = stack.adopt(connectRedis(redisUrl, 'worker'), (redis) => redis.disconnect())
    this.#queues = new BullmqQueues(this.redis)
    this.#upstreamUrl = listen((gone) => this.#serve(gone))
  }

  static async start(options: TrafficOptions): Promise<GateTraffic> {
    await using stack = new AsyncDisposableStack()
    const server = stack.use(await startTestRedis())
    let serve: Serve = async () => {}
    const upstream = createServer((request, response) => {
      request.resume()
      const gone = new Promise<void>((resolve) => response.once('close', () => resolve()))
      void serve(gone).then(() => {
        if (!response.destroyed) response.end(answer)
      })
    })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    stack.defer(() => {
      upstream.closeAllConnections()
      upstream.close()
    })
    const { port } = upstream.address() as AddressInfo
    return new GateTraffic(stack.move(), options, server.url, (own) => {
      serve = own
      return `http://127.0.0.1:${port}`
    })
  }

  async launch(): Promise<void> {
    const { workers } = this.#options
    await Promise.all(Array.from({ length: workers }, (_, index) => this.spawn(index)))
  }

  /** Starts a worker, in the place of one that was killed. */
  async spawn(index: number): Promise<void> {
    const { limits, timing, leaseMs, concurrency } = this.#options
    const words: GateWorkerOptions = {
      redisUrl: this.#url,
      upstreamUrl: this.#upstreamUrl,
      node: `node-${index}`,
      limits,
      timing,
      leaseMs,
      concurrency,
    }
    const child = spawn(process.execPath, [program, JSON.stringify(words)], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#workers[index] = child
    this.#stack.defer(() => void child.kill('SIGKILL'))
    if (child.stdout) await once(child.stdout, 'data')
  }

  async kill(index: number): Promise<void> {
    const child = this.#workers[index]
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  async addJobs(count: number, sketch: JobSketch = {}): Promise<JobId[]> {
    const store = createStore(this.redis, this.#options.timing)
    const plan = { candidates: [{ deployment: 'gpt', pool: laneOf().pool }], ...sketch.plan }
    return Promise.all(
      Array.from({ length: count }, async () => {
        const id = await addJob(store, { ...sketch, plan })
        await this.#queues.addToLane(laneOf(), { id, hop: 1, deployment: 'gpt' })
        return id
      }),
    )
  }

  /** What a courier does for jobs whose waker died; it finds them sooner here. */
  keepHouse(): AsyncDisposable {
    const gates = new RedisGates(this.redis, this.#options.timing)
    const stop = new AbortController()
    const keeping = (async () => {
      while (!stop.signal.aborted) {
        const nowMs = Date.now() + soonerMs
        await readdStranded({ gates, queues: this.#queues, deployments: ['gpt'], nowMs })
        await sleep(200)
      }
    })()
    return {
      async [Symbol.asyncDispose]() {
        stop.abort()
        await keeping
      },
    }
  }

  /** The most calls that arrived in any window of this length. */
  mostWithin(windowMs: number): number {
    let first = 0
    let most = 0
    for (const [index, atMs] of this.arrivals.entries()) {
      while (atMs - (this.arrivals[first] ?? atMs) >= windowMs) first += 1
      most = Math.max(most, index - first + 1)
    }
    return most
  }

  /** Calls per window on the average, from the first up to the last that completes a round of `limit` calls. */
  ratePer(windowMs: number, limit: number): number {
    const rounds = Math.floor((this.arrivals.length - 1) / limit)
    const elapsedMs = (this.arrivals[rounds * limit] ?? 0) - (this.arrivals[0] ?? 0)
    return (rounds * limit * windowMs) / elapsedMs
  }

  async #serve(gone: Promise<void>): Promise<void> {
    this.arrivals.push(performance.now())
    this.running += 1
    this.highest = Math.max(this.highest, this.running)
    await Promise.race([sleep(this.#options.callMs()), gone])
    this.running -= 1
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((_, index) => this.kill(index)))
    await this.#queues.close()
    await this.#stack.disposeAsync()
  }
}

type Serve = (gone: Promise<void>) => Promise<void>
type Listen = (serve: Serve) => string

/** Every call is said to have used a hundred tokens. */
export const tokensPerCall = 100
const usage = { prompt_tokens: 60, completion_tokens: 40, total_tokens: tokensPerCall }
const answer = JSON.stringify({ ...JSON.parse(completion('yes')), usage })
