import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { batchLine, type OutcomeLine, readOutcomes, startBatch, untilEnded } from '../support/batch-lines.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, echo, hang, refuse } from '../support/chat-upstream.ts'
import { startEndpointReceiver } from '../support/endpoint-receiver.ts'
import { eventually } from '../support/eventually.ts'

/** How many lines of one batch have a job at the same time. */
const window = 200

let broker: TestBroker
let client: OpenAI
beforeAll(async () => {
  broker = await startTestBroker()
  // Without retries, so that nothing that went wrong is hidden.
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
})
afterAll(() => broker[Symbol.asyncDispose]())
afterEach(() => {
  broker.upstream.script = echo
})

const contentOf = ({ response }: OutcomeLine) => response?.body.choices?.[0]?.message.content
const byName = (lines: readonly OutcomeLine[]) => new Map(lines.map((line) => [line.custom_id, line]))
const lines = (count: number, promptOf = (index: number) => `echo: answer ${index}`) =>
  Array.from({ length: count }, (_, index) => batchLine(`line-${index}`, promptOf(index)))

/** Refuses prompts that say so, and hangs or echoes at the others. */
const refusing =
  (then: ChatScript = echo): ChatScript =>
  (call, response) =>
    call.prompt.includes('refuse') ? refuse(400)(call, response) : then(call, response)

