import { describe, expect, it } from 'vitest'
import { createJobId, type JobId } from '../../src/core/job.ts'
import type { Lane, LaneEntry, Started } from '../../src/core/ports.ts'
import type { ProviderCall } from '../../src/core/provider.ts'
import type { AttemptRun } from '../../src/pipeline/attempt-run.ts'
import { DirectWork, type DirectWorkDeps, jobStopped } from '../../src/pipeline/direct-work.ts'
import { eventually } from '../support/eventually.ts'
import { freeUpstream, noEmbeddings, noTelemetry, noTokens, silentLog } from '../support/mortal.ts'

const lane: Lane = { pool: 'cloud', sensitivity: 'public', priority: 'interactive' }
const breaker = { failures: 5, windowMs: 60_000, openMs: 10_000, maxOpenMs: 60_000 }
const limits = { requestsPerMinute: null, tokensPerMinute: null, parallel: null }

/** Work on one job whose upstream answers only when it is broken off. */
class Bench {
  readonly id: JobId = createJobId()
  readonly stop = new AbortController()
  readonly added: { lane: Lane; entry: LaneEntry }[] = []
  readonly kept: { ids: readonly JobId[]; untilMs: number }[] = []
  readonly left = Promise.withResolvers<void>()
  isCalled = false
  readonly work: DirectWork

  constructor(deps: Partial<DirectWorkDeps> = {}) {
    const hang = ({ signal }: ProviderCall) =>
      new Promise<never>((_, reject) => {
        this.isCalled = true
        signal.addEventListener('abort', () => reject(new Error('broken off')))
      })
    const provider = { complete: hang, stream: () => [], ...noEmbeddings, close: async () => {} }
    const unused = () => Promise.reject(new Error('not asked for'))
    this.work = new DirectWork({
      store: { startAttempt: unused, append: unused, retry: unused, moveOn: unused, end: async () => false },
      queues: { addToLane: async (to, entry) => void this.added.push({ lane: to, entry }) },
      gates: { peek: async () => [], park: unused },
      gateOf: (deployment) => ({ gate: deployment, deployment, limits, breaker }),
      upstreamOf: () => freeUpstream(provider as unknown as Parameters<typeof freeUpstream>[0]),
      telemetry: noTelemetry,
      log: silentLog,
      pool: 'cloud',
      node: 'here',
      policy: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 1 },
      tokens: noTokens,
      random: () => 0.5,
      keeper: { keep: async (ids, untilMs) => void this.kept.push({ ids, untilMs }) },
      leaseMs: 30,
      queueOf: () => 'lane.cloud.public.interactive',
      takeRoom: () => ({ signal: this.stop.signal, begin() {}, leave: () => this.left.resolve() }),
      ...deps,
    })
  }

  begin(): void {
    const place = this.work.take(lane, 'cloud-a')
    place?.begin({ id: this.id, start, traceparent: undefined })
  }
}

const start: Started = {
  kind: 'go',
  fence: 1,
  isProbe: false,
  plan: {
    endpoint: '/v1/chat/completions',
    surface: 'chat',
    stream: false,
    includeUsage: false,
    model: 'any',
    masked: false,
    candidates: [{ deployment: 'cloud-a', pool: 'cloud' } as AttemptRun['candidate']],
  },
  candidate: 0,
  attempts: [],
  bodyJson: '{}',
  deadlineMs: Date.now() + 3_600_000,
  createdAtMs: Date.now(),
  sensitivity: 'public',
  priority: 'interactive',
  hasOutput: false,
}

describe('work without a queue entry', () => {
  it('says again and again that it is there, until it is over', async () => {
    const bench = new Bench()
    bench.begin()
    await eventually('it is kept twice', () => bench.kept.filter(({ ids }) => ids.includes(bench.id)).length > 1)
    expect(bench.kept.at(-1)?.untilMs).toBeGreaterThan(bench.kept[0]?.untilMs ?? Number.POSITIVE_INFINITY)
    bench.stop.abort()
    await bench.left.promise
    const before = bench.kept.length
    await eventually('it is asked again', () => bench.kept.length > before)
    expect(bench.kept.at(-1)?.ids).toEqual([])
    bench.work.stop()
  })

  it('goes to its lane when it has to be given up, and only then leaves its room', async () => {
    const bench = new Bench()
    bench.begin()
    await eventually('the upstream is called', () => bench.isCalled)
    expect(bench.added).toEqual([])
    bench.stop.abort()
    await bench.left.promise
    expect(bench.added).toMatchObject([{ lane, entry: { id: bench.id, hop: 1, deployment: 'cloud-a' } }])
    bench.work.stop()
  })

  it('goes nowhere when its job is to be stopped', async () => {
    const bench = new Bench()
    bench.begin()
    await eventually('the upstream is called', () => bench.isCalled)
    bench.stop.abort(jobStopped)
    await bench.left.promise
    expect(bench.added).toEqual([])
    bench.work.stop()
  })

  it('is not taken on without a gate, where the node makes no such calls, or without room', () => {
    const without: Partial<DirectWorkDeps>[] = [
      { gateOf: () => null },
      { refusalOf: () => ({ kind: 'forbidden', reason: 'not here' }) },
      { takeRoom: () => null },
    ]
    for (const deps of without) {
      const { work } = new Bench(deps)
      expect(work.take(lane, 'cloud-a')).toBeNull()
      work.stop()
    }
  })
})
