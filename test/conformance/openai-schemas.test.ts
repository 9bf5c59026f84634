import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { richAnswers } from '../contract/rich-answers.ts'
import { keyOf, type SendOptions, type TestBroker } from '../support/broker.ts'
import { echo, hang, refuse } from '../support/chat-upstream.ts'
import { dialectNames, richNames, startDialectBroker } from '../support/dialect-broker.ts'
import { eventually } from '../support/eventually.ts'
import { chatCompletion, chatCompletionChunk, embeddingList } from '../support/openai-chat.ts'
import { deletedResponse, errorResponse } from '../support/openai-objects.ts'
import { inputItemList, type ResponseEventFields, responseEvent, responseObject } from '../support/openai-responses.ts'
import { dataOf, isComment, readRecords } from '../support/sse-reader.ts'
import { withoutExtras } from '../support/upstream-extras.ts'

/**
 * Every answer and every event of the endpoints that run a model, held against what OpenAI says of them, with upstreams
 * of many dialects behind.
 */
let broker: TestBroker
beforeAll(async () => {
  broker = await startDialectBroker({
    config: {
      tenants: {
        acme: { keys: [keyOf('acme')] },
        careful: { keys: [keyOf('careful')], auditor: { answers: 'redact' } },
      },
    },
  })
})
afterEach(() => {
  broker.upstream.script = echo
})
afterAll(() => broker[Symbol.asyncDispose]())

const chatPath = '/v1/chat/completions'
let prompts = 0
const newMessages = () => {
  prompts += 1
  return [{ role: 'user', content: `question ${prompts}` }]
}

async function chat(model: string, more: object = {}, options: SendOptions = {}): Promise<Response> {
  return broker.send(chatPath, { json: { model, messages: newMessages(), ...more }, ...options })
}

async function answerOf(response: Response): Promise<z.infer<typeof chatCompletion>> {
  const body = await response.json()
  expect([response.status, body]).toEqual([200, body])
  return chatCompletion.parse(body)
}

/** The chunks of a stream that ended as it should, each of them as OpenAI describes it. */
async function chunksOf(response: Response, model = '') {
  const records = (await Array.fromAsync(readRecords(response))).filter((record) => !isComment(record)).map(dataOf)
  expect(records.at(-1)).toBe('[DONE]')
  return records.slice(0, -1).map((data) => chatCompletionChunk.parse(withoutExtras(model, JSON.parse(data), true)))
}

const careful = { tenant: 'careful' }
const withUsage = { stream: true, stream_options: { include_usage: true } }
const native = [
  ...['ollama-plain', 'ollama-thinking', 'ollama-tools', 'ollama-likely'],
  ...['anthropic-plain', 'anthropic-thinking', 'anthropic-tools', 'sandbox'],
]
const ofOpenAi = ['openai-tools', 'openai-structured']
/** What a request has to ask for, so that it goes to a model that answers so. */
const askedOf: Readonly<Record<string, object>> = {
  'ollama-likely': { logprobs: true },
  'rich-two-choices': { n: 2, logprobs: true, top_logprobs: 1 },
  'rich-audio': { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } },
  'rich-citations': { web_search_options: {} },
}
const streamed = ['openai-tools', ...richNames.filter((name) => !unstreamed(name)).map((name) => `rich-${name}`)]
function unstreamed(name: string): boolean {
  return name === 'custom-tool' || name === 'audio'
}

describe('a chat that is waited for', () => {
  it.each(dialectNames)('behind %s is what OpenAI describes, and what the upstream adds', async (model) => {
    const response = await chat(model)
    expect(response.status).toBe(200)
    const answer = chatCompletion.parse(withoutExtras(model, await response.json()))
    expect(answer.choices[0]?.message.content).not.toBe('')
    const again = await broker.send(`${chatPath}/${response.headers.get('x-sluice-job-id')}`)
    expect(withoutExtras(model, await again.json())).toEqual(answer)
  })

  it.each([...native, ...ofOpenAi, ...richNames.map((name) => `rich-${name}`)])(
    'behind %s is what OpenAI describes',
    async (model) => {
      const answer = await answerOf(await chat(model, askedOf[model]))
      expect(answer.choices.map(({ index }) => index)).toEqual(model === 'rich-two-choices' ? [0, 1] : [0])
      expect(answer.choices.every(({ message: { role: _role, ...said } }) => Object.values(said).some(Boolean))).toBe(
        true,
      )
    },
  )

  it.each([
    ['auto', 'default'],
    ['default', 'default'],
    ['priority', 'priority'],
    ['fast', 'priority'],
    ['flex', 'flex'],
    ['scale', 'default'],
  ])('that asks for the tier %s names the tier %s', async (asked, told) => {
    expect((await answerOf(await chat('local', { service_tier: asked }))).service_tier).toBe(told)
    const chunks = await chunksOf(await chat('local', { service_tier: asked, ...withUsage }))
    expect(new Set(chunks.map(({ service_tier: tier }) => tier))).toEqual(new Set([told]))
  })
})

