import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { batchLine, startBatch, untilEnded } from '../support/batch-lines.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'

let broker: TestBroker
let client: OpenAI
beforeAll(async () => {
  broker = await startTestBroker()
  client = new OpenAI({ baseURL: broker.baseURL, apiKey: broker.keys.acme, maxRetries: 0 })
})
afterAll(() => broker[Symbol.asyncDispose]())

async function errorsOf(lines: readonly string[] | Buffer) {
  const { id } = await startBatch(client, lines)
  const batch = await untilEnded(client, id)
  return { batch, errors: batch.errors?.data ?? [] }
}

const good = batchLine('good', 'echo: fine')
const without = (field: string) => {
  const { [field]: _, ...rest } = JSON.parse(good) as Record<string, unknown>
  return JSON.stringify(rest)
}
const changed = (fields: object) => JSON.stringify({ ...JSON.parse(good), ...fields })

describe('the lines of a batch', () => {
  it.each([
    ['no JSON', '{"custom_id": ', 'invalid_json_line', null],
    ['no object', '[1, 2]', 'invalid_json_line', null],
    ['no custom_id', without('custom_id'), 'missing_required_parameter', 'custom_id'],
    ['a custom_id that is a number', changed({ custom_id: 7 }), 'invalid_custom_id', 'custom_id'],
    ['another method', changed({ method: 'GET' }), 'invalid_method', 'method'],
    ['no url', without('url'), 'missing_required_parameter', 'url'],
    ['another url', changed({ url: '/v1/embeddings' }), 'invalid_url', 'url'],
    ['no body', without('body'), 'missing_required_parameter', 'body'],
    ['an unknown model', batchLine('a', 'hi', { model: 'gpt-9' }), 'model_not_found', 'body.model'],
    ['no messages', changed({ body: { model: 'local' } }), 'invalid_request', 'body.messages'],
    ['a wrong field', batchLine('a', 'hi', { temperature: 9 }), 'invalid_request', 'body.temperature'],
    ['a stream', batchLine('a', 'hi', { stream: true }), 'invalid_request', 'body.stream'],
    ['more than a body may hold', batchLine('a', 'x'.repeat(1_100_000)), 'body_too_large', null],
  ])('with %s fail it, and are named', async (_, line, code, param) => {
    const { batch, errors } = await errorsOf([good, line])
    expect(batch).toMatchObject({ status: 'failed', output_file_id: null, error_file_id: null })
    expect(batch.failed_at).toBeGreaterThan(0)
    expect(errors).toEqual([expect.objectContaining({ code, param, line: 2 })])
  })

  it.each([
    ['in the background', { input: 'hi', background: true }, 'body.background'],
    ['with a field that is not served', { input: 'hi', prompt: { id: 'p' } }, 'body.prompt'],
    ['with an item of no known type', { input: [{ type: 'riddle' }] }, expect.stringMatching(/^body\.input\[0\]/)],
  ])('for responses %s fail it, and are named', async (_, body, param) => {
    const url = '/v1/responses'
    const line = JSON.stringify({ custom_id: 'r', method: 'POST', url, body: { model: 'local', ...body } })
    const { id } = await startBatch(client, [line], { endpoint: url })
    const { errors } = await untilEnded(client, id)
    expect(errors?.data).toEqual([expect.objectContaining({ code: 'invalid_request', param, line: 1 })])
  })

  it('that are not UTF-8 fail it', async () => {
    const { errors } = await errorsOf(
      Buffer.concat([Buffer.from(`${good}\n{"custom_id":"`), Buffer.from([0xff, 0xfe])]),
    )
    expect(errors).toEqual([expect.objectContaining({ code: 'invalid_json_line', line: 2 })])
  })

  it('with the same name fail it, and both are named', async () => {
    const { errors } = await errorsOf([
      batchLine('a', '1'),
      batchLine('b', '2'),
      batchLine('a', '3'),
      batchLine('b', '4'),
    ])
    expect(errors.map(({ code, line }) => [code, line])).toEqual([
      ['duplicate_custom_id', 3],
      ['duplicate_custom_id', 4],
    ])
    expect(errors[0]?.message).toContain('line 1')
    expect(errors[1]?.message).toContain('line 2')
  })

  it('may be blank, end with CRLF, and begin with a byte order mark', async () => {
    const { batch } = await errorsOf(Buffer.from(`\uFEFF${good}\r\n\r\n   \n${batchLine('other', 'echo: too')}\r\n`))
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 2, completed: 2 } })
  })

  it('may ask for different models', async () => {
    const { batch } = await errorsOf([good, batchLine('b', 'echo: b', { model: 'cloud' })])
    expect(batch).toMatchObject({ status: 'completed', model: null })
  })

  it('are all named, up to a hundred of them', async () => {
    const { errors } = await errorsOf(Array.from({ length: 150 }, () => 'nothing'))
    expect(errors).toHaveLength(100)
    expect(errors.slice(0, 99).map(({ line }) => line)).toEqual(Array.from({ length: 99 }, (_, index) => index + 1))
    expect(errors[99]).toMatchObject({ code: 'more_errors', line: null, message: '51 more lines have errors.' })
  })

  it('are no more than 50,000', async () => {
    const { errors } = await errorsOf(Array.from({ length: 50_001 }, (_, index) => batchLine(`l${index}`, 'x')))
    expect(errors).toEqual([expect.objectContaining({ code: 'too_many_lines', line: null })])
  })

  it.each([[''], ['\n\n']])('are at least one, unlike in %j', async (text) => {
    const { errors } = await errorsOf([text])
    expect(errors).toEqual([expect.objectContaining({ code: 'empty_file', line: null })])
  })

  it('leave nothing of what they say in errors and logs', async () => {
    const secret = 'hush-hush-4711'
    const { errors } = await errorsOf([`{"custom_id": "${secret}`, batchLine('b', 'x', { [secret]: 1, n: secret })])
    expect(errors).toHaveLength(2)
    expect(JSON.stringify(errors)).not.toContain(secret)
    expect(broker.logText()).not.toContain(secret)
  })
})
