import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { createJobId, type JobSpec } from '../../src/core/job.ts'
import type { Provider } from '../../src/core/provider.ts'
import { dispatchJob } from '../../src/pipeline/dispatch-job.ts'
import { Mortal, noTelemetry, silentLog } from '../support/mortal.ts'
import { startTestRedis } from '../support/redis.ts'

const lane = { pool: 'studio', sensitivity: 'restricted', priority: 'standard' } as const

it('ends a job that takes every worker down with it', async () => {
  await using redis = await startTestRedis()
  await using mortal = await Mortal.start(redis.url, randomBytes(32))
  const { store, queues } = mortal
  const id = createJobId()
  const nowMs = Date.now()
  const spec: JobSpec = {
    tenant: 'acme',
    endpoint: '/v1/chat/completions',
    model: 'fleet',
    surface: 'jobs',
    stream: false,
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
  })
  let calls = 0
  const silent: Provider = {
    complete: () => {
      calls += 1
      return new Promise(() => {})
    },
    async *stream() {},
    close: async () => {},
  }
  // The queue delivers the same entry again and again; no worker lives to say what became of its attempt.
  const deliver = () =>
    dispatchJob({ id, hop: 1, queue: 'lane', waitedMs: 0, traceparent: undefined }, new AbortController().signal, {
      store,
      queues,
      telemetry: noTelemetry,
      log: silentLog,
      pool: 'studio',
      node: 'test',
      policy: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 1 },
      withProvider: () => (work) => work(silent),
      random: () => 0.5,
    })
  for (let worker = 1; worker <= 3; worker += 1) {
    void deliver()
    await expect.poll(() => calls).toBe(worker)
  }
  await deliver()
  expect(calls).toBe(3)
  const job = await store.read(id)
  expect(job?.status).toBe('failed')
  expect(job?.error?.code).toBe('upstream_failed')
  expect(job?.attempts.map(({ outcome }) => outcome)).toEqual(['worker_lost', 'worker_lost', 'worker_lost'])
})
