import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { BrokerError } from '../../src/core/errors.ts'
import { ProviderError } from '../../src/core/provider.ts'
import { startTelemetry } from '../../src/telemetry/tracing.ts'

interface ExportedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[]
  readonly events: readonly unknown[]
  readonly status: { code: number; message?: string }
}

interface TraceExport {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: ExportedSpan['attributes'] }
    readonly scopeSpans: readonly { readonly spans: readonly ExportedSpan[] }[]
  }[]
}

/** An OpenTelemetry collector that keeps what it is sent. */
async function startCollector() {
  const exports: { path: string | undefined; headers: IncomingHttpHeaders; body: TraceExport }[] = []
  const server = createServer(async (request, response) => {
    exports.push({ path: request.url, headers: request.headers, body: (await json(request)) as TraceExport })
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exports,
    spans: () => exports.flatMap(({ body }) => body.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans))),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function setEnvironment(variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
}

async function startTestTelemetry(role = 'api') {
  const telemetry = await startTelemetry({ role, node: 'node-1', env: process.env })
  return { ...telemetry, [Symbol.asyncDispose]: () => telemetry.shutdown() }
}

function byName(spans: readonly ExportedSpan[], name: string): ExportedSpan {
  const span = spans.find((candidate) => candidate.name === name)
  if (span === undefined)
    throw new Error(`No span ${name} among ${spans.map((candidate) => candidate.name).join(', ')}`)
  return span
}

function attributesOf(attributes: ExportedSpan['attributes']): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const failed = 2

afterEach(() => vi.unstubAllEnvs())

describe('tracing to a collector', () => {
  it('keeps one trace across calls inside a process and across a queue between two', async () => {
    await using collector = await startCollector()
    setEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' })
    const telemetry = await startTestTelemetry()
    const { tracing } = telemetry
    const queue: { traceparent: string | undefined }[] = []
    await tracing.span('POST /v1/jobs', { kind: 'server', parent }, async () => {
      await tracing.span('enqueue', { kind: 'producer' }, async (span) => {
        span.set('sluice.queue', 'intake-standard')
        queue.push({ traceparent: span.traceparent })
      })
    })
    await tracing.span('audit job', { kind: 'consumer', parent: queue[0]?.traceparent }, async () => {
      await Promise.all([
        tracing.span('detect', {}, async () => {}),
        tracing.span('upstream chat', { kind: 'client' }, async () => {}),
      ])
    })
    await telemetry.shutdown()

    const spans = collector.spans()
    const [request, enqueue, audit] = [
      byName(spans, 'POST /v1/jobs'),
      byName(spans, 'enqueue'),
      byName(spans, 'audit job'),
    ]
    expect(spans).toHaveLength(5)
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set(['0af7651916cd43dd8448eb211c80319c']))
    expect(request.parentSpanId).toBe('b7ad6b7169203331')
    expect(enqueue.parentSpanId).toBe(request.spanId)
    expect(queue[0]?.traceparent).toBe(`00-${enqueue.traceId}-${enqueue.spanId}-01`)
    expect(audit.parentSpanId).toBe(enqueue.spanId)
    expect(byName(spans, 'detect').parentSpanId).toBe(audit.spanId)
    expect(byName(spans, 'upstream chat').parentSpanId).toBe(audit.spanId)
    expect([request, enqueue, audit].map((span) => span.kind)).toEqual([2, 4, 5])
    expect(attributesOf(enqueue.attributes)).toEqual({ 'sluice.queue': 'intake-standard' })
  })

  it('tells the collector who reports, without the command line', async () => {
    await using collector = await startCollector()
    setEnvironment({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-team=blue',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    })
    const telemetry = await startTestTelemetry('courier')
    await telemetry.tracing.span('deliver webhook', {}, async () => {})
    await telemetry.shutdown()
    expect(collector.exports).toHaveLength(1)
    const [sent] = collector.exports
    expect(sent).toMatchObject({ path: '/v1/traces', headers: { 'x-team': 'blue' } })
    const resource = attributesOf(sent?.body.resourceSpans[0]?.resource.attributes ?? [])
    expect(resource).toMatchObject({
      'service.name': 'sluice',
      'sluice.role': 'courier',
      'sluice.node': 'node-1',
      'deployment.environment.name': 'test',
    })
    expect(Object.keys(resource).filter((name) => name.startsWith('process.'))).toEqual([])
  })

  it('records the code of a failure, never its message', async () => {
    await using collector = await startCollector()
    setEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' })
    const telemetry = await startTestTelemetry()
    const failures = {
      broker: new BrokerError('queue_full', 'content'),
      provider: new ProviderError('cut_stream', 'content'),
      system: Object.assign(new Error('content'), { code: 'ECONNREFUSED' }),
      unknown: new SyntaxError('content'),
    }
    for (const [name, error] of Object.entries(failures)) {
      const span = telemetry.tracing.span(name, {}, () => Promise.reject(error))
      await expect(span).rejects.toBe(error)
    }
    const named = telemetry.tracing.span('named', {}, async (span) => {
      span.fail('deadline_exceeded')
      throw failures.unknown
    })
    await expect(named).rejects.toBe(failures.unknown)
    await telemetry.shutdown()

    const spans = collector.spans()
    const codes = spans.map(({ name, attributes }) => [name, attributesOf(attributes)['error.type']])
    expect(Object.fromEntries(codes)).toEqual({
      broker: 'queue_full',
      provider: 'cut_stream',
      system: 'ECONNREFUSED',
      unknown: 'internal_error',
      named: 'deadline_exceeded',
    })
    expect(spans.map(({ status }) => status.code)).toEqual(Array(5).fill(failed))
    expect(JSON.stringify(collector.exports)).not.toContain('content"')
    expect(spans.flatMap(({ events }) => events)).toEqual([])
  })

  it('begins a new trace when the parent is none, and keeps an unsampled one unsampled', async () => {
    await using collector = await startCollector()
    setEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' })
    const telemetry = await startTestTelemetry()
    const traceparentOf = (from: string) =>
      telemetry.tracing.span('work', { parent: from }, async (span) => span.traceparent)
    expect(await traceparentOf('not a traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    const unsampled = parent.replace(/01$/, '00')
    expect(await traceparentOf(unsampled)).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad)[0-9a-f]{16}-00$/)
    await telemetry.shutdown()
    expect(collector.spans()).toHaveLength(1)
  })

  it('does not make the process fail when the collector is away', async () => {
    const gone = await startCollector()
    await gone[Symbol.asyncDispose]()
    setEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: gone.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' })
    const telemetry = await startTestTelemetry()
    expect(await telemetry.tracing.span('work', {}, async () => 42)).toBe(42)
    await expect(telemetry.shutdown()).resolves.toBeUndefined()
  })
})

describe('without anybody to send traces to', () => {
  it.each([
    {},
    { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
    { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
  ])('a span hands on the traceparent it was given: %j', async (variables) => {
    const telemetry = await startTelemetry({ role: 'api', node: 'node-1', env: variables })
    const { tracing } = telemetry
    expect(await tracing.span('audit job', { parent }, async (span) => span.traceparent)).toBe(parent)
    expect(await tracing.span('audit job', {}, async (span) => span.traceparent)).toBeUndefined()
    const error = new Error('broken')
    await expect(tracing.span('audit job', {}, () => Promise.reject(error))).rejects.toBe(error)
    await telemetry.shutdown()
  })

  it('metrics work', async () => {
    await using telemetry = await startTestTelemetry()
    telemetry.observeLaneDepths(async () => new Map([['lane', 3]]))
    telemetry.metrics.jobAccepted({ model: 'm', priority: 'batch', sensitivity: 'public' })
    const text = await telemetry.metricsText()
    expect(text).toContain('sluice_jobs_accepted_total{model="m",priority="batch",sensitivity="public"} 1')
    expect(text).toContain('sluice_lane_depth{queue="lane"} 3')
  })
})
