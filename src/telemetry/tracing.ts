import type { Span, Telemetry, Tracing } from '../core/telemetry.ts'
import { createPrometheusMetrics, type PrometheusMetrics } from './prometheus.ts'
import { describeProcess } from './resource.ts'

export interface RunningTelemetry
  extends Telemetry,
    Pick<PrometheusMetrics, 'metricsText' | 'observeLaneDepths' | 'shutdown'> {}

/**
 * Starts metrics, always, and tracing where the environment names somebody to send it to.
 *
 * @param options.env `process.env`. It decides whether anything is traced; the OpenTelemetry SDK reads the rest of its
 *   `OTEL_*` from the process itself.
 */
export async function startTelemetry(options: {
  role: string
  node: string
  env: Readonly<Record<string, string | undefined>>
}): Promise<RunningTelemetry> {
  const resource = describeProcess(options)
  const { metrics, metricsText, observeLaneDepths, shutdown } = createPrometheusMetrics(resource)
  if (!asksForTraces(options.env)) {
    return { metrics, tracing: passThroughTracing, metricsText, observeLaneDepths, shutdown }
  }
  // Loading the SDK takes about 200 ms and 40 MB, which only a process that traces should spend.
  const { startOtlpTracing } = await import('./otlp-tracing.ts')
  const otlp = startOtlpTracing(resource)
  return {
    metrics,
    tracing: otlp.tracing,
    metricsText,
    observeLaneDepths,
    async shutdown() {
      await Promise.all([otlp.shutdown(), shutdown()])
    },
  }
}

/** Unlike the SDK, which sends to localhost unless told otherwise, Sluice sends traces only where it was told to. */
function asksForTraces(env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return false
  const exporter = env.OTEL_TRACES_EXPORTER?.trim()
  if (exporter) return exporter !== 'none'
  return Boolean(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT)
}

/** Traces nothing and hands on the parent it was given, so that a trace which began elsewhere is not cut in two. */
const passThroughTracing: Tracing = {
  span(_name, options, work) {
    return work(new PassedSpan(options.parent))
  },
}

class PassedSpan implements Span {
  readonly traceparent: string | undefined

  constructor(traceparent: string | undefined) {
    this.traceparent = traceparent
  }

  set(): void {}
  fail(): void {}
}
