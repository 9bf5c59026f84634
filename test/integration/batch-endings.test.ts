import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { batchLine, readOutcomes, startBatch, untilEnded } from '../support/batch-lines.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, hang } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'

/** Batches that come to an end before their lines do, at any moment and on every endpoint. */
let broker: TestBroker
let client: OpenAI
beforeAll(async () => {
  broker = await startTestBroker()
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
})
afterAll(() => broker[Symbol.asyncDispose]())
beforeEach(() => {
  broker.upstream.script = hang
})

const names = (count: number) => Array.from({ length: count }, (_, index) => `line-${index}`)
const nameOf = ({ custom_id: name }: { custom_id: string }) => name

/** As if the window were over now. */
async function runOut(id: string): Promise<void> {
  const key = `sluice:batch:${id}`
  const spec = JSON.parse((await broker.redis.hget(key, 'spec')) ?? '') as object
  await broker.redis.hset(key, 'spec', JSON.stringify({ ...spec, expiresAtMs: Date.now() - 1 }))
}
const untilRunning = (id: string) =>
  eventually('it runs', async () => (await client.batches.retrieve(id)).status === 'in_progress')

const bodies = {
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'never' }] },
  '/v1/embeddings': { input: 'never' },
  '/v1/responses': { input: 'never' },
} as const

describe.each(Object.entries(bodies))('a batch of %s', (endpoint, body) => {
  const start = async () => {
    const lines = names(3).map((name) =>
      JSON.stringify({ custom_id: name, method: 'POST', url: endpoint, body: { model: 'local', ...body } }),
    )
    const { id } = await startBatch(client, lines, { endpoint: endpoint as '/v1/responses' })
    await untilRunning(id)
    return id
  }

  it.each([
    ['cancelled', 'batch_cancelled', (id: string) => client.batches.cancel(id)],
    ['expired', 'batch_expired', runOut],
  ] as const)('that is %s says so of each line', async (status, code, end) => {
    const id = await start()
    await end(id)
    const batch = await untilEnded(client, id)
    expect(batch).toMatchObject({ status, output_file_id: null, request_counts: { total: 3, completed: 0, failed: 3 } })
    expect(batch[`${status}_at`]).toBeGreaterThanOrEqual(batch.created_at)
    const failures = await readOutcomes(client, batch.error_file_id)
    expect(failures.map(nameOf).sort()).toEqual(names(3))
    expect(failures.map(({ response, error }) => [response, error?.code])).toEqual(names(3).map(() => [null, code]))
  })
})

describe('a batch', () => {
  it('that is cancelled before it was looked through has an outcome for each line all the same', async () => {
    const all = names(5_000)
    const { id } = await startBatch(
      client,
      all.map((name) => batchLine(name, 'never')),
    )
    expect(await client.batches.cancel(id)).toMatchObject({ status: 'cancelling' })
    const batch = await untilEnded(client, id, 30_000)
    expect(batch).toMatchObject({ status: 'cancelled', request_counts: { total: 5_000, completed: 0, failed: 5_000 } })
    const failures = await readOutcomes(client, batch.error_file_id)
    expect(failures.map(nameOf).sort()).toEqual(all.sort())
  }, 60_000)

  it('that was wrong is failed, whether or not it is being cancelled', async () => {
    const { id } = await startBatch(client, [...names(2_000).map((name) => batchLine(name, 'never')), 'nothing'])
    await client.batches.cancel(id)
    const batch = await untilEnded(client, id, 30_000)
    expect(batch).toMatchObject({ status: 'failed', errors: { data: [{ code: 'invalid_json_line', line: 2_001 }] } })
  })

  it('that was cancelled runs what it did not get to as a new batch, with the same sensitivity and tags', async () => {
    const headers = { 'x-sluice-sensitivity': 'restricted', 'x-sluice-tags': 'team=ops' }
    const made = await startBatch(
      client.withOptions({ defaultHeaders: headers }),
      names(20).map((name) => batchLine(name, `echo: ${name}`)),
    )
    await untilRunning(made.id)
    await client.batches.cancel(made.id)
    await untilEnded(client, made.id)
    broker.upstream.script = echo
    const again = await client.post<OpenAI.Batch>(`/batches/${made.id}/retry`)
    const batch = await untilEnded(client, again.id)
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 20, completed: 20, failed: 0 } })
    const answers = await readOutcomes(client, batch.output_file_id)
    expect(new Map(answers.map((line) => [nameOf(line), line.response?.body.choices?.[0]?.message.content]))).toEqual(
      new Map(names(20).map((name) => [name, name])),
    )
    const job = await (await broker.send(`/v1/jobs/${answers[0]?.response?.request_id}`)).json()
    expect(job).toMatchObject({ sensitivity: 'restricted', tags: { team: 'ops' }, priority: 'batch' })
  })
})
