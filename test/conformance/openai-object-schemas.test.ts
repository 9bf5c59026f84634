import { File } from 'node:buffer'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { jobObject } from '../../src/http/schemas.ts'
import { keyOf, type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { type ChatScript, echo, hang, refuse } from '../support/chat-upstream.ts'
import { eventually } from '../support/eventually.ts'
import { chatCompletion, embeddingList } from '../support/openai-chat.ts'
import {
  batchList,
  batchObject,
  batchOutcomeLine,
  deletedFile,
  errorResponse,
  fileList,
  fileObject,
  modelList,
  modelObject,
} from '../support/openai-objects.ts'
import { responseObject } from '../support/openai-responses.ts'

/** Models, files, batches with their lines, jobs in place of answers, and errors of every status, as OpenAI describes them. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({
    config: {
      retry: { max_attempts: 1, base_delay: '10ms', max_delay: '10ms' },
      tenants: {
        acme: { keys: [keyOf('acme')] },
        poor: { keys: [keyOf('poor')], budgets: [{ usd: 0.000001, per: 'day' }] },
        hasty: { keys: [keyOf('hasty')], limits: { rpm: 1 } },
      },
    },
    models: {
      local: [{ id: 'studio-a', pool: 'studio' }],
      cloud: [{ id: 'cloud-a', pool: 'cloud' }],
      few: [{ id: 'studio-c', pool: 'studio', capabilities: ['chat'] }],
      dear: [{ id: 'studio-b', pool: 'studio', price: { input: 1_000, output: 1_000 } }],
    },
  })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

let prompts = 0
function newPrompt(): string {
  prompts += 1
  return `question ${prompts}`
}
const chatBody = (model: string, more: object = {}) => ({
  model,
  messages: [{ role: 'user', content: newPrompt() }],
  ...more,
})
const chat = (options: SendOptions & { model?: string; more?: object } = {}) => {
  const { model = 'local', more, ...rest } = options
  return broker.send('/v1/chat/completions', { json: chatBody(model, more), ...rest })
}
function chatWhile(script: ChatScript, options: SendOptions = {}): Promise<Response> {
  broker.upstream.script = script
  return chat(options)
}
/** The answer to the second of two requests. */
async function twice(options: SendOptions): Promise<Response> {
  await chat(options)
  return chat(options)
}
const read = async <Body extends z.ZodType>(schema: Body, path: string, options: SendOptions = {}) => {
  const response = await broker.send(path, options)
  const body = await response.json()
  expect([path, response.status, body]).toEqual([path, 200, body])
  return schema.parse(body)
}

async function upload(lines: readonly object[], more: Readonly<Record<string, string>> = {}) {
  const form = new FormData()
  form.set('purpose', 'batch')
  for (const [name, value] of Object.entries(more)) form.set(name, value)
  form.set('file', new File([lines.map((line) => JSON.stringify(line)).join('\n')], 'input.jsonl') as Blob)
  return read(fileObject, '/v1/files', { body: form })
}

const line = (url: string, body: object) => ({ custom_id: `line-${newPrompt()}`, method: 'POST', url, body })
const chatLine = (model = 'local', more: object = {}) => line('/v1/chat/completions', chatBody(model, more))

async function startBatch(lines: readonly object[], more: object = {}) {
  const { id } = await upload(lines)
  const json = { input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h', ...more }
  return read(batchObject, '/v1/batches', { json })
}

const untilStatus = (id: string, ...wanted: readonly string[]) =>
  eventually(`${id} is ${wanted}`, async () => {
    const batch = await read(batchObject, `/v1/batches/${id}`)
    return wanted.includes(batch.status) && batch
  })

async function outcomesOf<Body extends z.ZodType>(file: string | null, body: Body) {
  const text = await (await broker.send(`/v1/files/${file}/content`)).text()
  const lines = text.split('\n').filter((each) => each !== '')
  return lines.map((each) => batchOutcomeLine(body).parse(JSON.parse(each)))
}

describe('models', () => {
  it('are a list, and each is one of them', async () => {
    const { data } = await read(modelList, '/v1/models')
    expect(data.map(({ id }) => id)).toEqual(['local', 'cloud', 'few', 'dear'])
    expect(await read(modelObject, '/v1/models/cloud')).toEqual(data[1])
  })
})

describe('files', () => {
  it('are made, listed, read and removed', async () => {
    expect((await read(fileList, '/v1/files?purpose=batch')).data).toEqual([])
    const first = await upload([chatLine()])
    const second = await upload([chatLine()], {
      'expires_after[anchor]': 'created_at',
      'expires_after[seconds]': '3600',
    })
    expect(second.expires_at).toBe(second.created_at + 3600)
    const page = await read(fileList, '/v1/files?limit=1&order=asc')
    expect(page).toMatchObject({ data: [{ id: first.id }], has_more: true })
    expect(await read(fileObject, `/v1/files/${second.id}`)).toEqual(second)
    for (const { id } of [first, second]) await read(deletedFile, `/v1/files/${id}`, { method: 'DELETE' })
  })
})

describe('batches', () => {
  it.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }, chatCompletion],
    ['/v1/responses', { input: 'hi' }, responseObject],
  ] as const)('of %s end with lines as OpenAI has them, answered and refused', async (endpoint, body, schema) => {
    const ok = line(endpoint, { model: 'local', ...body })
    const bad = line(endpoint, { model: 'cloud', ...body })
    broker.upstream.script = (call, response) => (call.deployment === 'cloud-a' ? refuse(400) : echo)(call, response)
    const made = await startBatch([ok, bad], { endpoint, metadata: { run: '1' } })
    expect(made.status).toBe('validating')
    const batch = await untilStatus(made.id, 'completed')
    expect(batch.request_counts).toEqual({ total: 2, completed: 1, failed: 1 })
    const answers = await outcomesOf(batch.output_file_id, schema)
    const refusals = await outcomesOf(batch.error_file_id, schema)
    expect(answers.map(({ custom_id, response }) => [custom_id, response?.status_code])).toEqual([[ok.custom_id, 200]])
    expect(refusals.map(({ custom_id, response }) => [custom_id, response?.status_code])).toEqual([
      [bad.custom_id, 400],
    ])
    for (const id of [batch.output_file_id, batch.error_file_id]) await read(fileObject, `/v1/files/${id}`)
  })

  it('of embeddings end with vectors', async () => {
    broker.upstream.script = (_call, response) => {
      const data = [{ object: 'embedding', index: 0, embedding: [0.5, 0.25] }]
      const usage = { prompt_tokens: 1, total_tokens: 1 }
      const list = JSON.stringify({ object: 'list', data, model: 'm', usage })
      response.writeHead(200, { 'content-type': 'application/json' }).end(list)
    }
    const endpoint = '/v1/embeddings'
    const made = await startBatch([line(endpoint, { model: 'local', input: newPrompt() })], { endpoint })
    const batch = await untilStatus(made.id, 'completed')
    expect(await outcomesOf(batch.output_file_id, embeddingList)).toHaveLength(1)
  })

  it('that fail say in which lines', async () => {
    const { id } = await startBatch([chatLine('none'), chatLine('local', { stream: true })])
    const failed = await untilStatus(id, 'failed')
    expect(failed.errors?.data.map(({ line }) => line)).toEqual([1, 2])
  })

  it('that are cancelled, or expire, have lines that say so, and are read while they run', async () => {
    broker.upstream.script = hang
    const [first, second] = [await startBatch([chatLine()]), await startBatch([chatLine()])]
    for (const { id } of [first, second]) await untilStatus(id, 'in_progress')
    const running = await broker.upstream.callOf(() => true)
    expect(running.deployment).toBe('studio-a')
    const cancelling = await read(batchObject, `/v1/batches/${first.id}/cancel`, { method: 'POST' })
    expect(['cancelling', 'cancelled']).toContain(cancelling.status)
    const cancelled = await untilStatus(first.id, 'cancelled')
    expect(cancelled.cancelled_at).not.toBeNull()

    const key = `sluice:batch:${second.id}`
    const spec = JSON.parse((await broker.redis.hget(key, 'spec')) ?? '{}')
    await broker.redis.hset(key, 'spec', JSON.stringify({ ...spec, expiresAtMs: Date.now() - 1 }))
    const expired = await untilStatus(second.id, 'expired')
    const codes = []
    for (const { error_file_id: file } of [cancelled, expired]) {
      codes.push(...(await outcomesOf(file, chatCompletion)).map(({ error }) => error?.code))
    }
    expect(codes).toEqual(['batch_cancelled', 'batch_expired'])
  })

  it('are read while they run, and so are the files that they write', async () => {
    broker.upstream.script = (call, response) => (call.prompt === 'wait' ? hang : echo)(call, response)
    const waiting = chatLine('local', { messages: [{ role: 'user', content: 'wait' }] })
    const { id } = await startBatch([...Array.from({ length: 3 }, () => chatLine()), waiting])
    const begun = await eventually('a line of the batch is there', async () => {
      const batch = await read(batchObject, `/v1/batches/${id}`)
      return batch.output_file_id !== null && batch
    })
    expect([begun.status, begun.sluice?.running]).toEqual(['in_progress', 1])
    const file = await read(fileObject, `/v1/files/${begun.output_file_id}`)
    expect(file).not.toHaveProperty('expires_at')
    expect((await outcomesOf(file.id, chatCompletion)).length).toBeGreaterThan(0)
    const { data } = await read(fileList, '/v1/files?purpose=batch_output')
    expect(data.map((each) => each.id)).toContain(file.id)
    await read(batchObject, `/v1/batches/${id}/cancel`, { method: 'POST' })
    await untilStatus(id, 'cancelled')
  })

  it('are a list', async () => {
    const page = await read(batchList, '/v1/batches?limit=2')
    expect(page).toMatchObject({ has_more: true })
    const rest = await read(batchList, `/v1/batches?after=${page.last_id}&limit=100`)
    expect(rest.has_more).toBe(false)
    expect(await read(batchList, `/v1/batches?after=${rest.last_id}`)).toMatchObject({ data: [], first_id: null })
  })
})

