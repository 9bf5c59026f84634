import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { GateClaim, GateOutcome } from '../../src/core/gate.ts'
import { createJobId, type DispatchPlan, type JobId, type JobSpec } from '../../src/core/job.ts'
import type { AttemptStart, Lane } from '../../src/core/ports.ts'
import type { AttemptRecord } from '../../src/core/records.ts'
import type { Priority } from '../../src/core/vocabulary.ts'
import { type GateTiming, gateTiming } from '../../src/store/attempt-arguments.ts'
import { connectRedis } from '../../src/store/redis.ts'
import { RedisGates } from '../../src/store/redis-gates.ts'
import { RedisJobStore } from '../../src/store/redis-job-store.ts'
import { createSealer } from '../../src/store/sealing.ts'
import { startTestRedis, type TestRedis } from './redis.ts'

export const breaker = { failures: 3, windowMs: 60_000, openMs: 10_000, maxOpenMs: 60_000 }
export const noLimits = { requestsPerMinute: null, tokensPerMinute: null, parallel: null }
export const pool = 'cloud'

export type Gate = Omit<GateClaim, 'tokens'>

export function gateOf(limits: Partial<GateClaim['limits']> = {}, more: Partial<GateClaim> = {}): Gate {
  return { gate: 'gpt', deployment: 'gpt', limits: { ...noLimits, ...limits }, breaker, ...more }
}

export interface JobSketch {
  readonly priority?: Priority
  readonly createdAtMs?: number
  readonly plan?: Partial<DispatchPlan>
}

/** A Redis with jobs that wait in lanes, and a clock of the test's own for all gates. */
export class GateBench implements AsyncDisposable {
  readonly server: TestRedis
  readonly redis: Redis
  readonly store: RedisJobStore
  readonly gates: RedisGates
  nowMs = 1_800_000_000_000

  private constructor(server: TestRedis, timing: Partial<GateTiming>) {
    this.server = server
    this.redis = connectRedis(server.url, 'worker')
    const own: GateTiming = { ...gateTiming, now: () => this.nowMs, ...timing }
    this.store = createStore(this.redis, own)
    this.gates = new RedisGates(this.redis, own)
  }

  static async start(timing: Partial<GateTiming> = {}): Promise<GateBench> {
    return new GateBench(await startTestRedis(), timing)
  }

  /** A job in its lane. */
  addJob(sketch: JobSketch = {}): Promise<JobId> {
    return addJob(this.store, { createdAtMs: this.nowMs, ...sketch })
  }

  claim(id: JobId, gate: Gate | null, { hop = 1, tokens = 0 } = {}): Promise<AttemptStart> {
    const claimed = gate && { ...gate, tokens }
    return this.store.startAttempt(id, { hop, pool, node: 'node', nowMs: this.nowMs, gate: claimed })
  }

  /** Claims a new job: why it was not let in, or null. */
  async refusal(gate: Gate, sketch: JobSketch & { tokens?: number } = {}): Promise<string | null> {
    const start = await this.claim(await this.addJob(sketch), gate, sketch)
    if (start.kind === 'closed') return start.closed.reason
    if (start.kind !== 'go') throw new Error(start.kind)
    return null
  }

  /** Ends an attempt as an upstream would have it. */
  async report(id: JobId, gate: Gate, outcome: GateOutcome['outcome'], more: Partial<GateOutcome> = {}): Promise<void> {
    const facts = { ...gate, outcome, stayAwayMs: null, tokens: null, ...more }
    const fence = Number(await this.redis.hget(`sluice:job:${id}`, 'fence'))
    const ended = await this.store.end(id, outcome === 'success' ? 'complete' : 'fail', { gate: facts }, fence)
    if (!ended) throw new Error('the attempt was not its own any more')
  }

  /** Lets a new job in and ends it. */
  async call(gate: Gate, outcome: GateOutcome['outcome'], more: Partial<GateOutcome> = {}): Promise<void> {
    const id = await this.addJob()
    const start = await this.claim(id, gate)
    if (start.kind !== 'go') throw new Error(`not let in: ${JSON.stringify(start)}`)
    await this.report(id, gate, outcome, more)
  }

  park(id: JobId, fromHop: number, sketch: { priority?: Priority; deployment?: string; candidate?: number } = {}) {
    const { priority = 'standard', deployment = 'gpt', candidate = 0 } = sketch
    const at = { fromHop, candidate, deployment, lane: laneOf(priority), priority, tokens: 0, nowMs: this.nowMs }
    return this.gates.park(id, at)
  }

  /** The names of keys that gates and backlogs have left. */
  async leftovers(): Promise<string[]> {
    const found = [...(await this.redis.keys('sluice:gate:*')), ...(await this.redis.keys('sluice:backlog:*'))]
    return found.toSorted()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.redis.disconnect()
    await this.server.stop()
  }
}

export function createStore(redis: Redis, timing: GateTiming): RedisJobStore {
  const sealer = createSealer({ current: randomBytes(32), previous: [] })
  const retentionMs = 3_600_000
  return new RedisJobStore({
    redis,
    sealer,
    resultRetentionMs: retentionMs,
    eventRetentionMs: retentionMs,
    gateTiming: timing,
  })
}

export const laneOf = (priority: Priority = 'standard'): Lane => ({ pool, sensitivity: 'public', priority })

export async function addJob(store: RedisJobStore, sketch: JobSketch = {}): Promise<JobId> {
  const { priority = 'standard', createdAtMs = Date.now() } = sketch
  const id = createJobId()
  const spec: JobSpec = {
    tenant: 'acme',
    keyId: 'key_1',
    endpoint: '/v1/chat/completions',
    model: 'fleet',
    surface: 'jobs',
    stream: false,
    includeUsage: false,
    priority,
    sensitivity: 'public',
    createdAtMs,
    deadlineMs: createdAtMs + 3_600_000,
  }
  const candidates = [
    { deployment: 'gpt', pool },
    { deployment: 'llama', pool: 'studio' },
  ]
  const lane = laneOf(priority)
  await store.create({
    id,
    spec,
    bodyJson: '{}',
    decision: {
      plan: { ...spec, masked: false, candidates, ...sketch.plan },
      lane,
      sensitivity: lane.sensitivity,
      reason: 'test',
      masked: {},
      bodies: new Map([[pool, '{}']]),
      vault: new Map(),
      deadlineMs: spec.deadlineMs,
      record: {
        kind: 'decision',
        atMs: createdAtMs,
        asked: lane.sensitivity,
        sensitivity: lane.sensitivity,
        reason: 'test',
        found: {},
        masked: {},
        detectors: [],
        candidates: candidates.map(({ deployment }) => deployment),
        reserved: 0,
      },
    },
  })
  return id
}

/** The row that a dispatcher writes of an attempt that failed. */
export function failedAttempt(id: JobId): AttemptRecord {
  return {
    kind: 'attempt',
    job: id,
    atMs: 0,
    attemptId: `${id}.1`,
    deployment: 'gpt',
    pool,
    outcome: 'server_error',
    status: 500,
    ms: 1,
    firstTokenMs: null,
    usage: null,
    isEstimated: false,
    cost: 0,
  }
}
