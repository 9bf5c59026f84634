import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCatalogue } from '../../src/compose/catalogue.ts'
import { createJudging, type Judging } from '../../src/compose/judging.ts'
import { createTellers, openWebhookStores } from '../../src/compose/webhooks.ts'
import type { GateLimits, GateSettings } from '../../src/core/gate.ts'
import type { JobId, Surface } from '../../src/core/job.ts'
import type { TerminalStatus } from '../../src/core/job-state.ts'
import { type Provider, ProviderError } from '../../src/core/provider.ts'
import { unknownSignals } from '../../src/core/routing-signals.ts'
import type { Priority, Sensitivity } from '../../src/core/vocabulary.ts'
import { type AcceptRequest, acceptJob } from '../../src/pipeline/accept-job.ts'
import { auditJob } from '../../src/pipeline/audit-job.ts'
import { cancelJob } from '../../src/pipeline/cancel-job.ts'
import { DirectWork, type TakePlace } from '../../src/pipeline/direct-work.ts'
import type { DispatchDeps } from '../../src/pipeline/dispatch-deps.ts'
import { dispatchJob } from '../../src/pipeline/dispatch-job.ts'
import { expireJobs } from '../../src/pipeline/expire-jobs.ts'
import { handOn } from '../../src/pipeline/pump-outbox.ts'
import { BacklogKeeper } from '../../src/pipeline/wake-parked.ts'
import { intakeName, laneName } from '../../src/queue/lane-names.ts'
import { Outbox } from '../../src/store/outbox.ts'
import type { RedisPurpose } from '../../src/store/redis.ts'
import { RedisGates } from '../../src/store/redis-gates.ts'
import { RedisRateLimiter } from '../../src/store/redis-limits.ts'
import { chunkRecord, completion, lastRecords } from '../support/chat-upstream.ts'
import type { Cluster } from '../support/cluster.ts'
import { freeUpstream, type Mortal, noEmbeddings, noTelemetry, noTokens, silentLog } from '../support/mortal.ts'
import { dataOf } from '../support/sse-reader.ts'
import { answerTo } from '../support/workload.ts'

/** A piece of a job's way that a worker may not survive. */
export interface Stage {
  readonly name: string
  /** Which connection the role has that does it. */
  readonly purpose?: RedisPurpose
  /** A lane of its own, so that a worker takes no other stage's job. */
  readonly lane: readonly [Priority, Sensitivity]
  readonly stream?: boolean
  readonly surface?: Surface
  readonly endings?: readonly TerminalStatus[]
  readonly deadlineInMs?: number
  /** What led there, by a worker that survives. */
  readonly before: (sound: Mortal, job: Job) => Promise<unknown>
  readonly run: (mortal: Mortal, job: Job) => Promise<unknown>
  /** What somebody else does afterwards who notices. */
  readonly after?: (sound: Mortal, job: Job) => Promise<unknown>
}

/** A job on its way through the stages. */
export interface Job {
  readonly stage: Stage
  readonly prompt: string
  readonly idempotencyKey: string
  readonly cluster: Cluster
  id: JobId | null
  wasAccepted: boolean
}

export function newJob(stage: Stage, cluster: Cluster): Job {
  const idempotencyKey = randomUUID()
  const [, sensitivity] = stage.lane
  // An address would raise a public job and lead it to another stage's lane.
  const whom = sensitivity === 'public' ? 'her' : 'ada@example.com'
  const prompt = `does ${idempotencyKey.slice(0, 8)} reach ${whom}?`
  return { stage, prompt, idempotencyKey, cluster, id: null, wasAccepted: false }
}

/** Until all stages were tried, or a worker would take the job of another crash point of its stage. */
const retryDelayMs = 10_000

