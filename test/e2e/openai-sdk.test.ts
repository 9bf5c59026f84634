import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startUpstream } from '../contract/scripted-upstream.ts'
import { type SluiceUp, startSluiceUp } from '../support/sluice-up.ts'

/** OpenAI's own client, unmodified, against `sluice up` as a user starts it. */
let sluice: SluiceUp
let client: OpenAI
beforeAll(async () => {
  sluice = await startSluiceUp()
  // Without retries, so that nothing that went wrong is hidden.
  client = new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: sluice.apiKey, maxRetries: 0 })
})
afterAll(async () => {
  await sluice.stop()
})

const text = 'Mail ada@example.com, or +49 30 901820: grüße, 日本語, 👩‍👧.'
const model = 'sandbox'
const messages = [{ role: 'user' as const, content: `echo:${text}` }]

describe('a chat that waits', () => {
  it('is answered as by OpenAI', async () => {
    const completion = await client.chat.completions.create({ model, messages })
    expect(completion.object).toBe('chat.completion')
    expect(completion.choices).toHaveLength(1)
    expect(completion.choices[0]?.message).toMatchObject({ role: 'assistant', content: text })
    expect(completion.choices[0]?.finish_reason).toBe('stop')
    const { prompt_tokens, completion_tokens, total_tokens } = completion.usage ?? {}
    expect(prompt_tokens).toBeGreaterThan(0)
    expect(total_tokens).toBe((prompt_tokens ?? 0) + (completion_tokens ?? 0))
  })

  it('says in its headers which job it was', async () => {
    const call = client.chat.completions.create({ model, messages })
    const { data, response, request_id } = await call.withResponse()
    expect(data.choices[0]?.message.content).toBe(text)
    const id = response.headers.get('x-sluice-job-id')
    expect(id).toMatch(/^job_[0-9a-f]{32}$/)
    expect(response.headers.get('x-sluice-deployment')).toBe('sandbox')
    expect(response.headers.get('x-sluice-attempts')).toBe('1')
    expect(request_id).toMatch(/^req_/)

    const job = await client.get<{ status: string; result: { choices: unknown } }>(`/jobs/${id}`)
    expect(job).toMatchObject({ id, status: 'completed', result: { choices: data.choices } })
  })

  it('summarises a log, and names itself', async () => {
    const log = ['GET /a 200', 'GET /b 200', 'ERROR disk full on /dev/sda1', 'GET /c 200'].join('\n')
    const completion = await client.chat.completions.create({ model, messages: [{ role: 'user', content: log }] })
    expect(completion.choices[0]?.message.content).toMatch(/disk full/)
    const plain = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Who are you?' }] })
    expect(plain.choices[0]?.message.content).toMatch(/sandbox, not a language model/)
  })

  it('may be many at once, and each has its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const content = `echo:number ${index}`
        const completion = await client.chat.completions.create({ model, messages: [{ role: 'user', content }] })
        return completion.choices[0]?.message.content
      }),
    )
    expect(answers).toEqual(answers.map((_, index) => `number ${index}`))
  })
})

describe('embeddings', () => {
  it('come from the sandbox too, which says that they are hashed words', async () => {
    const { data, model: maker, usage } = await client.embeddings.create({ model, input: [text, text, 'other words'] })
    expect(data.map(({ embedding }) => embedding.length)).toEqual([256, 256, 256])
    expect(data[0]?.embedding).toEqual(data[1]?.embedding)
    expect(data[2]?.embedding).not.toEqual(data[0]?.embedding)
    expect(maker).toBe('sandbox-hashed-words')
    expect(usage.prompt_tokens).toBeGreaterThan(0)
  })
})

describe('a chat that streams', () => {
  it('comes token by token, without usage where nobody asked for it', async () => {
    const stream = await client.chat.completions.create({ model, messages, stream: true })
    const chunks = await Array.fromAsync(stream)
    expect(chunks.length).toBeGreaterThan(5)
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(text)
    expect(chunks.every((chunk) => chunk.object === 'chat.completion.chunk' && chunk.choices.length === 1)).toBe(true)
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop')
    expect(chunks.filter((chunk) => chunk.usage)).toEqual([])
  })

  it('ends with its usage where somebody asked', async () => {
    const options = { include_usage: true }
    const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: options })
    const chunks = await Array.fromAsync(stream)
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(text)
    expect(chunks.at(-1)?.choices).toEqual([])
    const waiting = await client.chat.completions.create({ model, messages })
    expect(chunks.at(-1)?.usage).toEqual(waiting.usage)
    expect(chunks.slice(0, -1).filter((chunk) => chunk.usage)).toEqual([])
  })

  it('is put together by the client’s own helper', async () => {
    const stream = client.chat.completions.stream({ model, messages })
    const deltas: string[] = []
    stream.on('content', (delta) => deltas.push(delta))
    const completion = await stream.finalChatCompletion()
    expect(completion.choices[0]?.message.content).toBe(text)
    expect(deltas.join('')).toBe(text)
  })

  it.each([
    ['ends with it', false, 'cancelled'],
    ['goes on where it is to be stored', true, 'completed'],
  ])('can be left in the middle, and its job %s', async (_name, store, status) => {
    const { data: stream, response } = await client.chat.completions
      .create({ model, messages: [{ role: 'user', content: `echo:${'word '.repeat(2_000)}` }], stream: true, store })
      .withResponse()
    for await (const chunk of stream) {
      expect(chunk.object).toBe('chat.completion.chunk')
      break
    }
    const id = response.headers.get('x-sluice-job-id')
    expect(await client.get(`/jobs/${id}?wait=20`)).toMatchObject({ id, status })
  })
})