describe('a batch', () => {
  it('answers each line under its name, with what it cost in tokens', async () => {
    const made = await startBatch(client, lines(120), { metadata: { run: 'nightly' } })
    expect(made).toMatchObject({
      object: 'batch',
      status: 'validating',
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      metadata: { run: 'nightly' },
      output_file_id: null,
      error_file_id: null,
    })
    expect(made.expires_at).toBe(made.created_at + 24 * 3600)

    const batch = await untilEnded(client, made.id)
    expect(batch).toMatchObject({
      status: 'completed',
      model: 'local',
      request_counts: { total: 120, completed: 120, failed: 0 },
      usage: { input_tokens: 120 * 7, output_tokens: 120 * 5, total_tokens: 120 * 12 },
      error_file_id: null,
      errors: null,
    })
    for (const at of ['in_progress_at', 'finalizing_at', 'completed_at'] as const) {
      expect(batch[at]).toBeGreaterThanOrEqual(made.created_at)
    }
    const outcomes = await readOutcomes(client, batch.output_file_id)
    expect(new Set(outcomes.map(({ id }) => id)).size).toBe(120)
    const answers = byName(outcomes)
    for (let index = 0; index < 120; index += 1) {
      const line = answers.get(`line-${index}`)
      expect(line && contentOf(line)).toBe(`answer ${index}`)
      expect(line).toMatchObject({ response: { status_code: 200 }, error: null })
      expect(line?.id).toMatch(/^batch_req_/)
    }
    const file = await client.files.retrieve(batch.output_file_id ?? '')
    expect(file).toMatchObject({ purpose: 'batch_output', filename: `${batch.id}_output.jsonl` })
    expect(file.bytes).toBe((await (await client.files.content(file.id)).arrayBuffer()).byteLength)
  })

  it('puts back in its output what a cloud was not shown', async () => {
    const prompt = 'echo: mail ada.lovelace@example.com today'
    const { id } = await startBatch(client, [batchLine('masked', prompt, { model: 'cloud' })])
    const batch = await untilEnded(client, id)
    const [line] = await readOutcomes(client, batch.output_file_id)
    expect(line && contentOf(line)).toBe('mail ada.lovelace@example.com today')
    expect(broker.upstream.calls.some((call) => call.request.body.includes('ada.lovelace'))).toBe(false)
  })

  it('runs embeddings', async () => {
    broker.upstream.script = (_, response) => {
      const data = [{ object: 'embedding', index: 0, embedding: [0.5, 0.25] }]
      const usage = { prompt_tokens: 3, total_tokens: 3 }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ object: 'list', data, model: 'upstream-model', usage }, null, 2))
    }
    const endpoint = '/v1/embeddings'
    const text = JSON.stringify({
      custom_id: 'e',
      method: 'POST',
      url: endpoint,
      body: { model: 'local', input: 'words' },
    })
    const { id } = await startBatch(client, [text], { endpoint })
    const batch = await untilEnded(client, id)
    // What the upstream wrote in many lines is one line here.
    const [line] = await readOutcomes(client, batch.output_file_id)
    expect(line?.response?.body).toMatchObject({ data: [{ embedding: [0.5, 0.25] }] })
  })

  it('runs responses, which are there under their own ids too, unless they are not to be stored', async () => {
    const url = '/v1/responses'
    const responseLine = (name: string, body: object) =>
      JSON.stringify({ custom_id: name, method: 'POST', url, body: { model: 'local', ...body } })
    const { id } = await startBatch(
      client,
      [
        responseLine('kept', { input: 'echo: forty-two', metadata: { run: '7' } }),
        responseLine('unkept', { input: [{ role: 'user', content: 'echo: gone' }], store: false }),
      ],
      { endpoint: url },
    )
    const batch = await untilEnded(client, id)
    expect(batch).toMatchObject({ status: 'completed', endpoint: url, request_counts: { completed: 2, failed: 0 } })
    const bodies = new Map(
      (await readOutcomes(client, batch.output_file_id)).map(({ custom_id: name, response }) => [
        name,
        response?.body as unknown as OpenAI.Responses.Response,
      ]),
    )
    expect(bodies.get('kept')).toMatchObject({ object: 'response', status: 'completed', metadata: { run: '7' } })
    expect(JSON.stringify(bodies.get('kept')?.output)).toContain('forty-two')
    expect(JSON.stringify(bodies.get('unkept')?.output)).toContain('gone')
    const kept = await client.responses.retrieve(bodies.get('kept')?.id ?? '')
    expect(kept.output_text).toBe('forty-two')
    await expect(client.responses.retrieve(bodies.get('unkept')?.id ?? '')).rejects.toMatchObject({ status: 404 })
  })

  it('is not failed by lines that fail: those stand in its error file, and run again as a new batch', async () => {
    broker.upstream.script = refusing()
    const { id } = await startBatch(
      client,
      lines(40, (index) => (index % 10 === 3 ? 'refuse this' : 'echo: fine')),
    )
    const batch = await untilEnded(client, id)
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 40, completed: 36, failed: 4 } })
    const failures = byName(await readOutcomes(client, batch.error_file_id))
    expect([...failures.keys()].sort()).toEqual(['line-13', 'line-23', 'line-3', 'line-33'])
    expect(failures.get('line-3')).toMatchObject({
      response: { status_code: 400, body: { error: { code: 'upstream_rejected' } } },
      error: null,
    })

    broker.upstream.script = echo
    const again = await client.post<OpenAI.Batch>(`/batches/${id}/retry`)
    expect(again).toMatchObject({ retry_of: id, endpoint: '/v1/chat/completions', status: 'validating' })
    const retried = await untilEnded(client, again.id)
    expect(retried).toMatchObject({ status: 'completed', request_counts: { total: 4, completed: 4, failed: 0 } })
    const answers = byName(await readOutcomes(client, retried.output_file_id))
    expect([...answers.keys()].sort()).toEqual([...failures.keys()].sort())
    await expect(client.post(`/batches/${again.id}/retry`)).rejects.toMatchObject({
      status: 409,
      code: 'batch_not_retryable',
    })
  })
})