/** All stages. Those that leave accepted jobs behind come after those that have a lane's jobs audited. */
export const stages: readonly Stage[] = [
  {
    name: 'a chat that streams',
    lane: ['batch', 'restricted'],
    stream: true,
    surface: 'chat',
    // After the first token a chat can't be told to start over.
    endings: ['completed', 'failed'],
    before: acceptAndAudit,
    run: (mortal, job) => dispatch(mortal, job, 'studio', answering()),
  },
  {
    name: 'the hand-over of a webhook',
    lane: ['batch', 'restricted'],
    endings: ['cancelled'],
    before: async (sound, job) => {
      await accept(sound, job)
      await cancel(sound, job)
    },
    run: async (mortal, { cluster }) => {
      const { redis, store } = mortal
      const { config, vaultKey } = cluster
      const outbox = new Outbox(redis, redis)
      const stores = openWebhookStores(config, redis, { current: vaultKey, previous: [] })
      const tellers = createTellers({ ...stores, store, auditing: judgingOf(mortal, cluster).auditing })
      const row = await outbox.take()
      if (row) await handOn(row, { outbox, tellers })
    },
  },
  {
    name: 'acceptance',
    purpose: 'api',
    lane: ['interactive', 'public'],
    before: nothing,
    run: (mortal, job) => accept(mortal, job),
  },
  {
    name: 'acceptance with an idempotency key, asked again',
    purpose: 'api',
    lane: ['interactive', 'public'],
    before: nothing,
    run: (mortal, job) => accept(mortal, job, { withKey: true }),
    after: (sound, job) => accept(sound, job, { withKey: true }),
  },
  {
    name: 'acceptance by an API that audits on arrival',
    purpose: 'api',
    lane: ['interactive', 'public'],
    before: nothing,
    run: (mortal, job) => accept(mortal, job, { auditsOnArrival: true }),
  },
  {
    name: 'acceptance by a process that begins with the job at once',
    lane: ['interactive', 'public'],
    before: nothing,
    run: acceptAndBegin,
  },
  {
    name: 'the audit',
    lane: ['standard', 'public'],
    before: accept,
    run: audit,
  },
  {
    name: 'an attempt that succeeds',
    lane: ['standard', 'internal'],
    before: acceptAndAudit,
    run: (mortal, job) => dispatch(mortal, job, 'cloud', answering()),
  },
  {
    name: 'an attempt that streams',
    lane: ['standard', 'restricted'],
    stream: true,
    before: acceptAndAudit,
    run: (mortal, job) => dispatch(mortal, job, 'studio', answering()),
  },
  {
    name: 'the hand-over to another attempt',
    lane: ['batch', 'public'],
    before: acceptAndAudit,
    run: (mortal, job) => dispatch(mortal, job, 'cloud', failing('server_error', 500)),
  },
  {
    name: 'the hand-over to another attempt in the middle of a stream',
    lane: ['batch', 'internal'],
    stream: true,
    before: acceptAndAudit,
    run: (mortal, job) => dispatch(mortal, job, 'cloud', answering({ cutAfter: 2 })),
  },
  {
    name: 'the hand-over to another pool',
    lane: ['interactive', 'internal'],
    before: acceptAndAudit,
    run: (mortal, job) => dispatch(mortal, job, 'cloud', failing('auth', 401)),
  },
  {
    name: 'an attempt after which nothing is left to try',
    lane: ['interactive', 'restricted'],
    endings: ['failed', 'completed'],
    before: acceptAndAudit,
    run: (mortal, job) => dispatch(mortal, job, 'studio', failing('invalid_request', 400)),
  },
  {
    name: 'cancellation',
    purpose: 'api',
    lane: ['batch', 'restricted'],
    endings: ['cancelled', 'completed'],
    before: accept,
    run: cancel,
  },
  {
    name: 'the hand-over of a job whose gate is closed to another pool',
    lane: ['standard', 'internal'],
    before: acceptAndAudit,
    run: (mortal, job) => findClosed(mortal, job, (deployment) => deployment === 'cloud-a'),
  },
  {
    name: 'the waking of a parked job',
    lane: ['standard', 'internal'],
    before: async (sound, job) => {
      await acceptAndAudit(sound, job)
      await findClosed(sound, job, () => true)
    },
    run: wake,
  },
  {
    // After it jobs are parked behind the deployment.
    name: 'the parking of a job all of whose gates are closed',
    lane: ['standard', 'internal'],
    before: acceptAndAudit,
    run: (mortal, job) => findClosed(mortal, job, () => true),
  },
  {
    name: 'expiry',
    lane: ['batch', 'restricted'],
    endings: ['expired'],
    deadlineInMs: 60,
    before: async (sound, job) => {
      await accept(sound, job)
      await sleep(80)
    },
    run: expire,
    after: expire,
  },
]

