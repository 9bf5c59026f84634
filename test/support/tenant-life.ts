import { once } from 'node:events'
import OpenAI from 'openai'
import { batchLine, startBatch, untilEnded } from './batch-lines.ts'
import { keyOf, startTestBroker, type TestBroker, webhookSecret } from './broker.ts'
import { type ChatScript, echo, hang, refuse } from './chat-upstream.ts'
import { type EndpointReceiver, startEndpointReceiver } from './endpoint-receiver.ts'
import { eventually } from './eventually.ts'

/** Tenants that do everything which leaves something behind. */

export interface LivelyBroker extends AsyncDisposable {
  readonly broker: TestBroker
  /** Takes what it is sent. */
  readonly receiver: EndpointReceiver
  /** Answers 500 to everything, so what is sent there goes on waiting. */
  readonly broken: EndpointReceiver
}

export interface TenantLife {
  readonly tenant: string
  readonly marker: string
  readonly client: OpenAI
  /** By what they are. */
  readonly jobs: Readonly<Record<'webhook' | 'failed' | 'hanging' | 'waiting' | 'masked', string>>
  readonly response: string
  readonly batch: string
  readonly runningBatch: string
  readonly endpoints: readonly string[]
  /** How many jobs, lines of batches among them, were made. */
  readonly jobsMade: number
}

/** Says what it is told, refuses what says so, and leaves what says so without an answer. */
const lively: ChatScript = (call, response) => {
  if (call.request.path.endsWith('/embeddings')) {
    const data = [{ object: 'embedding', index: 0, embedding: [0.5, 0.25] }]
    const usage = { prompt_tokens: 3, total_tokens: 3 }
    response.writeHead(200, { 'content-type': 'application/json' })
    return void response.end(JSON.stringify({ object: 'list', model: 'upstream-model', data, usage }))
  }
  if (call.prompt.includes('refuse')) return refuse(400)(call, response)
  return call.prompt.includes('hang') ? hang(call, response) : echo(call, response)
}

