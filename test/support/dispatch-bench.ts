import type { Redis } from 'ioredis'
import type { GateSettings } from '../../src/core/gate.ts'
import type { JobId, JobRecord } from '../../src/core/job.ts'
import type { JobStatus } from '../../src/core/job-state.ts'
import type { Lane, LaneEntry } from '../../src/core/ports.ts'
import { type Completion, type Provider, ProviderError, type ProviderFailure } from '../../src/core/provider.ts'
import type { DispatchDeps, Upstream } from '../../src/pipeline/dispatch-deps.ts'
import { dispatchJob } from '../../src/pipeline/dispatch-job.ts'
import { gateTiming } from '../../src/store/attempt-arguments.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisGates } from '../../src/store/redis-gates.ts'
import type { RedisJobStore } from '../../src/store/redis-job-store.ts'
import { completion } from './chat-upstream.ts'
import { addJob, createStore, gateOf, type JobSketch } from './gates.ts'
import { freeUpstream, noTelemetry, noTokens, silentLog } from './mortal.ts'
import { startTestRedis, type TestRedis } from './redis.ts'

/** What an upstream does with one call: fails so, answers so, or streams these chunks and then fails or ends. */
export type Turn =
  | ProviderFailure
  | ProviderError
  | Completion
  | { chunks: readonly string[]; failure?: ProviderFailure }

export const answer = (content: string): Completion => ({ bodyJson: completion(content), usage: null })

/**
 * Dispatchers of every pool in one, on a real Redis, with upstreams that do as told. Jobs that are handed to a lane are
 * served at once, in their order, whatever they should wait.
 */
export class DispatchBench implements AsyncDisposable {
  readonly server: TestRedis
  readonly redis: Redis
  readonly store: RedisJobStore
  readonly gates: RedisGates
  /** What each deployment does, call by call; the last goes on for ever. */
  readonly turns = new Map<string, Turn[]>()
  /** Deployments in the order in which they were called, and with which body. */
  readonly calls: { deployment: string; endpoint: 'chat' | 'embeddings'; bodyJson: string }[] = []
  /** How long each hand-over should have waited. */
  readonly waits: { deployment: string; delayMs: number }[] = []
  readonly #handed: { lane: Lane; entry: LaneEntry }[] = []
  /** Replaces what a dispatcher is given. */
  deps: Partial<DispatchDeps> = {}
  upstream: Partial<Upstream> = {}

  private constructor(server: TestRedis) {
    this.server = server
    this.redis = connectRedis(server.url, 'worker')
    this.store = createStore(this.redis, gateTiming)
    this.gates = new RedisGates(this.redis)
  }

  static async start(turns: Readonly<Record<string, readonly Turn[]>> = {}): Promise<DispatchBench> {
    const bench = new DispatchBench(await startTestRedis())
    for (const [deployment, list] of Object.entries(turns)) bench.turns.set(deployment, [...list])
    return bench
  }

  /** A job in its lane, whose plan has the deployments `gpt` and `llama` unless given. */
  addJob(sketch: JobSketch = {}): Promise<JobId> {
    return addJob(this.store, sketch)
  }

  /** Serves a job until nothing more is handed on: it has ended, or is parked. */
  async run(id: JobId, deployment = 'gpt'): Promise<JobRecord> {
    await this.deliver(id, { deployment, pool: 'cloud', hop: 1 })
    for (let next = this.#handed.shift(); next; next = this.#handed.shift()) {
      const { lane, entry } = next
      await this.deliver(entry.id, { deployment: entry.deployment, pool: lane.pool, hop: entry.hop })
    }
    return this.job(id)
  }

  async job(id: JobId): Promise<JobRecord> {
    const job = await this.store.read(id)
    if (!job) throw new Error(`no job ${id}`)
    return job
  }

  async outcome(id: JobId): Promise<{ status: JobStatus; code: string | null; attempts: string[] }> {
    const { status, error, attempts } = await this.job(id)
    const told = attempts.map(({ deployment, outcome }) => `${deployment} ${outcome}`)
    return { status, code: error?.code ?? null, attempts: told }
  }

  deliver(id: JobId, to: { deployment: string; pool: string; hop: number }, signal?: AbortSignal): Promise<void> {
    const { deployment, pool, hop } = to
    const entry = { id, hop, deployment, queue: 'lane', waitedMs: 0, traceparent: undefined }
    return dispatchJob(entry, signal ?? new AbortController().signal, {
      store: this.store,
      queues: {
        addToLane: async (lane, handed) => {
          this.waits.push({ deployment: handed.deployment, delayMs: handed.delayMs ?? 0 })
          this.#handed.push({ lane, entry: handed })
        },
      },
      gates: this.gates,
      gateOf: settingsOf,
      upstreamOf: (name) => ({ ...freeUpstream(this.#providerOf(name)), ...this.upstream }),
      telemetry: noTelemetry,
      log: silentLog,
      pool,
      node: `node-${pool}`,
      policy: { maxAttempts: 4, baseDelayMs: 1, maxDelayMs: 1_000 },
      tokens: noTokens,
      random: () => 0,
      ...this.deps,
    })
  }

  /** The job's events as they are stored. */
  events(id: JobId): Promise<string[]> {
    return this.redis.lrange(`sluice:events:${id}`, 0, -1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.redis.disconnect()
    await this.server.stop()
  }

  #providerOf(deployment: string): Provider {
    const takeTurn = (endpoint: 'chat' | 'embeddings', bodyJson: string): Turn => {
      this.calls.push({ deployment, endpoint, bodyJson })
      const list = this.turns.get(deployment) ?? []
      const turn = list.length > 1 ? list.shift() : list[0]
      return turn ?? answer(`answer of ${deployment}`)
    }
    const complete = async (turn: Turn): Promise<Completion> => {
      if (typeof turn === 'string' || turn instanceof ProviderError) throw toError(turn)
      if ('chunks' in turn) throw new Error('this call does not stream')
      return turn
    }
    return {
      complete: ({ bodyJson }) => complete(takeTurn('chat', bodyJson)),
      embed: ({ bodyJson }) => complete(takeTurn('embeddings', bodyJson)),
      async *stream({ bodyJson }) {
        const turn = takeTurn('chat', bodyJson)
        if (typeof turn === 'string' || turn instanceof ProviderError) throw toError(turn)
        if (!('chunks' in turn)) throw new Error('this call streams')
        for (const chunk of turn.chunks) yield [chunk]
        if (turn.failure) throw toError(turn.failure)
      },
      close: async () => {},
    }
  }
}

function toError(failure: ProviderFailure | ProviderError): ProviderError {
  return failure instanceof ProviderError ? failure : new ProviderError(failure, 'as the test wants it')
}

/** Every deployment has a gate of its own name without limits. */
export function settingsOf(deployment: string): GateSettings {
  return gateOf({}, { gate: deployment, deployment })
}
