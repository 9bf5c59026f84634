import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import type { Resource } from '@opentelemetry/resources'
import { AggregationTemporality, InstrumentType, MeterProvider } from '@opentelemetry/sdk-metrics'
import type { Metrics } from '../core/telemetry.ts'
import { createMetrics, metricDefinitions } from './metrics.ts'

/** A scrape waits no longer than this for the depths of the lanes, and then goes without them. */
const laneReadTimeoutMs = 2_000

/** Reads how many jobs wait, by queue name. */
type ReadLaneDepths = () => Promise<ReadonlyMap<string, number>>

export interface PrometheusMetrics {
  readonly metrics: Metrics
  /**
   * Everything recorded so far in Prometheus' text format 0.0.4. Never fails: where the lane depths cannot be read,
   * their gauge is left out.
   */
  metricsText(): Promise<string>
  /** Has every scrape read the lane depths. The last reader given is the one that counts. */
  observeLaneDepths(read: ReadLaneDepths): void
  shutdown(): Promise<void>
}

/**
 * The exporter's own choice, cumulative, makes a gauge repeat its last value for ever: a lane that is gone, or a depth
 * that can no longer be read, would look alive.
 */
class ForgetfulGaugeExporter extends PrometheusExporter {
  override selectAggregationTemporality(instrument: InstrumentType): AggregationTemporality {
    return instrument === InstrumentType.OBSERVABLE_GAUGE
      ? AggregationTemporality.DELTA
      : super.selectAggregationTemporality(instrument)
  }
}

/** Metrics that are kept in memory until somebody asks for their text; no server, no push. */
export function createPrometheusMetrics(resource: Resource): PrometheusMetrics {
  const exporter = new ForgetfulGaugeExporter({ preventServerStart: true })
  const provider = new MeterProvider({ resource, readers: [exporter] })
  const meter = provider.getMeter('sluice')
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true)
  let readLaneDepths: ReadLaneDepths | undefined

  const { name, help } = metricDefinitions.laneDepth
  meter.createObservableGauge(name, { description: help }).addCallback(async (gauge) => {
    const depths = await readLaneDepths?.()
    for (const [queue, depth] of depths ?? []) gauge.observe(depth, { queue })
  })

  return {
    metrics: createMetrics(meter),
    async metricsText() {
      const { resourceMetrics } = await exporter.collect({ timeoutMillis: laneReadTimeoutMs })
      return serializer.serialize(resourceMetrics)
    },
    observeLaneDepths(read) {
      readLaneDepths = read
    },
    shutdown: () => provider.shutdown(),
  }
}
