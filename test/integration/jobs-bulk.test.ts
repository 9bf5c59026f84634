import { request as httpRequest } from 'node:http'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { keyOf, type SendOptions, startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo, hang } from '../support/chat-upstream.ts'

/** Many jobs in one request: a line of answer for each line, whatever is wrong with the others. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const path = '/v1/jobs/bulk'
const ndjson = { 'content-type': 'application/x-ndjson' }

interface Answer {
  readonly line: number
  readonly id?: string
  readonly status?: string
  readonly priority?: string
  readonly error?: { code: string; message: string; type: string; param: string | null }
}

const job = (prompt: string, more: object = {}) => ({
  model: 'local',
  input: { endpoint: '/v1/chat/completions', body: { messages: [{ role: 'user', content: `echo: ${prompt}` }] } },
  ...more,
})
const textOf = (lines: readonly (object | string)[]) =>
  lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')

async function bulk(body: SendOptions['body'], headers: Record<string, string> = {}): Promise<Answer[]> {
  const response = await broker.send(path, { body, headers: { ...ndjson, ...headers } })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^application\/x-ndjson/)
  const text = await response.text()
  expect(text.endsWith('\n') || text === '').toBe(true)
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Answer]))
}

describe('a bulk of jobs', () => {
  it('answers each line with its job, in their order, and each job runs', async () => {
    const prompts = Array.from({ length: 300 }, (_, index) => `number ${index}`)
    const answers = await bulk(textOf(prompts.map((prompt) => job(prompt, { metadata: { prompt } }))))
    expect(answers.map(({ line }) => line)).toEqual(prompts.map((_, index) => index + 1))
    expect(new Set(answers.map(({ id }) => id)).size).toBe(prompts.length)
    for (const index of [0, 63, 64, 299]) {
      const shown = await broker.send(`/v1/jobs/${answers[index]?.id}?wait=30`)
      expect(await shown.json()).toMatchObject({
        status: 'completed',
        metadata: { prompt: prompts[index] },
        result: { choices: [{ message: { content: prompts[index] } }] },
      })
    }
  })

  it('refuses a line without refusing another, and says what is wrong with it', async () => {
    const wide = JSON.stringify(job('x'.repeat(1024 * 1024)))
    const answers = await bulk(
      `${textOf([
        job('good'),
        '{"model":',
        { model: 'local' },
        wide,
        '',
        '   \r',
        job('x', { model: 'nowhere' }),
        job('x', { priority: 'urgent' }),
        job('also good'),
      ])}\r\n`,
    )
    expect(answers.map(({ line, error }) => [line, error?.code ?? 'made', error?.param ?? null])).toEqual([
      [1, 'made', null],
      [2, 'invalid_json', null],
      [3, 'invalid_request', 'input'],
      [4, 'body_too_large', null],
      [7, 'model_not_found', 'model'],
      [8, 'invalid_request', 'priority'],
      [9, 'made', null],
    ])
    for (const { error } of answers) {
      if (error) expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type'])
    }
  })

  it('may be larger than a body may, and have no end of its last line', async () => {
    const lines = Array.from({ length: 12 }, (_, index) => job(`${index} ${'x'.repeat(200_000)}`))
    const answers = await bulk(textOf(lines))
    expect(answers.map(({ status }) => status)).toEqual(lines.map(() => 'queued'))
  })

  it('answers a line before the next one is sent', async () => {
    const { request, answers } = openBulk()
    for (const line of [1, 2, 3]) {
      request.write(`${JSON.stringify(job(`line ${line}`))}\n`)
      expect((await answers.next()).value).toMatchObject({ line, status: 'queued' })
    }
    request.end()
    expect((await answers.next()).done).toBe(true)
  })

  it('makes no job of a line that broke off, and keeps those before it', async () => {
    const { request, answers } = openBulk()
    request.write(`${JSON.stringify(job('whole'))}\n${JSON.stringify(job('half')).slice(0, 20)}`)
    const { value } = await answers.next()
    request.destroy()
    const shown = await broker.send(`/v1/jobs/${value?.id}?wait=30`)
    expect(await shown.json()).toMatchObject({ status: 'completed' })
    const list = (await (await broker.send('/v1/jobs?limit=1')).json()) as { data: { id: string }[] }
    expect(list.data[0]?.id).toBe(value?.id)
  })

  it('is the same jobs when it is sent again with its Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'bulk-1' }
    const lines = [job('a'), job('b'), job('c')]
    const first = await bulk(textOf(lines), headers)
    const again = await bulk(textOf([...lines.slice(0, 2), job('other')]), headers)
    expect(again.slice(0, 2).map(({ id }) => id)).toEqual(first.slice(0, 2).map(({ id }) => id))
    expect(again[2]?.error?.code).toBe('idempotency_key_reused')
  })

  it('takes from headers what its lines leave out', async () => {
    const answers = await bulk(textOf([job('x'), job('y', { priority: 'interactive' })]), {
      'x-sluice-priority': 'batch',
    })
    expect(answers.map(({ priority }) => priority)).toEqual(['batch', 'interactive'])
  })

  it('is refused as a whole for another media type, or without a key', async () => {
    for (const type of ['application/json', 'text/plain']) {
      const response = await broker.send(path, { body: '{}', headers: { 'content-type': type } })
      expect(response.status).toBe(415)
      const message = expect.stringContaining('application/x-ndjson')
      expect(await response.json()).toMatchObject({ error: { code: 'unsupported_media_type', message } })
    }
    expect((await broker.send(path, { method: 'POST' })).status).toBe(415)
    expect((await broker.send(path, { body: '{}', headers: ndjson, tenant: null })).status).toBe(401)
  })

  it('without a line is answered without one', async () => {
    expect(await bulk('\n\n')).toEqual([])
  })

  it('says of the lines beyond 50,000 that they were not taken', async () => {
    broker.upstream.script = hang
    // The lines are refused one by one for their content: what is counted is lines, not jobs.
    const answers = await bulk(`${'{}\n'.repeat(50_005)}`)
    expect(answers).toHaveLength(50_001)
    expect(answers.at(-2)).toMatchObject({ line: 50_000, error: { code: 'invalid_request' } })
    expect(answers.at(-1)).toMatchObject({ line: 50_001, error: { code: 'body_too_large' } })
  })
})

/** A bulk that stays open, for what cannot be said with `fetch`. */
function openBulk() {
  const headers = { ...ndjson, authorization: `Bearer ${keyOf('acme')}` }
  const request = httpRequest(`${broker.url}${path}`, { method: 'POST', headers })
  request.on('error', () => undefined)
  async function* read(): AsyncGenerator<Answer, void> {
    const response = await new Promise<import('node:http').IncomingMessage>((resolve) =>
      request.once('response', resolve),
    )
    response.on('error', () => undefined)
    for await (const line of createInterface({ input: response })) yield JSON.parse(line) as Answer
  }
  return { request, answers: read() }
}