describe('a batch that runs', () => {
  it('shows what there is so far, keeps to its window, and lets others go first', async () => {
    const answered = 30
    broker.upstream.script = (call, response) => (call.prompt.startsWith('echo') ? echo : hang)(call, response)
    const { id } = await startBatch(
      client,
      lines(500, (index) => (index < answered ? `echo: answer ${index}` : 'never')),
    )
    const running = await eventually('results are there', async () => {
      const batch = await client.batches.retrieve(id)
      return batch.request_counts?.completed === answered && batch
    })
    expect(running.status).toBe('in_progress')
    expect(await readOutcomes(client, running.output_file_id)).toHaveLength(answered)
    const openLines = () => broker.redis.hlen(`sluice:batch:${id}:open`)
    // A few places that are free are not filled one by one.
    const open = await openLines()
    expect(open).toBeGreaterThan(window / 2)
    expect(open).toBeLessThanOrEqual(window)
    expect(await broker.redis.zcard('sluice:open')).toBe(open)

    const chat = await client.chat.completions.create({
      model: 'cloud',
      messages: [{ role: 'user', content: 'echo: me first' }],
    })
    expect(chat.choices[0]?.message.content).toBe('me first')
    expect(await openLines()).toBeLessThanOrEqual(window)

    await expect(client.files.delete(running.input_file_id)).rejects.toMatchObject({ status: 409, code: 'file_in_use' })
    const cancelling = await client.batches.cancel(id)
    expect(cancelling.status).toBe('cancelling')
    const batch = await untilEnded(client, id)
    expect(batch).toMatchObject({ status: 'cancelled', request_counts: { total: 500, completed: 30, failed: 470 } })
    expect(await readOutcomes(client, batch.output_file_id)).toHaveLength(answered)
    const failures = await readOutcomes(client, batch.error_file_id)
    expect(new Set(failures.map(({ custom_id: name }) => name)).size).toBe(470)
    expect(failures.every(({ response, error }) => response === null && error?.code === 'batch_cancelled')).toBe(true)
    expect(await broker.redis.zcard('sluice:open')).toBe(0)
    expect(await client.batches.cancel(id)).toMatchObject({ status: 'cancelled' })
    await client.files.delete(batch.input_file_id)
  })

  it('expires at the end of its window, with the results that it has', async () => {
    broker.upstream.script = (call, response) => (call.prompt.startsWith('echo') ? echo : hang)(call, response)
    const { id } = await startBatch(
      client,
      lines(300, (index) => (index === 0 ? 'echo: in time' : 'never')),
      { completion_window: '1h' as '24h' },
    )
    await eventually('one has come', async () => (await client.batches.retrieve(id)).request_counts?.completed === 1)
    const key = `sluice:batch:${id}`
    const spec = JSON.parse((await broker.redis.hget(key, 'spec')) ?? '') as object
    await broker.redis.hset(key, 'spec', JSON.stringify({ ...spec, expiresAtMs: Date.now() - 1 }))

    const batch = await untilEnded(client, id)
    expect(batch).toMatchObject({ status: 'expired', request_counts: { total: 300, completed: 1, failed: 299 } })
    expect((await readOutcomes(client, batch.output_file_id)).map(contentOf)).toEqual(['in time'])
    const failures = await readOutcomes(client, batch.error_file_id)
    expect(new Set(failures.map(({ error }) => error?.code))).toEqual(new Set(['batch_expired']))
    expect(failures).toHaveLength(299)
  })

  it('tells the endpoints of its tenant when it has ended, in words that OpenAI’s client reads', async () => {
    await using receiver = await startEndpointReceiver()
    const made = await broker.send('/v1/webhooks/endpoints', { json: { url: receiver.url, events: ['*'] } })
    const { secret } = (await made.json()) as { secret: string }
    const { id } = await startBatch(client, lines(5))
    const webhook = await eventually('the webhook comes', () => receiver.received[0])
    const event = await client.webhooks.unwrap(webhook.body, webhook.headers, secret)
    expect(event).toMatchObject({ object: 'event', type: 'batch.completed', data: { id } })
    expect(event.id).toBe(webhook.headers['webhook-id'])
    // Of the jobs of its lines nobody is told.
    expect(receiver.received).toHaveLength(1)
  })
})