export async function startLivelyBroker(options: { readonly trimMs?: number } = {}): Promise<LivelyBroker> {
  await using cleanup = new AsyncDisposableStack()
  const receiver = cleanup.use(await startEndpointReceiver())
  const broken = cleanup.use(await startEndpointReceiver())
  broken.answer = (response) => void response.writeHead(500).end()
  const price = { input: 1, output: 1 }
  const tenant = (name: string) => ({
    keys: [keyOf(name)],
    webhook_secret: webhookSecret,
    budgets: [{ per: 'day' as const, usd: 10 }],
    limits: { rpm: 10_000, tpm: 10_000_000, concurrency: 100 },
  })
  const broker = cleanup.use(
    await startTestBroker({
      script: lively,
      models: {
        local: [{ id: 'studio-a', pool: 'studio', price, concurrency: 20 }],
        cloud: [{ id: 'cloud-a', pool: 'cloud', price }],
        'narrow-acme': [{ id: 'studio-n', pool: 'studio', concurrency: 1, max_parallel: 1 }],
        'narrow-globex': [{ id: 'studio-m', pool: 'studio', concurrency: 1, max_parallel: 1 }],
        cached: [{ id: 'studio-c', pool: 'studio' }],
      },
      modelKeys: { cached: { cache: { ttl: '1h', max_kb: 64 } } },
      config: { tenants: { acme: tenant('acme'), globex: tenant('globex') } },
      ...options,
    }),
  )
  const owned = cleanup.move()
  return { broker, receiver, broken, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Lets a tenant do everything once, with a word of its own in all that it says. Resolves when nothing is on its way. */
export async function liveThrough(tenant: 'acme' | 'globex', lively: LivelyBroker): Promise<TenantLife> {
  const { broker } = lively
  const marker = `${tenant}Marker${tenant.length}Zq`
  const client = new OpenAI({ baseURL: broker.baseURL, apiKey: keyOf(tenant), maxRetries: 0 })
  const endpoints = [await addEndpoint(lively.receiver), await addEndpoint(lively.broken)]
  const ask = (content: string, model = 'local') => ({ model, messages: [{ role: 'user' as const, content }] })

  await client.chat.completions.create(ask(`echo: ${marker} waited for`), { headers: { 'idempotency-key': marker } })
  for await (const _ of await client.chat.completions.create({ ...ask(`echo: ${marker} streamed`), stream: true })) {
    // Only read.
  }
  const masked = await send('/v1/chat/completions', ask(`echo: ${marker} ${marker}@example.com`, 'cloud'))
  for (let time = 0; time < 2; time += 1) {
    await client.chat.completions.create(ask(`echo: ${marker} kept`, 'cached'))
    await eventually('it is kept', async () => (await cachedAnswers()) >= 1)
  }
  await client.embeddings.create({ model: 'local', input: `${marker} embedded` })
  const first = await client.responses.create({ model: 'local', input: `echo: ${marker} response` })
  const more = { previous_response_id: first.id, input: `echo: ${marker} continued`, background: true }
  const response = (await client.responses.create({ model: 'local', ...more })).id
  await eventually('it has ended', async () => (await client.responses.retrieve(response)).status === 'completed')

  const webhook = await makeJob(`echo: ${marker} job`, {
    webhook: { url: lively.receiver.url },
    metadata: { about: marker },
  })
  const failed = await makeJob(`refuse ${marker}`, { webhook: { url: lively.broken.url } })
  await untilStatus(webhook, 'completed')
  await untilStatus(failed, 'failed')
  const batch = await startBatch(
    client,
    [1, 2, 3].map((at) => batchLine(`${marker}-${at}`, `echo: ${marker} ${at}`)),
  )
  await untilEnded(client, batch.id)
  const lines = [1, 2].map((at) => batchLine(`${marker}-${at}`, `hang ${marker} ${at}`))
  const runningBatch = await startBatch(client, lines, { metadata: { about: marker } })
  const hanging = await makeJob(`hang ${marker}`, {}, `narrow-${tenant}`)
  await untilStatus(hanging, 'in_progress')
  const waiting = await makeJob(`echo: ${marker} waits`, {}, `narrow-${tenant}`)
  await leave(ask(`hang ${marker} left`))
  await eventually('the lines of the batch run', async () => {
    const open = await broker.redis.hkeys(`sluice:batch:${runningBatch.id}:open`)
    const stages = await Promise.all(open.map((job) => broker.redis.hget(`sluice:job:${job}`, 'stage')))
    return stages.length === 2 && stages.every((stage) => stage === 'running')
  })
  await untilTold()
  return {
    ...{ tenant, marker, client, response, endpoints, runningBatch: runningBatch.id, batch: batch.id },
    jobs: { webhook, failed, hanging, waiting, masked: masked.headers.get('x-sluice-job-id') ?? '' },
    // Of chats 5 (one of them by the cache) and the one that was left, an embedding, 2 responses, 4 jobs and 5 lines.
    jobsMade: 5 + 1 + 1 + 2 + 4 + 5,
  }

  function send(path: string, json: object, headers: Record<string, string> = {}) {
    return broker.send(path, { json, tenant, headers })
  }

  async function cachedAnswers(): Promise<number> {
    return (await broker.redis.keys('sluice:cache:answer:*')).length
  }

  async function addEndpoint({ url }: EndpointReceiver): Promise<string> {
    const answer = await send('/v1/webhooks/endpoints', { url, description: marker, payload: 'full' })
    return ((await answer.json()) as { id: string }).id
  }

  async function makeJob(content: string, extra: object, model = 'local'): Promise<string> {
    const { messages } = ask(content)
    const body = { model, input: { endpoint: '/v1/chat/completions', body: { messages } }, ...extra }
    const answer = await send('/v1/jobs', body, { 'idempotency-key': `${marker} ${content}` })
    return ((await answer.json()) as { id: string }).id
  }

  function untilStatus(id: string, status: string): Promise<true> {
    return eventually(`${id} is ${status}`, async () => {
      const job = (await (await broker.send(`/v1/jobs/${id}`, { tenant })).json()) as { status: string }
      return job.status === status
    })
  }

  /** Hangs up before the answer comes. */
  async function leave(json: object): Promise<void> {
    const leaving = new AbortController()
    const called = broker.upstream.callOf(({ prompt }) => prompt === `hang ${marker} left`)
    const answer = broker.send('/v1/chat/completions', { json, tenant, signal: leaving.signal }).catch(() => null)
    await called
    const aborted = once(leaving.signal, 'abort')
    leaving.abort()
    await Promise.all([aborted, answer])
    await eventually('it is left', async () => (await broker.redis.zcard('sluice:left')) > 0)
  }

  /** Everything that has happened is in the books, and written down for every receiver. */
  async function untilTold(): Promise<void> {
    await eventually('all is told', async () => {
      const rows = ['sluice:outbox', 'sluice:outbox:taken'].map((key) => broker.redis.llen(key))
      const counts = await Promise.all([broker.redis.xlen('sluice:records'), ...rows])
      return counts.every((count) => count === 0)
    })
  }
}