async function nothing(): Promise<void> {}

async function accept(
  worker: Mortal,
  job: Job,
  options: { withKey?: boolean; auditsOnArrival?: boolean; takePlace?: TakePlace } = {},
): Promise<void> {
  const { store, queues } = worker
  const { stage, prompt, cluster } = job
  const [priority, sensitivity] = stage.lane
  const stream = stage.stream ?? false
  const nowMs = Date.now()
  const request: AcceptRequest = {
    tenant: {
      name: 'acme',
      keyId: 'key_1',
      sensitivity: { default: 'internal', floor: 'public' },
      models: ['*'],
      hasWebhookSecret: true,
    },
    surface: stage.surface ?? 'jobs',
    endpoint: '/v1/chat/completions',
    model: 'fleet',
    bodyJson: JSON.stringify({ model: 'fleet', stream, messages: [{ role: 'user', content: prompt }] }),
    stream,
    includeUsage: false,
    priority,
    sensitivity,
    webhook: { url: cluster.receiver.url },
    ...(stage.deadlineInMs !== undefined && { deadlineMs: nowMs + stage.deadlineInMs }),
    ...(options.withKey && { idempotencyKey: job.idempotencyKey }),
    onId: (id) => {
      job.id = id
    },
  }
  const accepted = await acceptJob(request, {
    store,
    queues,
    ...judgingOf(worker, cluster),
    limiter: new RedisRateLimiter(worker.redis),
    rateLimitsOf: () => null,
    metrics: noTelemetry.metrics,
    tracing: noTelemetry.tracing,
    openJobs: () => 0,
    maxOpenJobs: 1_000_000,
    defaultDeadlineMs: cluster.config.deadlines,
    checkWebhookUrl: () => {},
    auditsOnArrival: options.auditsOnArrival ?? false,
    takePlace: options.takePlace,
  })
  job.id = accepted.id
  job.wasAccepted = true
}

/** Until what was begun has been left as well, or was never begun. */
async function acceptAndBegin(worker: Mortal, job: Job): Promise<void> {
  const left = Promise.withResolvers<void>()
  const { signal } = new AbortController()
  const direct = new DirectWork({
    ...dispatching(worker, 'cloud', answering()),
    gateOf: (deployment) => gateFor(deployment, { requestsPerMinute: 10, tokensPerMinute: 1_000, parallel: 1 }, job.id),
    keeper: worker.store,
    leaseMs: 1_000,
    queueOf: laneName,
    takeRoom: () => ({ signal, begin() {}, leave: left.resolve }),
  })
  try {
    await accept(worker, job, {
      auditsOnArrival: true,
      takePlace: (lane, deployment) => direct.take(lane, deployment),
    })
    await left.promise
  } finally {
    direct.stop()
  }
}

async function acceptAndAudit(worker: Mortal, job: Job): Promise<void> {
  await accept(worker, job)
  await audit(worker, job)
}

function audit(worker: Mortal, { id, stage, cluster }: Job): Promise<void> {
  const { store, queues } = worker
  const judging = judgingOf(worker, cluster)
  return worker.serveOne(intakeName(...stage.lane), id, (entry) =>
    auditJob(entry, { ...judging, store, queues, telemetry: noTelemetry, log: silentLog }),
  )
}

function judgingOf({ redis }: Mortal, { config, vaultKey }: Cluster): Judging {
  const runtime = { config, vaultKey: { current: vaultKey, previous: [] }, log: silentLog }
  // Looking at the gates now and then would be commands of no stage.
  const signals = { of: () => unknownSignals, chose() {}, start: async () => {}, stop() {} }
  return createJudging(runtime, redis, { signals })
}

/** Serves the lane's next entry, which must be this job's, with an upstream that does as told. */
function dispatch(worker: Mortal, { id, stage }: Job, pool: 'cloud' | 'studio', provider: Provider): Promise<void> {
  const [priority, sensitivity] = stage.lane
  return worker.serveOne(laneName({ pool, sensitivity, priority }), id, (entry) =>
    dispatchJob(entry, new AbortController().signal, {
      ...dispatching(worker, pool, provider),
      gateOf: (deployment) => gateFor(deployment, { requestsPerMinute: 10, tokensPerMinute: 1_000, parallel: 1 }, id),
    }),
  )
}