describe('a batch where few jobs may be open', () => {
  it('leaves a fifth of them to others, and completes all the same', async () => {
    const config = { server: { port: 0, max_open_jobs: 50 } }
    await using small = await startTestBroker({ config })
    const ofSmall = new OpenAI({ baseURL: small.baseURL, apiKey: small.keys.acme, maxRetries: 0 })
    const gate = Promise.withResolvers<void>()
    small.upstream.script = async (call, response) => {
      if (!call.prompt.includes('now')) await gate.promise
      return echo(call, response)
    }
    const { id } = await startBatch(ofSmall, lines(150))
    await eventually('it has all that it may have', async () => (await small.redis.zcard('sluice:open')) === 40)
    const messages = [{ role: 'user' as const, content: 'echo: now' }]
    const chat = await ofSmall.chat.completions.create({ model: 'cloud', messages })
    expect(chat.choices[0]?.message.content).toBe('now')
    expect(await small.redis.zcard('sluice:open')).toBe(40)
    gate.resolve()
    expect(await untilEnded(ofSmall, id, 30_000)).toMatchObject({
      status: 'completed',
      request_counts: { total: 150, completed: 150, failed: 0 },
    })
  }, 60_000)
})

describe('making a batch', () => {
  it('again with the same Idempotency-Key is the same batch', async () => {
    const file = (await startBatch(client, lines(1))).input_file_id
    const body = { input_file_id: file, endpoint: '/v1/chat/completions', completion_window: '24h' } as const
    const options = { headers: { 'Idempotency-Key': 'nightly-7' } }
    const [first, second] = [await client.batches.create(body, options), await client.batches.create(body, options)]
    expect(second.id).toBe(first.id)
    await expect(client.batches.create({ ...body, metadata: { a: 'b' } }, options)).rejects.toMatchObject({
      status: 422,
      code: 'idempotency_key_reused',
    })
  })

  it.each([
    [{ completion_window: '30m' }, 'completion_window'],
    [{ completion_window: '8d' }, 'completion_window'],
    [{ endpoint: '/v1/completions' }, 'endpoint'],
    [{ priority: 'high' }, 'priority'],
    [{ output_expires_after: { anchor: 'created_at', seconds: 60 } }, 'output_expires_after.seconds'],
    [{ metadata: { key: 'x'.repeat(600) } }, 'metadata.key'],
  ])('with %o is refused by name', async (wrong, param) => {
    const { input_file_id: file } = await startBatch(client, lines(1))
    const json = { input_file_id: file, endpoint: '/v1/chat/completions', completion_window: '24h', ...wrong }
    const response = await broker.send('/v1/batches', { json })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_request', param } })
  })

  it('of another tenant’s file, or of none, finds nothing', async () => {
    const batch = await startBatch(client, lines(1))
    const other = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.globex, maxRetries: 0 })
    const body = { endpoint: '/v1/chat/completions', completion_window: '24h' } as const
    for (const file of [batch.input_file_id, 'file-0', `file-${'0'.repeat(32)}`]) {
      await expect(other.batches.create({ ...body, input_file_id: file })).rejects.toMatchObject({
        status: 404,
        code: 'file_not_found',
      })
    }
    await expect(other.batches.retrieve(batch.id)).rejects.toMatchObject({ status: 404, code: 'batch_not_found' })
    await expect(other.batches.cancel(batch.id)).rejects.toMatchObject({ status: 404 })
    expect((await other.batches.list()).data).toEqual([])
  })

  it('lists batches newest first, page by page', async () => {
    const made: string[] = []
    for (let count = 0; count < 3; count += 1) made.push((await startBatch(client, lines(1))).id)
    const page = await client.batches.list({ limit: 2 })
    expect(page.data.map(({ id }) => id)).toEqual([made[2], made[1]])
    expect(page.has_more).toBe(true)
    const ids: string[] = []
    for await (const batch of client.batches.list({ limit: 2 })) ids.push(batch.id)
    expect(ids.slice(0, 3)).toEqual(made.reverse())
    expect(new Set(ids).size).toBe(ids.length)
  })
})
