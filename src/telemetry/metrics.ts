import type { Counter, Histogram, Meter } from '@opentelemetry/api'
import type { Metrics } from '../core/telemetry.ts'

interface MetricDefinition {
  readonly name: string
  readonly kind: 'counter' | 'histogram' | 'gauge'
  readonly labels: readonly string[]
  readonly help: string
}

/** Every metric of Sluice. `docs/telemetry.md` has the same table, and a test compares them. */
export const metricDefinitions = {
  jobsAccepted: {
    name: 'sluice_jobs_accepted_total',
    kind: 'counter',
    labels: ['model', 'priority', 'sensitivity'],
    help: 'Jobs that were made durable.',
  },
  queueWait: {
    name: 'sluice_queue_wait_seconds',
    kind: 'histogram',
    labels: ['queue'],
    help: 'Time from entering an intake queue or a lane to being taken out of it.',
  },
  firstToken: {
    name: 'sluice_first_token_seconds',
    kind: 'histogram',
    labels: ['deployment'],
    help: 'Time from the start of an attempt to the first piece of the answer.',
  },
  attempts: {
    name: 'sluice_attempts_total',
    kind: 'counter',
    labels: ['deployment', 'outcome'],
    help: 'Calls of a deployment.',
  },
  attemptDuration: {
    name: 'sluice_attempt_duration_seconds',
    kind: 'histogram',
    labels: ['deployment', 'outcome'],
    help: 'Duration of a call of a deployment.',
  },
  fallbacks: {
    name: 'sluice_fallbacks_total',
    kind: 'counter',
    labels: ['deployment', 'reason'],
    help: 'Times that a job left a deployment for another one.',
  },
  jobsParked: {
    name: 'sluice_jobs_parked_total',
    kind: 'counter',
    labels: ['deployment', 'reason'],
    help: 'Times that a job was made to wait for a deployment.',
  },
  tokens: {
    name: 'sluice_tokens_total',
    kind: 'counter',
    labels: ['deployment', 'direction'],
    help: 'Tokens as the upstream counted them.',
  },
  jobsFinished: {
    name: 'sluice_jobs_finished_total',
    kind: 'counter',
    labels: ['model', 'priority', 'status'],
    help: 'Jobs that reached a terminal status.',
  },
  jobDuration: {
    name: 'sluice_job_duration_seconds',
    kind: 'histogram',
    labels: ['model', 'priority', 'status'],
    help: 'Time from acceptance to the terminal status.',
  },
  webhookAttempts: {
    name: 'sluice_webhook_attempts_total',
    kind: 'counter',
    labels: ['outcome'],
    help: 'Attempts to deliver a webhook.',
  },
  webhookAttemptDuration: {
    name: 'sluice_webhook_attempt_duration_seconds',
    kind: 'histogram',
    labels: ['outcome'],
    help: 'Duration of an attempt to deliver a webhook.',
  },
  httpRequestDuration: {
    name: 'sluice_http_request_duration_seconds',
    kind: 'histogram',
    labels: ['route', 'method', 'status'],
    help: 'Time from the request to the end of the answer.',
  },
  laneDepth: {
    name: 'sluice_lane_depth',
    kind: 'gauge',
    labels: ['queue'],
    help: 'Jobs that wait in a queue. Missing while the queues cannot be read.',
  },
} as const satisfies Record<string, MetricDefinition>

/** Half a millisecond (a queue hop) to ten minutes (a long generation), two or three steps to the decade. */
const durationBucketsSeconds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
]

/**
 * The metrics port on OpenTelemetry instruments. A recording takes 0.3 to 0.6 µs. Labels are copied name by name: the
 * SDK keeps the object and would take any further property of it for a label.
 */
export function createMetrics(meter: Meter): Metrics {
  const jobsAccepted = createCounter(meter, metricDefinitions.jobsAccepted)
  const queueWait = createDuration(meter, metricDefinitions.queueWait)
  const firstToken = createDuration(meter, metricDefinitions.firstToken)
  const attempts = createCounter(meter, metricDefinitions.attempts)
  const attemptDuration = createDuration(meter, metricDefinitions.attemptDuration)
  const fallbacks = createCounter(meter, metricDefinitions.fallbacks)
  const jobsParked = createCounter(meter, metricDefinitions.jobsParked)
  const tokens = createCounter(meter, metricDefinitions.tokens)
  const jobsFinished = createCounter(meter, metricDefinitions.jobsFinished)
  const jobDuration = createDuration(meter, metricDefinitions.jobDuration)
  const webhookAttempts = createCounter(meter, metricDefinitions.webhookAttempts)
  const webhookAttemptDuration = createDuration(meter, metricDefinitions.webhookAttemptDuration)
  const httpRequestDuration = createDuration(meter, metricDefinitions.httpRequestDuration)

  return {
    jobAccepted({ model, priority, sensitivity }) {
      jobsAccepted.add(1, { model, priority, sensitivity })
    },
    queueWait(durationMs, { queue }) {
      queueWait.record(toSeconds(durationMs), { queue })
    },
    firstToken(durationMs, { deployment }) {
      firstToken.record(toSeconds(durationMs), { deployment })
    },
    attemptFinished(durationMs, { deployment, outcome }) {
      const labels = { deployment, outcome }
      attempts.add(1, labels)
      attemptDuration.record(toSeconds(durationMs), labels)
    },
    fallback({ deployment, reason }) {
      fallbacks.add(1, { deployment, reason })
    },
    jobParked({ deployment, reason }) {
      jobsParked.add(1, { deployment, reason })
    },
    tokens(count, { deployment, direction }) {
      tokens.add(count, { deployment, direction })
    },
    jobFinished(durationMs, { model, priority, status }) {
      const labels = { model, priority, status }
      jobsFinished.add(1, labels)
      jobDuration.record(toSeconds(durationMs), labels)
    },
    webhookAttempt(durationMs, { outcome }) {
      const labels = { outcome }
      webhookAttempts.add(1, labels)
      webhookAttemptDuration.record(toSeconds(durationMs), labels)
    },
    httpRequest(durationMs, { route, method, status }) {
      httpRequestDuration.record(toSeconds(durationMs), { route, method, status })
    },
  }
}

function createCounter(meter: Meter, { name, help }: MetricDefinition): Counter {
  return meter.createCounter(name, { description: help })
}

function createDuration(meter: Meter, { name, help }: MetricDefinition): Histogram {
  return meter.createHistogram(name, {
    description: help,
    advice: { explicitBucketBoundaries: durationBucketsSeconds },
  })
}

/** Clocks of two machines may disagree by more than a job waits; the SDK would drop a negative duration. */
function toSeconds(durationMs: number): number {
  return Math.max(0, durationMs) / 1000
}