describe('the job in place of an answer', () => {
  it('is what /openapi.json says of it', async () => {
    broker.upstream.script = hang
    for (const prefer of ['respond-async', 'wait=0', 'wait=1']) {
      const response = await chat({ headers: { prefer } })
      expect(response.status).toBe(202)
      const job = jobObject.strict().parse(await response.json())
      expect(response.headers.get('location')).toBe(`/v1/jobs/${job.id}`)
      await broker.send(`/v1/jobs/${job.id}/cancel`, { method: 'POST' })
    }
  })
})

/** For each status and code a way to be told it. */
const refusals: readonly [status: number, code: string, ask: () => Promise<Response>][] = [
  [
    400,
    'invalid_json',
    () => broker.send('/v1/chat/completions', { body: '{', headers: { 'content-type': 'application/json' } }),
  ],
  [400, 'invalid_request', () => chat({ more: { temperature: 9 } })],
  [400, 'invalid_header', () => chat({ headers: { 'x-sluice-priority': 'now' } })],
  [400, 'unsupported_by_deployments', () => chat({ model: 'few', more: { n: 2 } })],
  [400, 'upstream_rejected', () => chatWhile(refuse(400))],
  [401, 'invalid_api_key', () => chat({ tenant: null })],
  [401, 'invalid_api_key', () => broker.send('/v1/files', { tenant: 'nobody' })],
  [403, 'no_eligible_deployment', () => chat({ model: 'cloud', headers: { 'x-sluice-sensitivity': 'restricted' } })],
  [404, 'model_not_found', () => chat({ model: 'none' })],
  [404, 'model_not_found', () => broker.send('/v1/models/none')],
  [404, 'route_not_found', () => broker.send('/v1/none')],
  [404, 'job_not_found', () => broker.send('/v1/chat/completions/job_0')],
  [404, 'response_not_found', () => broker.send('/v1/responses/resp_0')],
  [404, 'file_not_found', () => broker.send('/v1/files/file-0')],
  [404, 'batch_not_found', () => broker.send('/v1/batches/batch_0')],
  [413, 'body_too_large', () => chat({ more: { user: 'x'.repeat(1024 * 1024) } })],
  [
    415,
    'unsupported_media_type',
    () => broker.send('/v1/chat/completions', { body: 'x', headers: { 'content-type': 'text/plain' } }),
  ],
  [422, 'idempotency_key_reused', () => twice({ headers: { 'idempotency-key': newPrompt() } })],
  [429, 'rate_limit_exceeded', () => twice({ tenant: 'hasty' })],
  [429, 'budget_exceeded', () => chat({ model: 'dear', tenant: 'poor' })],
  [502, 'upstream_failed', () => chatWhile(refuse(500))],
  [504, 'deadline_exceeded', () => chatWhile(hang, { headers: { 'x-sluice-deadline': '1' } })],
]

describe('errors', () => {
  it.each(refusals)('of status %i, %s, are what OpenAI describes', async (status, code, ask) => {
    const response = await ask()
    const { error } = errorResponse.parse(await response.json())
    expect([response.status, error.code]).toEqual([status, code])
    expect(response.headers.get('x-request-id')).toMatch(/^req_/)
    expect(response.headers.get('content-type')).toContain('application/json')
  })

  it('of status 503 are what OpenAI describes, when Redis is away', async () => {
    await using lonely = await startTestBroker()
    await lonely.server.kill()
    for (const [path, more] of [
      ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }] }],
      ['/v1/embeddings', { input: 'x' }],
      ['/v1/responses', { input: 'x' }],
    ] as const) {
      const response = await lonely.send(path, { json: { model: 'local', ...more } })
      expect([path, response.status]).toEqual([path, 503])
      expect(errorResponse.parse(await response.json()).error.code).toBe('redis_unavailable')
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    // What was begun can end now.
    await lonely.server.restart()
  })
})