describe('a chat that streams', () => {
  it.each([...dialectNames, ...native])('behind %s is chunks as OpenAI describes them', async (model) => {
    const chunks = await chunksOf(await chat(model, { ...withUsage, ...askedOf[model] }), model)
    // Azure's first chunk has none.
    expect(new Set(chunks.map(({ id }) => id || chunks.at(-1)?.id)).size).toBe(1)
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason).length).toBe(1)
    expect(chunks.some(({ usage }) => usage)).toBe(true)
  })

  it.each(streamed)('behind %s is chunks as OpenAI describes them', async (model) => {
    const chunks = await chunksOf(await chat(model, { ...withUsage, ...askedOf[model] }))
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } })
    const ends = chunks.flatMap(({ choices }) => choices.filter(({ finish_reason: reason }) => reason))
    expect(ends).toHaveLength(model === 'rich-two-choices' ? 2 : 1)
  })

  it.each(Object.entries(richAnswers).filter(([name]) => !unstreamed(name)))(
    'of %s is the same from a server that does not stream, and where the answer has to be seen whole',
    async (kind, { waiting }) => {
      const chunks = await chunksOf(await chat(`rich-${kind}`, { ...withUsage, ...askedOf[`rich-${kind}`] }, careful))
      broker.upstream.script = (_call, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(waiting)
      }
      const split = await chunksOf(await chat('local', withUsage))
      for (const each of [chunks, split])
        expect(each.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 20 } })
    },
  )

  it('has no chunk of usage alone unless it is asked for', async () => {
    for (const model of ['openai', 'ollama-plain', 'anthropic-plain', 'sandbox', 'local']) {
      const chunks = await chunksOf(await chat(model, { stream: true }), model)
      expect(chunks.every(({ choices }) => choices.length > 0)).toBe(true)
    }
  })

  it('ends with an error as OpenAI describes it when it breaks off, or fails before it has begun', async () => {
    for (const [model, script] of [
      ['openai-breaks-off', echo],
      ['local', refuse(500)],
    ] as const) {
      broker.upstream.script = script
      const records = await Array.fromAsync(readRecords(await chat(model, { stream: true })))
      const [error, done] = records.slice(-2).map(dataOf)
      expect(done).toBe('[DONE]')
      expect(errorResponse.parse(JSON.parse(error ?? '')).error.type).toBe('server_error')
    }
  })
})

describe('embeddings', () => {
  it.each(['embed-openai', 'embed-ollama', 'sandbox'])('of %s are what OpenAI describes', async (model) => {
    const send = (more: object) => broker.send('/v1/embeddings', { json: { model, input: ['a', 'b'], ...more } })
    const floats = embeddingList.parse(await (await send({ encoding_format: 'float' })).json())
    expect(floats.data.map(({ index, embedding }) => [index, typeof embedding])).toEqual([
      [0, 'object'],
      [1, 'object'],
    ])
    const response = await send({ encoding_format: 'base64' })
    const texts = embeddingList.parse(await response.json())
    expect(texts.data.map(({ embedding }) => typeof embedding)).toEqual(['string', 'string'])
    const again = await broker.send(`/v1/embeddings/${response.headers.get('x-sluice-job-id')}`)
    expect(embeddingList.parse(await again.json())).toEqual(texts)
  })
})

const respond = (model: string, more: object = {}) => {
  prompts += 1
  return broker.send('/v1/responses', { json: { model, input: `question ${prompts}`, ...more } })
}
const eventsOf = async (response: Response): Promise<ResponseEventFields[]> => {
  const records = (await Array.fromAsync(readRecords(response))).filter((record) => !isComment(record))
  return records.map((record) => responseEvent.parse(JSON.parse(dataOf(record))))
}
const untilStatus = (id: string, status: string) =>
  eventually(`${id} is ${status}`, async () => {
    const response = responseObject.parse(await (await broker.send(`/v1/responses/${id}`)).json())
    return response.status === status && response
  })

/** Models whose answers a response has words for. */
const answering = [...dialectNames, ...native, ...['openai-tools', 'rich-refusal', 'rich-citations', 'rich-filtered']]

describe('a response', () => {
  it.each(answering)('behind %s is what OpenAI describes, and so are its events', async (model) => {
    const more = model === 'ollama-likely' ? { include: ['message.output_text.logprobs'] } : {}
    const waited = responseObject.parse(await (await respond(model, more)).json())
    expect(waited.output.length).toBeGreaterThan(0)
    const events = await eventsOf(await respond(model, { ...more, stream: true }))
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index))
    expect(events.at(-1)?.type).toMatch(/^response\.(completed|incomplete)$/)
  })

  it('in the background is what OpenAI describes in every status, and so is its end', async () => {
    broker.upstream.script = hang
    const made = responseObject.parse(await (await respond('local', { background: true })).json())
    await untilStatus(made.id, 'in_progress')
    const cancelled = await broker.send(`/v1/responses/${made.id}/cancel`, { method: 'POST' })
    expect(responseObject.parse(await cancelled.json()).status).toBe('cancelled')
    const replayed = await eventsOf(await broker.send(`/v1/responses/${made.id}?stream=true`))
    expect(replayed[0]?.type).toBe('response.created')

    broker.upstream.script = refuse(500)
    const failing = responseObject.parse(await (await respond('local', { background: true })).json())
    expect((await untilStatus(failing.id, 'failed')).error?.code).toBe('server_error')
    const events = await eventsOf(await respond('local', { stream: true }))
    expect(events.slice(-2).map(({ type }) => type)).toEqual(['error', 'response.failed'])
  })

  it('has a list of its input, and an end when it is deleted', async () => {
    const { id } = responseObject.parse(await (await respond('local', { instructions: 'Be brief.' })).json())
    const items = inputItemList.parse(await (await broker.send(`/v1/responses/${id}/input_items`)).json())
    expect(items.data).toHaveLength(1)
    const gone = await broker.send(`/v1/responses/${id}`, { method: 'DELETE' })
    expect(deletedResponse.parse(await gone.json())).toEqual({ id, object: 'response', deleted: true })
  })
})
