import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { json } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSandbox } from '../../src/sandbox/server.ts'
import { startCli } from '../support/cli-process.ts'

interface ExportedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
}

const apiKey = 'sk-trace-test'
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const planted = 'ada.lovelace@example.com'
const stack = new AsyncDisposableStack()
const spans: ExportedSpan[] = []
let everythingExported = ''
let folder = ''
let url = ''
let sandbox: Awaited<ReturnType<typeof startSandbox>>
const delivered = Promise.withResolvers<void>()

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-trace-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const collector = await listen(async (request, response) => {
    const body = (await json(request)) as { resourceSpans: { scopeSpans: { spans: ExportedSpan[] }[] }[] }
    everythingExported += JSON.stringify(body)
    spans.push(...body.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans)))
    response.end('{}')
  })
  sandbox = stack.use(await startSandbox({ capture: true }))
  url = await startSluice({ collector, upstream: sandbox.url })
})
afterAll(() => stack.disposeAsync())

describe('the trace of a job', () => {
  it('goes from the API through the queues to the upstream and the webhook, and carries no content', async () => {
    const receiver = await listen((_request, response) => {
      response.end()
      delivered.resolve()
    })
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const response = await fetch(`${url}/v1/jobs`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      },
      body: JSON.stringify({
        model: 'traced',
        input: { endpoint: '/v1/chat/completions', body: { messages: [{ role: 'user', content: `echo:${planted}` }] } },
        webhook: { url: receiver },
      }),
    })
    expect(response.status).toBe(202)
    await delivered.promise
    const expected = ['POST /v1/jobs', 'audit job', 'dispatch job', 'upstream chat', 'deliver webhook']
    await expect
      .poll(() => spans.filter((span) => span.traceId === traceId).map(({ name }) => name), { timeout: 15_000 })
      .toEqual(expect.arrayContaining(expected))

    const byName = new Map(spans.filter((span) => span.traceId === traceId).map((span) => [span.name, span]))
    expect(byName.get('audit job')?.parentSpanId).toBe(byName.get('POST /v1/jobs')?.spanId)
    expect(byName.get('dispatch job')?.parentSpanId).toBe(byName.get('audit job')?.spanId)
    expect(byName.get('upstream chat')?.parentSpanId).toBe(byName.get('dispatch job')?.spanId)
    expect(sandbox.requests[0]?.headers.traceparent).toBe(`00-${traceId}-${byName.get('upstream chat')?.spanId}-01`)
    expect(everythingExported).not.toContain(planted)
  })
})

async function startSluice(at: { collector: string; upstream: string }): Promise<string> {
  const config = path.join(folder, 'sluice.yaml')
  const { writeFile } = await import('node:fs/promises')
  await writeFile(
    config,
    `pools: { cloud: { residency: cloud } }
models:
  traced: { deployments: [{ id: up, pool: cloud, provider: openai-compatible, model: sandbox, free: true, base_url: ${at.upstream}/v1 }] }
tenants: { t: { keys: ["\${TRACE_KEY}"], webhook_secret: "\${TRACE_SECRET}" } }
webhooks: { allow_networks: [127.0.0.0/8], allow_http: true }
`,
  )
  const words = ['up', '--config', config, '--port', '0', '--data-dir', path.join(folder, 'data')]
  const env = {
    TRACE_KEY: apiKey,
    TRACE_SECRET: secret,
    OTEL_EXPORTER_OTLP_ENDPOINT: at.collector,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '200',
  }
  const { child, ended } = startCli(words, { cwd: folder, env })
  stack.defer(async () => {
    child.kill('SIGTERM')
    await ended
  })
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (text: Buffer) => {
      const ready = /ready: (\S+)/.exec(String(text))
      if (ready?.[1]) resolve(ready[1])
    })
    void ended.then(({ stderr }) => reject(new Error(`sluice up ended: ${stderr.slice(-500)}`)))
  })
}

async function listen(handler: (...args: Parameters<RequestListener>) => unknown): Promise<string> {
  const server = createServer((request: IncomingMessage, response) => void handler(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
