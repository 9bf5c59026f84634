import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import type { ConfigInput } from '../../src/config/schema.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'

interface Bench extends AsyncDisposable {
  readonly broker: TestBroker
  readonly sandbox: Sandbox
  readonly client: OpenAI
  /** The bodies that the upstream has seen, oldest first. */
  sent(): { model: string; input: unknown; [field: string]: unknown }[]
}

/** `words` is served by a cloud pool alone, `at-home` on the premises alone; both by the sandbox's hashed words. */
async function startBench(
  config: Partial<ConfigInput> = {},
  price?: { input: number; output: number },
): Promise<Bench> {
  await using cleanup = new AsyncDisposableStack()
  const sandbox = cleanup.use(await startSandbox({ capture: true }))
  const deployment = (id: string, pool: string) => ({
    id,
    pool,
    provider: 'openai-compatible' as const,
    model: 'some-embedding-model',
    base_url: `${sandbox.url}/v1`,
    ...(price ? { price } : { free: true }),
  })
  const models = {
    words: { deployments: [deployment('cloud-words', 'cloud')] },
    'at-home': { deployments: [deployment('home-words', 'studio')] },
  }
  const broker = cleanup.use(await startTestBroker({ config: { models, ...config } }))
  const client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
  const owned = cleanup.move()
  return {
    broker,
    sandbox,
    client,
    sent: () => sandbox.requests.map(({ body }) => JSON.parse(body)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

const cosine = (left: readonly number[], right: readonly number[]) =>
  left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0)

describe('POST /v1/embeddings', () => {
  it('gives OpenAI’s client its vectors, by default as base64, which it reads itself', async () => {
    await using bench = await startBench()
    const { client } = bench
    const { data, response } = await client.embeddings
      .create({ model: 'words', input: ['disk full on node one', 'disk full on node two', 'lunch menu'] })
      .withResponse()
    expect(data.data.map(({ index, embedding }) => [index, embedding.length])).toEqual([
      [0, 256],
      [1, 256],
      [2, 256],
    ])
    const [one = [], two = [], three = []] = data.data.map(({ embedding }) => embedding)
    expect(cosine(one, two)).toBeGreaterThan(cosine(one, three) + 0.3)
    expect(data.usage).toEqual({ prompt_tokens: expect.any(Number), total_tokens: expect.any(Number) })
    expect(response.headers.get('x-sluice-deployment')).toBe('cloud-words')
    expect(response.headers.get('x-sluice-attempts')).toBe('1')
    expect(bench.sent()[0]).toMatchObject({ model: 'some-embedding-model', encoding_format: 'base64' })

    const asked = { model: 'words', input: 'disk full on node one', encoding_format: 'float', dimensions: 64 } as const
    const floats = await client.embeddings.create(asked)
    expect(floats.data[0]?.embedding).toHaveLength(64)
    const again = await client.embeddings.create(asked)
    expect(again.data[0]?.embedding).toEqual(floats.data[0]?.embedding)
  })

  it('shows a cloud the texts masked, and those on the premises as they are', async () => {
    await using bench = await startBench()
    const input = ['mail ada@example.com', 'nothing to see']
    await bench.client.embeddings.create({ model: 'words', input })
    await bench.client.embeddings.create({ model: 'at-home', input })
    expect(bench.sent().map((body) => body.input)).toEqual([['mail <EMAIL_1>', 'nothing to see'], input])
  })

  it('treats lists of tokens as what nobody has looked into: they stay on the premises', async () => {
    await using bench = await startBench()
    const input = [[1, 2, 3]]
    const refused = bench.client.embeddings.create({ model: 'words', input })
    await expect(refused).rejects.toMatchObject({ status: 403, code: 'no_eligible_deployment' })
    const { data } = await bench.client.embeddings.create({ model: 'at-home', input })
    expect(data).toHaveLength(1)
    expect(bench.sent().map((body) => body.input)).toEqual([input])
  })

  it('costs its input tokens, holds money for them alone, and asks for no limit on output', async () => {
    const tenants = { acme: { keys: ['sk-test-acme-0123456789'], budgets: [{ usd: 1, per: 'day' as const }] } }
    await using bench = await startBench({ tenants }, { input: 1_000, output: 100_000 })
    const { data, response } = await bench.client.embeddings.create({ model: 'words', input: 'a b c d' }).withResponse()
    const cost = Number(response.headers.get('x-sluice-cost-usd'))
    expect(cost).toBeCloseTo((data.usage.prompt_tokens * 1_000) / 1_000_000)
    expect(Object.keys(bench.sent()[0] ?? {}).sort()).toEqual(['encoding_format', 'input', 'model'])
  })

  it('refuses what is no input, naming it', async () => {
    await using bench = await startBench()
    for (const input of ['', [], [''], [1.5], [['a']], 7, null]) {
      const response = await bench.broker.send('/v1/embeddings', { json: { model: 'words', input } })
      expect(response.status).toBe(400)
      expect(((await response.json()) as { error: { param: string } }).error.param).toMatch(/^input/)
    }
    expect(bench.sent()).toEqual([])
  })

  it('says what OpenAI’s client makes its errors of', async () => {
    await using bench = await startBench()
    bench.sandbox.setFaults([{ fault: 'unauthorized' }])
    await expect(bench.client.embeddings.create({ model: 'words', input: 'x' })).rejects.toThrow(
      OpenAI.InternalServerError,
    )
    await expect(bench.client.embeddings.create({ model: 'none', input: 'x' })).rejects.toThrow(OpenAI.NotFoundError)
  })
})

describe('a job for embeddings', () => {
  it('ends with the endpoint’s own answer, and is no chat', async () => {
    await using bench = await startBench()
    const { broker } = bench
    const made = await broker.send('/v1/jobs', {
      json: { model: 'at-home', input: { endpoint: '/v1/embeddings', body: { input: ['a', 'b'], dimensions: 8 } } },
    })
    expect(made.status).toBe(202)
    const { id } = (await made.json()) as { id: string }
    const job = (await (await broker.send(`/v1/jobs/${id}?wait=20`)).json()) as {
      status: string
      endpoint: string
      result: { object: string; data: { embedding: number[] }[] }
      usage: object
    }
    expect(job).toMatchObject({ status: 'completed', endpoint: '/v1/embeddings' })
    expect(job.result.data.map(({ embedding }) => embedding.length)).toEqual([8, 8])
    expect(job.usage).toMatchObject({ completion_tokens: 0 })
    expect((await broker.send(`/v1/embeddings/${id}`)).status).toBe(200)
    expect((await broker.send(`/v1/chat/completions/${id}`)).status).toBe(404)
  })

  it('is refused where its body is a chat’s', async () => {
    await using bench = await startBench()
    const response = await bench.broker.send('/v1/jobs', {
      json: { model: 'at-home', input: { endpoint: '/v1/embeddings', body: { messages: [] } } },
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { param: 'input.body.input' } })
  })
})