function dispatching({ store, queues, redis }: Mortal, pool: 'cloud' | 'studio', provider: Provider): DispatchDeps {
  return {
    store,
    queues,
    gates: new RedisGates(redis),
    gateOf: () => null,
    telemetry: noTelemetry,
    log: silentLog,
    pool,
    node: 'mortal',
    policy: { maxAttempts: 100, baseDelayMs: 2 * retryDelayMs, maxDelayMs: 2 * retryDelayMs },
    upstreamOf: () => freeUpstream(provider),
    tokens: noTokens,
    random: () => 0.5,
  }
}

/** One for each job: what befalls one of them must not shut the gate of the next. */
function gateFor(deployment: string, limits: GateLimits, id: JobId | null): GateSettings {
  const breaker = { failures: 5, windowMs: 60_000, openMs: 10_000, maxOpenMs: 60_000 }
  return { gate: `${deployment}@${id}`, deployment, limits, breaker }
}

/**
 * Has a worker find gates without any room. The entry of the job stays in its lane, as that of a worker that died.
 */
function findClosed(worker: Mortal, { id, stage }: Job, isClosed: (deployment: string) => boolean): Promise<void> {
  if (!id) throw new Error('there is no job')
  const [priority, sensitivity] = stage.lane
  const queue = laneName({ pool: 'cloud', sensitivity, priority })
  const entry = { id, hop: 1, deployment: 'cloud-a', queue, waitedMs: 0, traceparent: undefined }
  const limits = { requestsPerMinute: null, tokensPerMinute: null, parallel: 0 }
  return dispatchJob(entry, new AbortController().signal, {
    ...dispatching(worker, 'cloud', answering()),
    gateOf: (deployment) => (isClosed(deployment) ? gateFor(deployment, limits, id) : null),
  })
}

async function wake({ redis, queues }: Mortal, { id }: Job): Promise<void> {
  const limits = { requestsPerMinute: 10, tokensPerMinute: null, parallel: 1 }
  const keeper = new BacklogKeeper({
    gates: new RedisGates(redis),
    queues,
    settings: [gateFor('cloud-a', limits, id)],
    isReady: () => true,
    log: silentLog,
    now: Date.now,
  })
  keeper.parked('cloud-a', 'public')
  await keeper.stop()
}

async function cancel({ store }: Mortal, { id, cluster }: Job): Promise<void> {
  if (id) await cancelJob(id, { store, catalogue: createCatalogue(cluster.config) })
}

function expire({ store }: Mortal, { cluster }: Job): Promise<number> {
  const catalogue = createCatalogue(cluster.config)
  return expireJobs({ store, catalogue, metrics: noTelemetry.metrics, nowMs: Date.now() })
}

/** Says what the upstream would say, streamed in four pieces of which some may be missing. */
function answering({ cutAfter = 4 } = {}): Provider {
  const answerOf = (bodyJson: string) => {
    const { messages } = JSON.parse(bodyJson) as { messages: { content: string }[] }
    return answerTo(messages.at(-1)?.content ?? '')
  }
  return {
    complete: async ({ bodyJson }) => ({ bodyJson: completion(answerOf(bodyJson)), usage: null }),
    async *stream({ bodyJson }) {
      const answer = answerOf(bodyJson)
      const size = Math.ceil(answer.length / 4)
      for (let piece = 0; piece < 4; piece += 1) {
        if (piece === cutAfter) throw new ProviderError('cut_stream', 'cut by the test')
        yield [dataOf(chunkRecord({ content: answer.slice(piece * size, (piece + 1) * size) }))]
        // Pieces that come apart are written apart.
        await sleep(20)
      }
      yield [dataOf(lastRecords())]
    },
    ...noEmbeddings,
    close: nothing,
  }
}

function failing(failure: 'server_error' | 'auth' | 'invalid_request', status: number): Provider {
  const fail = () => new ProviderError(failure, 'refused by the test', { status })
  return {
    complete: () => Promise.reject(fail()),
    // biome-ignore lint/correctness/useYield: it fails before it has anything to say.
    async *stream() {
      throw fail()
    },
    ...noEmbeddings,
    close: nothing,
  }
}
