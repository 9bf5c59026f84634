/**
 * The port through which stages report what they do. Attributes are names, classes and outcomes: never ids of persons,
 * prompts, answers or keys, and never a job id on a metric (it would make one time series per job).
 */
export interface Metrics {
  jobAccepted(labels: { model: string; priority: string; sensitivity: string }): void
  /** From entering a queue to being taken out of it. `queue` is an intake queue's or a lane's name. */
  queueWait(durationMs: number, labels: { queue: string }): void
  /** From the start of the attempt to the first piece of the answer. */
  firstToken(durationMs: number, labels: { deployment: string }): void
  attemptFinished(durationMs: number, labels: { deployment: string; outcome: string }): void
  /** A job left a deployment for another. `reason` is a failure, or why the gate was closed. */
  fallback(labels: { deployment: string; reason: string }): void
  /** A job waits behind a deployment's gate. */
  jobParked(labels: { deployment: string; reason: string }): void
  tokens(count: number, labels: { deployment: string; direction: 'input' | 'output' }): void
  /** From acceptance to the terminal state. */
  jobFinished(durationMs: number, labels: { model: string; priority: string; status: string }): void
  webhookAttempt(durationMs: number, labels: { outcome: string }): void
  httpRequest(durationMs: number, labels: { route: string; method: string; status: number }): void
}

export interface Span {
  /** W3C `traceparent` of this span, to hand to the next process; undefined when nothing is traced. */
  readonly traceparent: string | undefined
  set(name: string, value: string | number | boolean): void
  /** Marks the span failed. `code` is an error code, never a message that could carry content. */
  fail(code: string): void
}

export interface Tracing {
  /** Runs `work` inside a span. `parent` is the `traceparent` that came with the message, if any. */
  span<Result>(
    name: string,
    options: { parent?: string | undefined; kind?: 'server' | 'consumer' | 'producer' | 'client' },
    work: (span: Span) => Promise<Result>,
  ): Promise<Result>
}

export interface Telemetry {
  readonly metrics: Metrics
  readonly tracing: Tracing
}

/** A log line is a fixed sentence and facts about it: ids, codes, durations. */
export interface Logger {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}
