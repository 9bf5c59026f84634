import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { metricDefinitions } from '../../src/telemetry/metrics.ts'
import { createPrometheusMetrics } from '../../src/telemetry/prometheus.ts'
import { describeProcess } from '../../src/telemetry/resource.ts'

const definitions = Object.values(metricDefinitions)

function createTestMetrics() {
  const prometheus = createPrometheusMetrics(describeProcess({ role: 'dispatcher', node: 'mac-1' }))
  return { ...prometheus, [Symbol.asyncDispose]: () => prometheus.shutdown() }
}

/** The lines of one metric family, without its comments. */
function samples(text: string, name: string): readonly string[] {
  return text.split('\n').filter((line) => line.startsWith(name) && /^[{_ ]/.test(line.slice(name.length)))
}

function recordEverything({ metrics, observeLaneDepths }: ReturnType<typeof createTestMetrics>): void {
  metrics.jobAccepted({ model: 'm', priority: 'standard', sensitivity: 'internal' })
  metrics.queueWait(0.7, { queue: 'lane-studio' })
  metrics.firstToken(180, { deployment: 'gpt' })
  metrics.attemptFinished(2_400, { deployment: 'gpt', outcome: 'ok' })
  metrics.fallback({ deployment: 'gpt', reason: 'rate_limited' })
  metrics.jobParked({ deployment: 'gpt', reason: 'breaker' })
  metrics.tokens(120, { deployment: 'gpt', direction: 'input' })
  metrics.tokens(30, { deployment: 'gpt', direction: 'output' })
  metrics.jobFinished(2_500, { model: 'm', priority: 'standard', status: 'completed' })
  metrics.webhookAttempt(40, { outcome: 'delivered' })
  metrics.httpRequest(3, { route: '/v1/jobs', method: 'POST', status: 202 })
  observeLaneDepths(async () => new Map([['lane-studio', 7]]))
}

describe('the text for Prometheus', () => {
  it('has every metric that is defined, with its type, help and labels, and no other', async () => {
    await using metrics = createTestMetrics()
    recordEverything(metrics)
    const text = await metrics.metricsText()
    for (const { name, kind, help, labels } of definitions) {
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`)
      const found = samples(text, name).map((line) => [...line.matchAll(/[{,](\w+)="/g)].map(([, label]) => label))
      expect(found.length).toBeGreaterThan(0)
      for (const line of found) expect(line.filter((label) => label !== 'le')).toEqual(labels)
    }
    const families = [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)
    expect(families.sort()).toEqual([...definitions.map(({ name }) => name), 'target_info'].sort())
  })

  it('gives durations in seconds and puts them into their buckets', async () => {
    await using metrics = createTestMetrics()
    metrics.metrics.queueWait(0.7, { queue: 'q' })
    metrics.metrics.queueWait(599_000, { queue: 'q' })
    const lines = samples(await metrics.metricsText(), 'sluice_queue_wait_seconds')
    expect(lines).toContain('sluice_queue_wait_seconds_count{queue="q"} 2')
    expect(lines).toContain('sluice_queue_wait_seconds_sum{queue="q"} 599.0007')
    expect(lines).toContain('sluice_queue_wait_seconds_bucket{queue="q",le="0.0005"} 0')
    expect(lines).toContain('sluice_queue_wait_seconds_bucket{queue="q",le="0.001"} 1')
    expect(lines).toContain('sluice_queue_wait_seconds_bucket{queue="q",le="300"} 1')
    expect(lines).toContain('sluice_queue_wait_seconds_bucket{queue="q",le="600"} 2')
    expect(lines).toContain('sluice_queue_wait_seconds_bucket{queue="q",le="+Inf"} 2')
  })

  it('counts on from scrape to scrape', async () => {
    await using metrics = createTestMetrics()
    const count = () => metrics.metrics.tokens(5, { deployment: 'gpt', direction: 'input' })
    count()
    await metrics.metricsText()
    count()
    const text = await metrics.metricsText()
    expect(samples(text, 'sluice_tokens_total')).toEqual(['sluice_tokens_total{deployment="gpt",direction="input"} 10'])
  })

  it('counts a wait that two clocks make negative as none', async () => {
    await using metrics = createTestMetrics()
    metrics.metrics.queueWait(-40, { queue: 'q' })
    const lines = samples(await metrics.metricsText(), 'sluice_queue_wait_seconds')
    expect(lines).toContain('sluice_queue_wait_seconds_sum{queue="q"} 0')
    expect(lines).toContain('sluice_queue_wait_seconds_count{queue="q"} 1')
  })

  it('takes no label that the port does not name', async () => {
    await using metrics = createTestMetrics()
    const job = { model: 'm', priority: 'batch', sensitivity: 'public', tenant: 'acme', prompt: 'secret' }
    metrics.metrics.jobAccepted(job)
    expect(samples(await metrics.metricsText(), 'sluice_jobs_accepted_total')).toEqual([
      'sluice_jobs_accepted_total{model="m",priority="batch",sensitivity="public"} 1',
    ])
  })

  it('names the process that it is about', async () => {
    await using metrics = createTestMetrics()
    const [info] = samples(await metrics.metricsText(), 'target_info')
    expect(info).toContain('service_name="sluice"')
    expect(info).toContain('sluice_role="dispatcher",sluice_node="mac-1"')
  })
})

describe('the depth of the lanes', () => {
  it('is read anew by every scrape, through the last reader given', async () => {
    await using metrics = createTestMetrics()
    let depth = 1
    metrics.observeLaneDepths(async () => new Map([['old', 99]]))
    metrics.observeLaneDepths(async () => new Map([['a', depth++]]))
    expect(samples(await metrics.metricsText(), 'sluice_lane_depth')).toEqual(['sluice_lane_depth{queue="a"} 1'])
    expect(samples(await metrics.metricsText(), 'sluice_lane_depth')).toEqual(['sluice_lane_depth{queue="a"} 2'])
  })

  it('forgets a queue that is gone', async () => {
    await using metrics = createTestMetrics()
    const depths = new Map([
      ['a', 1],
      ['b', 2],
    ])
    metrics.observeLaneDepths(async () => depths)
    await metrics.metricsText()
    depths.delete('a')
    expect(samples(await metrics.metricsText(), 'sluice_lane_depth')).toEqual(['sluice_lane_depth{queue="b"} 2'])
  })

  it('is left out, and nothing else with it, when it cannot be read', async () => {
    await using metrics = createTestMetrics()
    metrics.observeLaneDepths(async () => new Map([['a', 1]]))
    await metrics.metricsText()
    metrics.observeLaneDepths(() => Promise.reject(new Error('Redis is away')))
    metrics.metrics.webhookAttempt(1, { outcome: 'failed' })
    const text = await metrics.metricsText()
    expect(samples(text, 'sluice_lane_depth')).toEqual([])
    expect(samples(text, 'sluice_webhook_attempts_total')).toEqual([
      'sluice_webhook_attempts_total{outcome="failed"} 1',
    ])
  })
})

describe('docs/telemetry.md', () => {
  it('lists every metric with its kind and labels, and no other', async () => {
    const docs = await readFile('docs/telemetry.md', 'utf8')
    const listed = [...docs.matchAll(/^\| `(sluice_\w+)` \| (\w+) \| ([^|]*) \|/gm)].map(([, name, kind, labels]) => ({
      name,
      kind,
      labels: [...(labels ?? '').matchAll(/`(\w+)`/g)].map(([, label]) => label),
    }))
    expect(listed).toEqual(definitions.map(({ name, kind, labels }) => ({ name, kind, labels })))
  })
})
