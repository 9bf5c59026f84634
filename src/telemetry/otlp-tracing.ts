import { setTimeout as delay } from 'node:timers/promises'
import {
  type Context,
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  type Span as OtelSpan,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import { NodeSDK } from '@opentelemetry/sdk-node'
import type { Span, Tracing } from '../core/telemetry.ts'
import { errorCode } from './error-facts.ts'

/** A collector that does not answer holds up the end of the process for no longer than this. */
const shutdownTimeoutMs = 3_000

const spanKinds = {
  server: SpanKind.SERVER,
  consumer: SpanKind.CONSUMER,
  producer: SpanKind.PRODUCER,
  client: SpanKind.CLIENT,
} as const

// Not the propagator of `OTEL_PROPAGATORS`: what travels with a job is W3C's traceparent, whatever else is spoken.
const propagator = new W3CTraceContextPropagator()

/**
 * Tracing through the OpenTelemetry SDK, which reads exporter, endpoint, protocol, headers and sampler from the
 * process's `OTEL_*`. It becomes the process's global tracer until `shutdown`, which sends what is left.
 */
export function startOtlpTracing(resource: Resource): { tracing: Tracing; shutdown(): Promise<void> } {
  const sdk = new NodeSDK({ resource, autoDetectResources: false, metricReaders: [], logRecordProcessors: [] })
  sdk.start()
  return {
    tracing: createTracing(),
    async shutdown() {
      // A failed export is the collector's loss, not a reason to fail the process that ends.
      await Promise.race([sdk.shutdown().catch(() => {}), delay(shutdownTimeoutMs, undefined, { ref: false })])
      trace.disable()
      context.disable()
      propagation.disable()
    },
  }
}

function createTracing(): Tracing {
  const tracer = trace.getTracer('sluice')
  return {
    span(name, { parent, kind }, work) {
      const spanKind = kind === undefined ? SpanKind.INTERNAL : spanKinds[kind]
      return tracer.startActiveSpan(name, { kind: spanKind }, parentContext(parent), async (otelSpan) => {
        const span = new TracedSpan(otelSpan)
        try {
          return await work(span)
        } catch (error) {
          // A stage that named its failure knows better than the error on its way up.
          if (!span.failed) span.fail(errorCode(error))
          throw error
        } finally {
          otelSpan.end()
        }
      })
    },
  }
}

/** The context to start a span in: what came with the message, else the span around this call, else a new trace. */
function parentContext(traceparent: string | undefined): Context {
  if (traceparent === undefined) return context.active()
  return propagator.extract(ROOT_CONTEXT, { traceparent }, defaultTextMapGetter)
}

class TracedSpan implements Span {
  readonly traceparent: string | undefined
  failed = false
  readonly #otelSpan: OtelSpan

  constructor(otelSpan: OtelSpan) {
    const carrier: { traceparent?: string } = {}
    propagator.inject(trace.setSpan(ROOT_CONTEXT, otelSpan), carrier, defaultTextMapSetter)
    this.traceparent = carrier.traceparent
    this.#otelSpan = otelSpan
  }

  set(name: string, value: string | number | boolean): void {
    this.#otelSpan.setAttribute(name, value)
  }

  fail(code: string): void {
    this.failed = true
    // The code alone: a status message or a recorded exception would carry the text of an error.
    this.#otelSpan.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', code)
  }
}
