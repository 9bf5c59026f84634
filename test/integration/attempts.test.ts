import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createJobId, type JobId, type JobSpec } from '../../src/core/job.ts'
import type { Provider } from '../../src/core/provider.ts'
import { ClaimLostError } from '../../src/pipeline/attempt-run.ts'
import { dispatchJob } from '../../src/pipeline/dispatch-job.ts'
import { chunkRecord, completion, lastRecords } from '../support/chat-upstream.ts'
import { freeUpstream, Mortal, noEmbeddings, noGates, noTelemetry, noTokens, silentLog } from '../support/mortal.ts'
import { startTestRedis } from '../support/redis.ts'
import { contentOf, dataOf } from '../support/sse-reader.ts'

const lane = { pool: 'studio', sensitivity: 'restricted', priority: 'standard' } as const

describe('an entry that is delivered again', () => {
  it('is given up when its job takes every worker down with it', async () => {
    await using redis = await startTestRedis()
    await using worker = await Mortal.start(redis.url, randomBytes(32))
    const id = await routeJob(worker, { stream: false })
    let calls = 0
    const silent: Provider = {
      complete: () => {
        calls += 1
        return new Promise(() => {})
      },
      async *stream() {},
      ...noEmbeddings,
      close: async () => {},
    }
    for (let death = 1; death <= 3; death += 1) {
      // No worker lives to say what became of its attempt.
      void deliver(worker, id, silent)
      await expect.poll(() => calls).toBe(death)
    }
    await deliver(worker, id, silent)
    expect(calls).toBe(3)
    const job = await worker.store.read(id)
    expect(job?.status).toBe('failed')
    expect(job?.error?.code).toBe('upstream_failed')
    expect(job?.attempts.map(({ outcome }) => outcome)).toEqual(['worker_lost', 'worker_lost', 'worker_lost'])
  })

  it('can no longer be ended by the worker that had it before', async () => {
    await using redis = await startTestRedis()
    await using worker = await Mortal.start(redis.url, randomBytes(32))
    const id = await routeJob(worker, { stream: false })
    const answers: ((content: string) => void)[] = []
    const waiting: Provider = {
      complete: () =>
        new Promise((resolve) => {
          answers.push((content) => resolve({ bodyJson: completion(content), usage: null }))
        }),
      async *stream() {},
      ...noEmbeddings,
      close: async () => {},
    }
    const first = deliver(worker, id, waiting)
    await expect.poll(() => answers.length).toBe(1)
    const second = deliver(worker, id, waiting)
    await expect.poll(() => answers.length).toBe(2)
    answers[0]?.('late')
    await expect(first).rejects.toThrow(ClaimLostError)
    expect((await worker.store.read(id))?.stage).toBe('running')
    answers[1]?.('in time')
    await second
    expect(await worker.store.readResult(id)).toBe(completion('in time'))
  })

  it('leaves nothing to write for the worker that had it before', async () => {
    await using redis = await startTestRedis()
    await using worker = await Mortal.start(redis.url, randomBytes(32))
    const id = await routeJob(worker, { stream: true })
    const slow = new Telling()
    const isLost = expect(deliver(worker, id, slow.provider)).rejects.toThrow(ClaimLostError)
    await slow.say('The first worker ')
    await expect.poll(() => deltasOf(worker, id)).toBe('The first worker ')

    const quick = new Telling()
    const second = deliver(worker, id, quick.provider)
    await quick.say('The second ')
    await expect.poll(() => deltasOf(worker, id)).toBe('The second ')
    // The first was only slow: it says the rest, and would end the job.
    await slow.say('is late.')
    slow.end()
    await isLost
    expect((await worker.store.read(id))?.stage).toBe('running')
    await quick.say('is in time.')
    quick.end()
    await second
    const result = JSON.parse((await worker.store.readResult(id)) ?? '{}')
    expect(result.choices[0].message.content).toBe('The second is in time.')
    expect(await deltasOf(worker, id)).toBe('The second is in time.')
  })
})

async function routeJob({ store }: Mortal, { stream }: { stream: boolean }): Promise<JobId> {
  const id = createJobId()
  const nowMs = Date.now()
  const spec: JobSpec = {
    tenant: 'acme',
    keyId: 'key_1',
    endpoint: '/v1/chat/completions',
    model: 'fleet',
    surface: 'jobs',
    stream,
    includeUsage: false,
    priority: lane.priority,
    sensitivity: lane.sensitivity,
    createdAtMs: nowMs,
    deadlineMs: nowMs + 60_000,
  }
  await store.create({ id, spec, bodyJson: '{}' })
  await store.startAudit(id)
  await store.route(id, {
    plan: { ...spec, masked: false, candidates: [{ deployment: 'studio-a', pool: 'studio' }] },
    lane,
    sensitivity: lane.sensitivity,
    reason: 'test',
    masked: {},
    bodies: new Map([['studio', '{}']]),
    vault: new Map(),
    deadlineMs: spec.deadlineMs,
    record: {
      kind: 'decision',
      atMs: nowMs,
      asked: lane.sensitivity,
      sensitivity: lane.sensitivity,
      reason: 'test',
      found: {},
      masked: {},
      detectors: [],
      candidates: ['studio-a'],
      reserved: 0,
    },
  })
  return id
}

function deliver({ store, queues }: Mortal, id: JobId, provider: Provider): Promise<void> {
  const entry = { id, hop: 1, deployment: 'studio-a', queue: 'lane', waitedMs: 0, traceparent: undefined }
  return dispatchJob(entry, new AbortController().signal, {
    store,
    queues,
    ...noGates,
    telemetry: noTelemetry,
    log: silentLog,
    pool: lane.pool,
    node: 'test',
    policy: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 1 },
    upstreamOf: () => freeUpstream(provider),
    tokens: noTokens,
    random: () => 0.5,
  })
}

/** The deltas of a job's event stream that are not void, put together. */
async function deltasOf({ redis }: Mortal, id: JobId): Promise<string> {
  const entries = await redis.lrange(`sluice:events:${id}`, 0, -1)
  const kept = entries.slice(entries.findLastIndex((entry) => entry.startsWith('output.reset')) + 1)
  const records = kept.map((entry) => entry.replace(/^(\S+) (.*)$/, 'event: $1\ndata: $2\n\n'))
  return contentOf(records)
}

/** An upstream that streams what it is told to. */
class Telling {
  readonly #pieces = new TransformStream<string, string>()
  readonly #writer = this.#pieces.writable.getWriter()
  readonly provider: Provider

  constructor() {
    const { readable } = this.#pieces
    this.provider = {
      complete: () => Promise.reject(new Error('it only streams')),
      async *stream() {
        for await (const content of readable) yield [dataOf(chunkRecord({ content }))]
        yield [dataOf(lastRecords())]
      },
      ...noEmbeddings,
      close: async () => {},
    }
  }

  /** Resolves when it was heard, or when nobody listens any more. */
  say(content: string): Promise<void> {
    return this.#writer.write(content).catch(() => undefined)
  }

  end(): void {
    void this.#writer.close().catch(() => undefined)
  }
}
