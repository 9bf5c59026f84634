import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { echo } from '../support/chat-upstream.ts'

/** Every field of OpenAI's requests: what is taken, what becomes of it, and what is refused by its name. */
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({
    models: {
      local: [{ id: 'studio-a', pool: 'studio' }],
      plain: [{ id: 'studio-b', pool: 'studio', capabilities: ['chat', 'streaming'] }],
      either: [
        { id: 'studio-c', pool: 'studio', capabilities: ['chat'] },
        { id: 'studio-d', pool: 'studio' },
      ],
    },
  })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const messages = [{ role: 'user', content: 'hello' }]
const chat = (more: object, model = 'local') =>
  broker.send('/v1/chat/completions', { json: { model, messages, ...more } })
const lastCall = () => JSON.parse(broker.upstream.calls.at(-1)?.request.body ?? '{}')
const refusalOf = async (response: Response) => {
  const { error } = (await response.json()) as { error: { code: string; param: string; message: string } }
  return [response.status, error.code, error.param]
}

/** As OpenAI's API reference has them, each with a value that is not the usual. */
const fields = {
  temperature: 0.5,
  top_p: 0.5,
  n: 2,
  max_completion_tokens: 16,
  presence_penalty: -1,
  frequency_penalty: 1,
  stop: ['END'],
  seed: 7,
  logit_bias: { 50256: -100 },
  logprobs: true,
  top_logprobs: 2,
  response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } },
  tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }],
  tool_choice: { type: 'function', function: { name: 'f' } },
  parallel_tool_calls: false,
  reasoning_effort: 'low',
  verbosity: 'low',
  modalities: ['text', 'audio'],
  audio: { voice: 'alloy', format: 'wav' },
  prediction: { type: 'content', content: 'hello' },
  web_search_options: { search_context_size: 'low' },
  store: true,
  metadata: { run: '7' },
  service_tier: 'priority',
  safety_identifier: 'user-1',
  prompt_cache_key: 'key-1',
  prompt_cache_retention: '24h',
  user: 'user-1',
}

describe('the fields of a chat', () => {
  it('reach an upstream that speaks OpenAI’s dialect as they were sent', async () => {
    expect((await chat(fields)).status).toBe(200)
    expect(lastCall()).toMatchObject(fields)
  })

  it('may all be null, which is not to send them', async () => {
    const optional = Object.keys(fields).filter((name) => name !== 'tools' && name !== 'user')
    const nulls = Object.fromEntries(optional.map((name) => [name, null]))
    expect((await chat(nulls, 'plain')).status).toBe(200)
  })

  it.each([
    ['n', 0],
    ['n', 129],
    ['seed', 1.5],
    ['logit_bias', { 1: 101 }],
    ['logprobs', 'yes'],
    ['top_logprobs', 21],
    ['tool_choice', 7],
    ['parallel_tool_calls', 'no'],
    ['modalities', 'audio'],
    ['audio', 'loud'],
    ['prediction', 'hello'],
    ['web_search_options', true],
    ['store', 'yes'],
    ['metadata', { run: 7 }],
    ['metadata', Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`key-${index}`, 'x']))],
    ['safety_identifier', 'x'.repeat(65)],
    ['verbosity', 3],
    ['service_tier', 1],
  ])('are refused by name where they can’t be: %s', async (name, value) => {
    const before = broker.upstream.calls.length
    const [status, code, param] = await refusalOf(await chat({ [name]: value }))
    expect([status, code]).toEqual([400, 'invalid_request'])
    expect(param).toMatch(new RegExp(`^${name}`))
    expect(broker.upstream.calls.length).toBe(before)
  })

  it.each([
    ['audio', { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } }],
    ['web_search', { web_search_options: {} }],
    ['logprobs', { logprobs: true }],
    ['n', { n: 2 }],
    ['json_schema', { response_format: fields.response_format }],
    ['reasoning', { reasoning_effort: 'low' }],
  ])('that need %s go where it can be done, and are refused where nobody can', async (need, more) => {
    const served = await chat(more, 'either')
    expect([served.status, served.headers.get('x-sluice-deployment')]).toEqual([200, 'studio-d'])
    const refused = await chat(more, 'plain')
    const { error } = (await refused.json()) as { error: { code: string; message: string } }
    expect([refused.status, error.code]).toEqual([400, 'unsupported_by_deployments'])
    expect(error.message).toContain(need)
  })

  it('give the job its metadata', async () => {
    const response = await chat({ metadata: { run: '7' } })
    const job = await broker.send(`/v1/jobs/${response.headers.get('x-sluice-job-id')}`)
    expect(await job.json()).toMatchObject({ metadata: { run: '7' } })
  })
})

describe('the input of embeddings', () => {
  const embed = (input: unknown, more: object = {}) =>
    broker.send('/v1/embeddings', { json: { model: 'local', input, ...more } })
  const answer = (count: number) => {
    const data = Array.from({ length: count }, (_, index) => ({ object: 'embedding', index, embedding: [0.5, index] }))
    broker.upstream.script = (_call, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ object: 'list', data, model: 'm', usage: { prompt_tokens: 1, total_tokens: 1 } }))
    }
  }

  it('is up to 2,048 texts, each with its vector, and no more', async () => {
    answer(2_048)
    const texts = Array.from({ length: 2_048 }, (_, index) => `text ${index}`)
    const response = await embed(texts, { dimensions: 2, encoding_format: 'float', user: 'user-1' })
    const { data } = (await response.json()) as { data: { index: number; embedding: number[] }[] }
    expect(data.map(({ embedding }) => embedding[1])).toEqual(texts.map((_, index) => index))
    expect(lastCall()).toMatchObject({ input: texts, dimensions: 2, encoding_format: 'float', user: 'user-1' })
    expect(await refusalOf(await embed([...texts, 'one more']))).toEqual([400, 'invalid_request', 'input'])
  })

  it('may be tokens, in one list or in many', async () => {
    for (const input of [
      [1, 2, 3],
      [[1, 2], [3]],
    ]) {
      answer(Array.isArray(input[0]) ? 2 : 1)
      expect((await embed(input)).status).toBe(200)
      expect(lastCall().input).toEqual(input)
    }
    expect(await refusalOf(await embed('x', { encoding_format: 'int8' }))).toEqual([
      400,
      'invalid_request',
      'encoding_format',
    ])
    expect(await refusalOf(await embed('x', { dimensions: 0 }))).toEqual([400, 'invalid_request', 'dimensions'])
  })
})