describe('models', () => {
  it('are listed, and each is shown', async () => {
    const models = await Array.fromAsync(await client.models.list())
    expect(models.map(({ id }) => id)).toContain(model)
    expect(await client.models.retrieve(model)).toMatchObject({ id: model, object: 'model', owned_by: 'sluice' })
  })
})

describe('errors', () => {
  it('of an unknown model are NotFoundError', async () => {
    const error = await failureOf(client.chat.completions.create({ model: 'gpt-99', messages }))
    expect(error).toBeInstanceOf(OpenAI.NotFoundError)
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model', type: 'invalid_request_error' })
    expect(error.requestID).toMatch(/^req_/)
    expect(await failureOf(client.models.retrieve('gpt-99'))).toBeInstanceOf(OpenAI.NotFoundError)
  })

  it('of a wrong key are AuthenticationError', async () => {
    const stranger = client.withOptions({ apiKey: 'sk-wrong' })
    const error = await failureOf(stranger.chat.completions.create({ model, messages }))
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError)
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' })
    expect(error.message).not.toContain('sk-wrong')
  })

  it('of a bad request are BadRequestError, and name the field', async () => {
    const error = await failureOf(client.chat.completions.create({ model, messages, n: 0 }))
    expect(error).toBeInstanceOf(OpenAI.BadRequestError)
    expect(error).toMatchObject({ status: 400, code: 'invalid_request', param: 'n' })
    const empty = await failureOf(client.chat.completions.create({ model, messages: [] }))
    expect(empty).toMatchObject({ status: 400, param: 'messages' })
  })

  it('of a header name the header', async () => {
    const headers = { 'X-Sluice-Sensitivity': 'top secret' }
    const error = await failureOf(client.chat.completions.create({ model, messages }, { headers }))
    expect(error).toBeInstanceOf(OpenAI.BadRequestError)
    expect(error).toMatchObject({ status: 400, code: 'invalid_header', param: 'x-sluice-sensitivity' })
  })

  it('of a reused Idempotency-Key are UnprocessableEntityError, at once in spite of retries', async () => {
    const retrying = client.withOptions({ maxRetries: 2 })
    const headers = { 'Idempotency-Key': 'openai-sdk' }
    const first = await retrying.chat.completions.create({ model, messages }, { headers })
    const again = await retrying.chat.completions.create({ model, messages }, { headers })
    expect(again.id).toBe(first.id)
    const other = [{ role: 'user' as const, content: 'echo:other' }]
    const error = await failureOf(retrying.chat.completions.create({ model, messages: other }, { headers }))
    expect(error).toBeInstanceOf(OpenAI.UnprocessableEntityError)
    expect(error).toMatchObject({ code: 'idempotency_key_reused', param: 'Idempotency-Key' })
  })
})

describe('a job', () => {
  it('has a webhook that the client’s own unwrap() verifies and reads', async () => {
    await using receiver = await startUpstream((response) => void response.writeHead(204).end())
    const arrived = receiver.nextRequest()
    const input = { endpoint: '/v1/chat/completions', body: { messages } }
    const body = { model, input, webhook: { url: `${receiver.url}/hook` } }
    const { id } = await client.post<{ id: string }>('/jobs', { body })
    const hook = await arrived
    const headers = new Headers(Object.entries(hook.headers).map(([name, value]) => [name, String(value)]))
    const event: object = await client.webhooks.unwrap(hook.body, headers, sluice.webhookSecret)
    expect(event).toMatchObject({
      type: 'job.completed',
      data: { id, result: { choices: [{ message: { content: text } }] } },
    })
    await expect(client.webhooks.unwrap(`${hook.body} `, headers, sluice.webhookSecret)).rejects.toThrow(/signature/i)
  })
})

async function failureOf(promise: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof OpenAI.APIError)) throw new Error(`Expected an APIError, got ${error}`)
  return error
}
