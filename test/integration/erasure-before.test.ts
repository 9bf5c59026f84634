import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keys } from '../../src/store/keys.ts'
import { batchLine, startBatch } from '../support/batch-lines.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, hang } from '../support/chat-upstream.ts'
import { startEndpointReceiver } from '../support/endpoint-receiver.ts'
import { eventually } from '../support/eventually.ts'
import { dumpRedis } from '../support/redis-dump.ts'

let broker: TestBroker
beforeEach(async () => {
  broker = await startTestBroker()
})
afterEach(() => broker[Symbol.asyncDispose]())

/** Erases what acme has made up to a millisecond after this one. */
async function eraseAfter(madeAtMs: number): Promise<unknown> {
  const answer = await broker.send(`/admin/v1/tenants/acme/data?before=${new Date(madeAtMs + 1).toISOString()}`, {
    method: 'DELETE',
    tenant: null,
    headers: { authorization: `Bearer ${broker.adminKey}` },
  })
  return answer.json()
}

describe('what was made up to the time that is given', () => {
  it('if it is a batch, takes the open lines with it that were begun later', async () => {
    const { redis } = broker
    broker.upstream.script = hang
    const client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
    const lines = Array.from({ length: 20 }, (_, number) => batchLine(`line ${number}`, `secret ${number}`))
    const { id } = await startBatch(client, lines)
    await eventually('a line is at work', () => broker.upstream.calls.length > 0)
    const madeAtMs = Number(await redis.zscore(keys.tenantBatches('acme'), id))
    const [line = ''] = await redis.zrange(keys.open, '0', '0')
    await redis.zadd(keys.tenantJobs('acme'), madeAtMs + 2, line)
    const deleted = { batches: 1, files: 1, jobs: 20 }
    expect(await eraseAfter(madeAtMs)).toMatchObject({ complete: true, deleted })
    expect(await redis.zcard(keys.open)).toBe(0)
    const said = [...(await dumpRedis(redis, '*'))].filter(([, value]) => JSON.stringify(value).includes('secret'))
    expect(said.map(([key]) => key)).toEqual([])
  })

  it('if it is a job, takes the webhooks with it that tell of its end, which came later', async () => {
    const { redis } = broker
    broker.upstream.script = echo
    await using receiver = await startEndpointReceiver()
    receiver.answer = (response) => void response.writeHead(500).end()
    const body = { messages: [{ role: 'user', content: 'echo: secret' }] }
    const job = { model: 'local', input: { endpoint: '/v1/chat/completions', body }, webhook: { url: receiver.url } }
    const { id } = (await (await broker.send('/v1/jobs', { json: job })).json()) as { id: string }
    const contents = () => redis.keys(keys.webhookContent('*'))
    await eventually('it was told of', async () => (await contents()).length > 0)
    const madeAtMs = Number(await redis.zscore(keys.tenantJobs('acme'), id))
    const { id: next } = (await (await broker.send('/v1/jobs', { json: job })).json()) as { id: string }
    await eventually('the next one was told of', async () => (await contents()).length === 2)
    const deleted = { jobs: 1, webhook_deliveries: 1 }
    expect(await eraseAfter(madeAtMs)).toMatchObject({ complete: true, deleted })
    expect(await contents()).toHaveLength(1)
    expect((await broker.send(`/v1/jobs/${next}`)).status).toBe(200)
  })
})
